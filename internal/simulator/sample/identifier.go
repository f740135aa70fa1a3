package sample

import "github.com/google/uuid"

// identifier returns the GUID of a thing of a kind ("offer", "vendor"); it depends on its arguments alone.
func identifier(kind, text string) string {
	return uuid.NewSHA1(uuid.NameSpaceOID, []byte(kind+"/"+text)).String()
}

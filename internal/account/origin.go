package account

import (
	"errors"
	"strings"

	"crosswalk/internal/outbound"
)

var errPath = errors.New("must be only the host, such as api-eu.myconnectwise.net, without a path")

// parseConnectWiseOrigin reads a host or an origin as users have it, and returns the origin.
func parseConnectWiseOrigin(raw string, allowInsecure bool) (string, error) {
	raw = strings.TrimSpace(raw)
	if !strings.Contains(raw, "://") {
		raw = "https://" + raw
	}
	origin, err := outbound.ParseURL(raw, allowInsecure)
	if err != nil {
		return "", err
	}
	if origin.Path != "" {
		return "", errPath
	}
	return origin.String(), nil
}

// sameServer reports whether two normalised origins lead to one ConnectWise. The scheme does not matter,
// and neither does the api- prefix on ConnectWise's own domains, where both names lead to the same records.
func sameServer(a, b string) bool { return serverKey(a) == serverKey(b) }

func serverKey(origin string) string {
	_, host, _ := strings.Cut(strings.ToLower(origin), "://")
	name, _, _ := strings.Cut(host, ":")
	if strings.HasSuffix(name, ".myconnectwise.net") || strings.HasSuffix(name, ".connectwisedev.com") {
		return strings.TrimPrefix(host, "api-")
	}
	return host
}

package testschema

import (
	"errors"
	"io"

	"github.com/99designs/gqlgen/graphql"
)

// Short is a scalar that is choosy about its values.
type Short string

// UnmarshalGQL reads a value.
func (s *Short) UnmarshalGQL(value any) error {
	text, ok := value.(string)
	if !ok || len(text) > 10 {
		return errors.New("must be a text of at most ten letters")
	}
	*s = Short(text)
	return nil
}

// MarshalGQL writes the value.
func (s Short) MarshalGQL(w io.Writer) { graphql.MarshalString(string(s)).MarshalGQL(w) }

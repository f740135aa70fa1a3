package seal

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// hidden is what every way of printing a Secret shows.
const hidden = "[secret]"

// Secret is a text that must not be seen: a key, a token. Printing it, logging it, putting it into an
// error, JSON or a query argument never shows it, not even inside a struct's unexported field; Reveal is
// the only way out. The zero value is the empty secret. Secrets are not comparable with ==.
type Secret struct {
	_ [0]func()
	// text sits behind a pointer because fmt prints unexported fields without asking their methods.
	text *string
}

// NewSecret wraps text.
func NewSecret(text string) Secret { return Secret{text: &text} }

// Reveal returns the text itself. Call it where the secret is sent or sealed, nowhere else.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsEmpty reports whether there is nothing to reveal.
func (s Secret) IsEmpty() bool { return s.Reveal() == "" }

// String hides the secret.
func (Secret) String() string { return hidden }

// GoString hides the secret.
func (Secret) GoString() string { return hidden }

// Format hides the secret from every verb of package fmt.
func (Secret) Format(state fmt.State, _ rune) { _, _ = io.WriteString(state, hidden) }

// LogValue hides the secret from package slog.
func (Secret) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalJSON hides the secret.
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + hidden + `"`), nil }

// MarshalText hides the secret.
func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// UnmarshalText takes a secret in, from a command-line flag or a document.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = NewSecret(string(text))
	return nil
}

// Value refuses to be a query argument: a secret is stored sealed or not at all.
func (Secret) Value() (driver.Value, error) {
	return nil, errors.New("a secret cannot be stored before it is sealed")
}

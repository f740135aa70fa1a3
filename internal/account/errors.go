package account

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ErrConflict is what a *ConflictError is.
var ErrConflict = errors.New("conflict")

// FieldError says what is wrong with one field of an input.
type FieldError struct {
	// Field is the path into the input, such as ["chargeStartDateRule", "day"].
	Field []string
	// Message is a sentence a user can act on; it never repeats a secret.
	Message string
}

// FieldErrors is everything that is wrong with an input; nothing of it was saved.
type FieldErrors []FieldError

func (e FieldErrors) Error() string {
	texts := make([]string, len(e))
	for i, field := range e {
		texts[i] = strings.Join(field.Field, ".") + ": " + field.Message
	}
	return strings.Join(texts, "; ")
}

// add notes a problem with field.
func (e *FieldErrors) add(message string, field ...string) {
	*e = append(*e, FieldError{Field: field, Message: message})
}

// err returns what was noted, or nil.
func (e FieldErrors) err() error {
	if len(e) == 0 {
		return nil
	}
	return e
}

// ConflictError means that a well-formed change contradicts what is stored. It is ErrConflict.
type ConflictError struct {
	// Field is the path into the input.
	Field []string
	// Message is a sentence a user can act on.
	Message string
}

func (e *ConflictError) Error() string { return e.Message }

// Is makes errors.Is(err, ErrConflict) hold.
func (e *ConflictError) Is(target error) bool { return target == ErrConflict }

// UnauthenticatedError is an ErrUnauthenticated whose reason may be told.
type UnauthenticatedError struct {
	// Reason is a sentence; it repeats nothing of the token.
	Reason string
}

func (e *UnauthenticatedError) Error() string { return e.Reason }

// Is makes errors.Is(err, ErrUnauthenticated) hold.
func (e *UnauthenticatedError) Is(target error) bool { return target == ErrUnauthenticated }

// UndecidedError means that it cannot be told at the moment whether a token is valid.
type UndecidedError struct {
	// Reason is a sentence for the caller.
	Reason string
	// Err is what is the matter, for operators.
	Err error
}

func (e *UndecidedError) Error() string { return e.Reason + " (" + e.Err.Error() + ")" }
func (e *UndecidedError) Unwrap() error { return e.Err }

// maxName and maxCredential bound texts, in characters: names are read by people, credentials are sent in headers.
const (
	maxName       = 200
	maxCredential = 4000
)

// name trims a text that people read and notes what is wrong with it.
func (e *FieldErrors) name(text, field string) string {
	text = strings.TrimSpace(text)
	switch {
	case text == "":
		e.add("must not be empty", field)
	case !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl):
		e.add("must not contain control characters", field)
	case utf8.RuneCountInString(text) > maxName:
		e.add("must not be longer than 200 characters", field)
	}
	return text
}

// credential trims a text that travels in an HTTP header and notes what is wrong with it, without
// repeating it. forbidden lists characters that would change what the header says.
func (e *FieldErrors) credential(text, forbidden, field string) string {
	text = strings.TrimSpace(text)
	unprintable := func(r rune) bool { return r <= ' ' || r > '~' }
	switch {
	case text == "":
		e.add("must not be empty", field)
	case strings.ContainsFunc(text, unprintable):
		e.add("must consist of letters, digits and punctuation, without spaces; was all of it copied, and nothing else?", field)
	case strings.ContainsAny(text, forbidden):
		e.add("must not contain "+strings.Join(strings.Split(forbidden, ""), " or "), field)
	case len(text) > maxCredential:
		e.add("must not be longer than 4000 characters", field)
	}
	return text
}

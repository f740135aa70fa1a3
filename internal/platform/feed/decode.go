package feed

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// page is one answer of a collection.
type page[T any] struct {
	items []T
	// number is the page's own idea of its number; 0 when it does not say.
	number int
	// total is the size of the whole collection.
	total int
}

// rowError is a row that is complete but cannot be read, counted from 1. The id is empty where the row has none.
type rowError struct {
	row int
	id  string
	err error
}

func (e *rowError) Error() string { return fmt.Sprintf("row %d: %v", e.row, e.err) }
func (e *rowError) Unwrap() error { return e.err }

// reason is a sentence that names the row and what is wrong with it.
func (e *rowError) reason() string {
	name := "the row"
	if e.id != "" {
		name += fmt.Sprintf(" with the id %.100q", e.id)
	}
	what := e.err.Error()
	var form *json.UnmarshalTypeError
	switch {
	case errors.As(e.err, &form) && form.Field != "":
		what = fmt.Sprintf("%s is of the wrong kind: %s", form.Field, form.Value)
	case errors.As(e.err, &form):
		what = "it is not an object: " + form.Value
	}
	return fmt.Sprintf("%s cannot be read: %s", name, what)
}

// errNotAPage means that the JSON is sound but has not the members of a page.
var errNotAPage = errors.New("the answer has not the form of a page")

// decodePage reads one page, row by row. Its error is a *rowError when asking again would not help;
// anything else means that the page did not come through.
func decodePage[T any](body io.Reader, read func(*json.Decoder) (T, error)) (page[T], error) {
	var (
		p                 page[T]
		sawItems, sawSize bool
	)
	decoder := json.NewDecoder(body)
	if err := expect(decoder, json.Delim('{')); err != nil {
		return p, err
	}
	for decoder.More() {
		member, err := decoder.Token()
		if err != nil {
			return p, err
		}
		switch member {
		case "items":
			sawItems = true
			p.items, err = decodeItems(decoder, read)
		case "page":
			err = decoder.Decode(&p.number)
		case "totalCount":
			var total *int
			if err = decoder.Decode(&total); err == nil && total != nil {
				sawSize, p.total = true, *total
			}
		default:
			var ignored json.RawMessage
			err = decoder.Decode(&ignored)
		}
		if err != nil {
			return p, err
		}
	}
	if err := expect(decoder, json.Delim('}')); err != nil {
		return p, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return p, fmt.Errorf("%w: there is more after its end", errNotAPage)
	}
	if !sawItems || !sawSize || p.total < 0 {
		return p, fmt.Errorf("%w: items or totalCount is missing", errNotAPage)
	}
	return p, nil
}

func decodeItems[T any](decoder *json.Decoder, read func(*json.Decoder) (T, error)) ([]T, error) {
	opening, err := decoder.Token()
	if err != nil {
		return nil, err
	}
	if opening == nil {
		return nil, nil
	}
	if opening != json.Delim('[') {
		return nil, fmt.Errorf("%w: items is not a list", errNotAPage)
	}
	var items []T
	for decoder.More() {
		item, err := read(decoder)
		if err != nil && isIncomplete(err) {
			return nil, err
		}
		if err != nil {
			return nil, atRow(len(items)+1, err)
		}
		items = append(items, item)
	}
	return items, expect(decoder, json.Delim(']'))
}

// atRow says which row an error is of.
func atRow(row int, err error) error {
	bad := &rowError{err: err}
	errors.As(err, &bad)
	bad.row = row
	return bad
}

func expect(decoder *json.Decoder, want json.Delim) error {
	token, err := decoder.Token()
	if err != nil {
		return err
	}
	if token != want {
		return fmt.Errorf("%w: %v stands where %v should", errNotAPage, token, want)
	}
	return nil
}

// isIncomplete tells a row that did not come through from one that came and makes no sense.
func isIncomplete(err error) bool {
	var (
		syntax  *json.SyntaxError
		arrival *arrivalError
	)
	return errors.As(err, &syntax) || errors.As(err, &arrival) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// arrivalError is trouble on the way of a body, as opposed to trouble in it.
type arrivalError struct{ err error }

func (e *arrivalError) Error() string { return e.err.Error() }
func (e *arrivalError) Unwrap() error { return e.err }

// arriving marks what goes wrong on the way of a body.
type arriving struct{ body io.Reader }

func (a arriving) Read(p []byte) (int, error) {
	n, err := a.body.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = &arrivalError{err: err}
	}
	return n, err
}

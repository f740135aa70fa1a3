package httpapi

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/99designs/gqlgen/graphql"
)

// readRequest reads the operation out of a GET or POST request. Its errors are
// refusals that never quote the body.
func readRequest(w http.ResponseWriter, r *http.Request, maxBytes int64) (*graphql.RawParams, error) {
	start := graphql.Now()
	read := readQuery
	if r.Method == http.MethodPost {
		read = func(r *http.Request) (asked, error) { return readBody(w, r, maxBytes) }
	}
	fields, err := read(r)
	if err != nil {
		return nil, err
	}
	params, err := fields.params()
	if err != nil {
		return nil, err
	}
	params.Headers = r.Header
	params.ReadTime = graphql.TraceTiming{Start: start, End: graphql.Now()}
	return params, nil
}

// asked are the parts of a request.
type asked struct {
	Query         string          `json:"query"`
	OperationName string          `json:"operationName"`
	Variables     json.RawMessage `json:"variables"`
	Extensions    json.RawMessage `json:"extensions"`
}

// bodyTime is how long a request's body may take to arrive.
const bodyTime = 30 * time.Second

func readBody(w http.ResponseWriter, r *http.Request, maxBytes int64) (asked, error) {
	if !isJSONBody(r.Header) {
		return asked{}, badRequest("Send the operation as JSON, with the header Content-Type: application/json.").
			withStatus(http.StatusUnsupportedMediaType)
	}
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return asked{}, badRequest("Send the body without Content-Encoding.").withStatus(http.StatusUnsupportedMediaType)
	}
	control := http.NewResponseController(w)
	// Not every connection has deadlines; where there are none, none is missed.
	_ = control.SetReadDeadline(time.Now().Add(bodyTime))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBytes))
	_ = control.SetReadDeadline(time.Time{})
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return asked{}, reached(LimitBody, "The request body is larger than the %d bytes that are allowed.", maxBytes).
			withStatus(http.StatusRequestEntityTooLarge)
	case err != nil:
		return asked{}, badRequest("The request body did not arrive completely.")
	case len(bytes.TrimSpace(body)) == 0:
		return asked{}, badRequest(`The request body is empty. Send {"query": "…"}.`)
	case !utf8.Valid(body):
		return asked{}, badRequest("The request body is not UTF-8.")
	}
	return parseBody(body)
}

func parseBody(body []byte) (fields asked, err error) {
	var syntax *json.SyntaxError
	var mistyped *json.UnmarshalTypeError
	switch err := json.Unmarshal(body, &fields); {
	case errors.As(err, &syntax):
		return asked{}, badRequest(fmt.Sprintf("The request body is not valid JSON: something is wrong at byte %d of %d.",
			syntax.Offset, len(body)))
	case bytes.HasPrefix(bytes.TrimSpace(body), []byte("[")):
		batch := reached(LimitBatch, "Send one operation per request, as a JSON object; lists of operations are not served.")
		batch.code = codeBadUserInput
		return asked{}, batch.withStatus(http.StatusBadRequest)
	case errors.As(err, &mistyped) && mistyped.Field != "":
		return asked{}, badRequest(mistyped.Field + " must be a string.")
	case err != nil || bytes.Equal(bytes.TrimSpace(body), []byte("null")):
		return asked{}, badRequest(`The request body must be a JSON object, such as {"query": "…"}.`)
	}
	return fields, nil
}

// readQuery reads the parameters of a URL. Variables and extensions are JSON
// there too; the others are plain text.
func readQuery(r *http.Request) (asked, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	fields := asked{Query: values.Get("query"), OperationName: values.Get("operationName")}
	if err != nil || !utf8.ValidString(fields.Query) || !utf8.ValidString(fields.OperationName) {
		return asked{}, badRequest("The parameters in the URL are not properly encoded.")
	}
	for name, field := range map[string]*json.RawMessage{"variables": &fields.Variables, "extensions": &fields.Extensions} {
		text := values.Get(name)
		if text == "" {
			continue
		}
		if !json.Valid([]byte(text)) || !utf8.ValidString(text) {
			return asked{}, badRequest("The URL parameter " + name + " must be a JSON object.")
		}
		*field = json.RawMessage(text)
	}
	return fields, nil
}

func (a asked) params() (*graphql.RawParams, error) {
	variables, variablesErr := object("variables", a.Variables)
	extensions, extensionsErr := object("extensions", a.Extensions)
	if err := cmp.Or(variablesErr, extensionsErr); err != nil {
		return nil, err
	}
	if strings.TrimSpace(a.Query) == "" && extensions[persistedExtension] == nil {
		return nil, badRequest("The request says nothing to execute: query is missing or empty.")
	}
	return &graphql.RawParams{Query: a.Query, OperationName: a.OperationName, Variables: variables, Extensions: extensions}, nil
}

// object reads a part of a request that is an object, or null.
func object(name string, value json.RawMessage) (map[string]any, error) {
	var object map[string]any
	if isNull(value) {
		return nil, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(value))
	decoder.UseNumber()
	if err := decoder.Decode(&object); err != nil {
		return nil, badRequest(name + " must be a JSON object.")
	}
	return object, nil
}

func isNull(value json.RawMessage) bool {
	return len(value) == 0 || string(value) == "null"
}

// badRequest refuses a request whose form is wrong, whatever it asks for.
func badRequest(message string) *refusal {
	return (&refusal{code: codeBadUserInput, message: message}).withStatus(http.StatusBadRequest)
}

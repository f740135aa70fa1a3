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
		read = func(r *http.Request) (members, error) { return readBody(w, r, maxBytes) }
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

// members are the parts of a request by name, each as JSON.
type members map[string]json.RawMessage

// bodyTime is how long a request's body may take to arrive.
const bodyTime = 30 * time.Second

func readBody(w http.ResponseWriter, r *http.Request, maxBytes int64) (members, error) {
	if !isJSONBody(r.Header) {
		return nil, badRequest("Send the operation as JSON, with the header Content-Type: application/json.").
			withStatus(http.StatusUnsupportedMediaType)
	}
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return nil, badRequest("Send the body without Content-Encoding.").withStatus(http.StatusUnsupportedMediaType)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBytes))
	if err == nil {
		// It has arrived; a stream may last longer. Not every connection has deadlines; where there are none, none is missed.
		_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	}
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, reached(LimitBody, "The request body is larger than the %d bytes that are allowed.", maxBytes).
			withStatus(http.StatusRequestEntityTooLarge)
	case err != nil:
		return nil, badRequest("The request body did not arrive completely.")
	case len(bytes.TrimSpace(body)) == 0:
		return nil, badRequest(`The request body is empty. Send {"query": "…"}.`)
	case !utf8.Valid(body):
		return nil, badRequest("The request body is not UTF-8.")
	}
	return parseMembers(body)
}

// tooDeep is how encoding/json's error about more than 10,000 levels ends; it
// has no other mark for that.
const tooDeep = "exceeded max depth"

func parseMembers(body []byte) (members, error) {
	var fields members
	err := json.Unmarshal(body, &fields)
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax) && strings.HasSuffix(syntax.Error(), tooDeep):
		return nil, badRequest("The request body is nested too deeply: at most 10000 levels of JSON are read.")
	case errors.As(err, &syntax):
		return nil, badRequest(fmt.Sprintf("The request body is not valid JSON: something is wrong at byte %d of %d.",
			syntax.Offset, len(body)))
	case bytes.HasPrefix(bytes.TrimSpace(body), []byte("[")):
		return nil, reached(LimitBatch, "Send one operation per request, as a JSON object; lists of operations are not served.").
			withStatus(http.StatusBadRequest)
	case err != nil || fields == nil:
		return nil, badRequest(`The request body must be a JSON object, such as {"query": "…"}.`)
	}
	return fields, nil
}

// readQuery reads the parameters of a URL. Variables and extensions are JSON
// there too; the others are plain text.
func readQuery(r *http.Request) (members, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil || !utf8.ValidString(values.Get("query")) {
		return nil, badRequest("The parameters in the URL are not properly encoded.")
	}
	fields := members{}
	for _, name := range []string{"query", "operationName"} {
		if values.Has(name) {
			// A string cannot fail to become JSON.
			fields[name], _ = json.Marshal(values.Get(name))
		}
	}
	for _, name := range []string{"variables", "extensions"} {
		text := values.Get(name)
		if text == "" {
			continue
		}
		if !json.Valid([]byte(text)) || !utf8.ValidString(text) {
			return nil, badRequest("The URL parameter " + name + " must be a JSON object.")
		}
		fields[name] = json.RawMessage(text)
	}
	return fields, nil
}

func (m members) params() (*graphql.RawParams, error) {
	query, queryErr := m.text("query")
	name, nameErr := m.text("operationName")
	variables, variablesErr := m.object("variables")
	extensions, extensionsErr := m.object("extensions")
	if err := cmp.Or(queryErr, nameErr, variablesErr, extensionsErr); err != nil {
		return nil, err
	}
	if strings.TrimSpace(query) == "" && extensions[persistedExtension] == nil {
		return nil, nothingToExecute()
	}
	return &graphql.RawParams{Query: query, OperationName: name, Variables: variables, Extensions: extensions}, nil
}

func (m members) text(name string) (string, error) {
	var text string
	if isNull(m[name]) {
		return "", nil
	}
	if err := json.Unmarshal(m[name], &text); err != nil {
		return "", badRequest(name + " must be a string.")
	}
	return text, nil
}

func (m members) object(name string) (map[string]any, error) {
	var object map[string]any
	if isNull(m[name]) {
		return nil, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(m[name]))
	decoder.UseNumber()
	if err := decoder.Decode(&object); err != nil {
		return nil, badRequest(name + " must be a JSON object.")
	}
	return object, nil
}

func isNull(value json.RawMessage) bool {
	return len(value) == 0 || string(value) == "null"
}

func nothingToExecute() *refusal {
	return badRequest("The request says nothing to execute: query is missing or empty.")
}

// badRequest refuses a request whose form is wrong, whatever it asks for.
func badRequest(message string) *refusal {
	return (&refusal{code: codeBadUserInput, message: message}).withStatus(http.StatusBadRequest)
}

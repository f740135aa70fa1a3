package connectwise

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// refusal is an answer that says no, in the shape of ConnectWise's error bodies.
type refusal struct {
	status int
	// retryAfter is how many seconds to wait after a 429.
	retryAfter int
	Code       string    `json:"code"`
	Message    string    `json:"message"`
	Errors     []problem `json:"errors"`
}

// problem is one thing wrong with a record that was sent.
type problem struct {
	Code     string `json:"code"`
	Message  string `json:"message"`
	Resource string `json:"resource"`
	Field    string `json:"field"`
}

func (r *refusal) Error() string { return fmt.Sprintf("%d %s: %s", r.status, r.Code, r.Message) }

func (r *refusal) body() []byte {
	body, err := json.Marshal(r)
	if err != nil { // strings always marshal
		return []byte(`{"code":"ConnectWiseApi","message":"","errors":null}`)
	}
	return body
}

// The codes of entries of the error list.
const (
	missingRequired  = "MissingRequiredField"
	objectExists     = "ObjectExists"
	outOfRange       = "OutOfRange"
	unsupported      = "UnsupportedFormat"
	invalidMember    = "InvalidObject"
	invalidObject    = "InvalidObject"
	permissionRefuse = "You do not have security permission to perform this action."
)

func noSuchEndpoint() *refusal {
	return &refusal{status: http.StatusNotFound, Code: "ConnectWiseApi", Message: "The endpoint does not exist."}
}

func notFound(title string, id int64) *refusal {
	return &refusal{status: http.StatusNotFound, Code: "NotFound", Message: fmt.Sprintf("%s %d not found", title, id)}
}

func badCondition(message string) *refusal {
	return &refusal{status: http.StatusBadRequest, Code: "ApiFindCondition", Message: message}
}

// badParameter refuses a paging parameter.
func badParameter(name, message string) *refusal {
	return &refusal{
		status: http.StatusBadRequest, Code: invalidObject, Message: "pagination object is invalid",
		Errors: []problem{{Code: outOfRange, Message: message, Resource: "pagination", Field: name}},
	}
}

func badBody(resource, message string) *refusal {
	return &refusal{status: http.StatusBadRequest, Code: invalidObject, Message: fmt.Sprintf("%s object is invalid: %s", resource, message)}
}

// invalid refuses a record for its problems.
func invalid(resource string, problems []problem) *refusal {
	for i := range problems {
		problems[i].Resource = resource
	}
	return &refusal{
		status: http.StatusBadRequest, Code: invalidObject, Message: resource + " object is invalid", Errors: problems,
	}
}

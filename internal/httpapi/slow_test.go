package httpapi_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"crosswalk/internal/httpapi"
)

// logged are the lines of the log with a message.
func (l *logBook) logged(t *testing.T, message string) []map[string]any {
	t.Helper()
	var found []map[string]any
	for line := range strings.Lines(l.String()) {
		var entry map[string]any
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatalf("a line that is not JSON: %s", line)
		}
		if entry["msg"] == message {
			found = append(found, entry)
		}
	}
	return found
}

func TestSlowOperationsAreLoggedWithoutTheirValues(t *testing.T) {
	t.Parallel()
	gateway := newGateway(t, func(config *httpapi.Config) {
		config.SlowOperation = 30 * time.Millisecond
		config.Limits.ExecutionTime = 60 * time.Millisecond
		config.Cost = characters
	})
	gateway.send(t, http.MethodPost, "/graphql",
		`{"query":"query Dawdling($secret: String) { echo(text: $secret) slow }","variables":{"secret":"`+secretText+`"}}`, "X-Request-Id: one")
	gateway.send(t, http.MethodPost, "/graphql", `{"query":"{ slow echo(text: \"`+secretText+`\") }"}`, "X-Request-Id: two")
	slow := gateway.log.logged(t, "slow operation")
	if len(slow) != 2 {
		t.Fatalf("%d slow operations in the log, want 2:\n%s", len(slow), gateway.log)
	}
	for name, want := range map[string]string{
		"level": `"WARN"`, "request_id": `"one"`, "operation": `"Dawdling"`, "operation_type": `"query"`, "fields": `["echo","slow"]`,
		"seller": `"7"`, "subject": `"ada@example.com"`, "cost": "60",
	} {
		if got, _ := json.Marshal(slow[0][name]); string(got) != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	if slow[1]["operation"] != "" || slow[1]["request_id"] != "two" {
		t.Errorf("logged %v, want the request without a name", slow[1])
	}
	if strings.Contains(gateway.log.String(), secretText) {
		t.Errorf("the log tells a value:\n%s", gateway.log)
	}
}

func TestQuickOperationsAreNotLoggedAsSlow(t *testing.T) {
	t.Parallel()
	gateway := newGateway(t, nil)
	gateway.query(t, "{ __typename }", "")
	if slow := gateway.log.logged(t, "slow operation"); len(slow) > 0 {
		t.Errorf("logged %v, want nothing", slow)
	}
}

func TestAPanicInAResolverHarmsNobodyElse(t *testing.T) {
	t.Parallel()
	gateway := newGateway(t, nil)
	neighbour := make(chan answer, 1)
	go func() { neighbour <- gateway.query(t, "{ stubborn }", "") }()
	<-gateway.resolver.Waiting
	_, events := gateway.listen(t, "subscription { count }")
	requireEvents(t, events, ":", "event: next")

	answer := gateway.query(t, "query Exploding { viewer { subject } fail(how: PANIC) }", "")
	result := answer.graphQL(t)
	if answer.status != 200 || len(result.Errors) != 1 || answer.code(t) != "INTERNAL" || result.Data["viewer"] == nil {
		t.Fatalf("%d %s, want one error INTERNAL beside the rest of the data", answer.status, answer.body)
	}
	if id := result.Errors[0].Extensions["requestId"]; id != answer.header.Get("X-Request-Id") || strings.Contains(string(answer.body), "hunter2") {
		t.Errorf("%s, want the request's id and nothing of the panic", answer.body)
	}
	requireEvents(t, events, "event: next")
	close(gateway.resolver.Release)
	if answer := <-neighbour; string(answer.body) != `{"data":{"stubborn":"at last"}}` {
		t.Errorf("the request beside it: %s, want its answer", answer.body)
	}
}

package httpapi_test

import (
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"crosswalk/internal/httpapi"
)

// meter counts the limits that were reached.
type meter struct {
	mu      sync.Mutex
	reached map[httpapi.Limit]int
}

func (m *meter) LimitReached(limit httpapi.Limit) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.reached == nil {
		m.reached = map[httpapi.Limit]int{}
	}
	m.reached[limit]++
}

// requireReached checks what was counted since the last time.
func (m *meter) requireReached(t *testing.T, want map[httpapi.Limit]int) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	if !maps.Equal(m.reached, want) {
		t.Errorf("limits reached: %v, want %v", m.reached, want)
	}
	clear(m.reached)
}

// characters is a cost that is easily chosen: the length of the document.
func characters(operation *graphql.OperationContext) int { return len(operation.RawQuery) }

func TestEveryLimitSaysWhichItIsAndIsCountedOnce(t *testing.T) {
	t.Parallel()
	long := "{ " + strings.Repeat("viewer { subject } ", 110) + "}"
	tests := []struct {
		limit         httpapi.Limit
		configure     func(*httpapi.Limits)
		query         string
		code, message string
	}{
		{httpapi.LimitTokens, func(l *httpapi.Limits) { l.Tokens = 4 }, "{ viewer { subject } }", "LIMIT_EXCEEDED", "exceeded token limit of 4"},
		{httpapi.LimitTokens, func(l *httpapi.Limits) { l.Tokens = 100 }, long, "LIMIT_EXCEEDED", "exceeded token limit of 100"},
		{httpapi.LimitDepth, func(l *httpapi.Limits) { l.Depth = 1 }, "{ viewer { subject } }", "DEPTH_LIMIT_EXCEEDED", "2 levels deep; at most 1"},
		{httpapi.LimitAliases, func(l *httpapi.Limits) { l.Aliases = 1 }, "{ a: __typename b: __typename }", "LIMIT_EXCEEDED", "more fields than the 1"},
		{
			httpapi.LimitDirectives, func(l *httpapi.Limits) { l.Directives = 3 },
			"query ($a: Boolean = true) { viewer @skip(if: $a) { ...F @include(if: $a) ... @skip(if: $a) { role } } } fragment F on Viewer { subject @skip(if: $a) }",
			"LIMIT_EXCEEDED", "holds 4 directives; at most 3",
		},
		{httpapi.LimitRepeats, func(*httpapi.Limits) {}, "{ " + strings.Repeat("viewer ", 1001) + "}", "LIMIT_EXCEEDED", "more often than the 1000 times"},
		{httpapi.LimitCost, func(l *httpapi.Limits) { l.Cost = 20 }, "{ viewer { subject } }", "COST_LIMIT_EXCEEDED", "would cost 22; at most 20"},
	}
	for _, test := range tests {
		t.Run(fmt.Sprint(test.limit), func(t *testing.T) {
			t.Parallel()
			var meter meter
			gateway := newGateway(t, func(config *httpapi.Config) {
				config.Cost, config.Observer = characters, &meter
				test.configure(&config.Limits)
			})
			answer := gateway.query(t, test.query, "")
			requireRefusal(t, answer, 400, test.code, test.message)
			if got := answer.graphQL(t).Errors[0].Extensions["limit"]; got != string(test.limit) {
				t.Errorf("extensions.limit is %v, want %s: %s", got, test.limit, answer.body)
			}
			meter.requireReached(t, map[httpapi.Limit]int{test.limit: 1})
			if answer := gateway.query(t, "{ __typename }", ""); answer.code(t) != "" && test.limit != httpapi.LimitTokens {
				t.Errorf("a small operation: %s, want it answered", answer.body)
			}
		})
	}
}

func TestLimitsOnRequestsAreCounted(t *testing.T) {
	t.Parallel()
	var meter meter
	gateway := newGateway(t, func(config *httpapi.Config) {
		config.Observer = &meter
		config.Limits.BodyBytes = 1000
		config.Limits.ExecutionTime = 20 * time.Millisecond
	})
	gateway.send(t, http.MethodPost, "/graphql", `{"query":"`+strings.Repeat(" ", 1000)+`"}`)
	meter.requireReached(t, map[httpapi.Limit]int{httpapi.LimitBody: 1})
	gateway.send(t, http.MethodPost, "/graphql", `[{"query":"{ __typename }"},{"query":"{ __typename }"}]`)
	meter.requireReached(t, map[httpapi.Limit]int{httpapi.LimitBatch: 1})
	gateway.query(t, "{ slow again: slow }", "")
	meter.requireReached(t, map[httpapi.Limit]int{httpapi.LimitExecutionTime: 1})
}

func TestAnswersTellWhatTheyCost(t *testing.T) {
	t.Parallel()
	gateway := newGateway(t, func(config *httpapi.Config) { config.Cost, config.Limits.Cost = characters, 30 })
	want := `{"data":{"viewer":{"role":"EDITOR"}},"extensions":{"cost":{"requested":19,"limit":30}}}`
	if answer := gateway.query(t, "{ viewer { role } }", ""); string(answer.body) != want {
		t.Errorf("%s, want %s", answer.body, want)
	}
	refused := gateway.query(t, "{ viewer { role     subject } }", "")
	for _, where := range []string{`"extensions":{"cost":{"requested":31,"limit":30}}}`, `{"code":"COST_LIMIT_EXCEEDED","cost":{"requested":31,"limit":30}`} {
		if !strings.Contains(string(refused.body), where) {
			t.Errorf("%s, want %s in it", refused.body, where)
		}
	}
	_, events := gateway.listen(t, "subscription { count(to: 1) }")
	requireEvents(t, events, ":", "event: next\ndata: {\"data\":{\"count\":1}}")
	if strings.Contains(events.Text(), "cost") {
		t.Errorf("an event tells the cost: %s", events.Text())
	}
}

func TestATokenMaySendSoManyOperationsAMinute(t *testing.T) {
	t.Parallel()
	var meter meter
	gateway := newGateway(t, func(config *httpapi.Config) { config.Limits.OperationsPerMinute, config.Observer = 2, &meter })
	for range 2 {
		if answer := gateway.query(t, "{ __typename }", ""); answer.status != 200 {
			t.Fatalf("%d %s, want it answered", answer.status, answer.body)
		}
	}
	refused := gateway.query(t, "{ __typename }", "")
	requireRefusal(t, refused, http.StatusTooManyRequests, "RATE_LIMITED", "more operations a minute than are allowed, which is 2")
	extensions := refused.graphQL(t).Errors[0].Extensions
	seconds, _ := extensions["retryAfter"].(float64)
	if seconds < 1 || seconds > 30 || refused.header.Get("Retry-After") != fmt.Sprint(seconds) || extensions["limit"] != "operationsPerMinute" {
		t.Errorf("extensions %v and Retry-After %q, want at most 30 seconds in both", extensions, refused.header.Get("Retry-After"))
	}
	plain := gateway.send(t, http.MethodPost, "/graphql", `{"query":"{ __typename }"}`, "Accept: application/json")
	requireRefusal(t, plain, http.StatusTooManyRequests, "RATE_LIMITED", "")
	if answer := gateway.send(t, http.MethodPost, "/graphql", `{"query":"{ __typename }"}`, "Authorization: Bearer "+otherToken); answer.code(t) != "" {
		t.Errorf("another token: %s, want it answered", answer.body)
	}
	socket := gateway.connect(t, `{"token":"`+goodToken+`"}`)
	socket.hears("connection_ack")
	socket.subscribe("1", "{ __typename }")
	socket.hears(`error [{"message":"This token has sent more operations a minute than are allowed, which is 2`)
	meter.requireReached(t, map[httpapi.Limit]int{httpapi.LimitOperationsPerMinute: 3})
}

func TestATokenMayHaveSoManyOperationsUnderWay(t *testing.T) {
	t.Parallel()
	gateway := newGateway(t, func(config *httpapi.Config) { config.Limits.ConcurrentOperations = 2 })
	answers := make(chan answer, 2)
	for range 2 {
		go func() { answers <- gateway.query(t, "{ stubborn }", "") }()
		<-gateway.resolver.Waiting
	}
	refused := gateway.query(t, "{ __typename }", "")
	requireRefusal(t, refused, http.StatusTooManyRequests, "RATE_LIMITED", "as many operations under way as are allowed, which is 2")
	if refused.header.Get("Retry-After") != "1" {
		t.Errorf("Retry-After %q, want 1", refused.header.Get("Retry-After"))
	}
	other := gateway.send(t, http.MethodPost, "/graphql", `{"query":"{ __typename }"}`, "Authorization: Bearer "+otherToken)
	if other.code(t) != "" {
		t.Errorf("another token: %s, want it answered", other.body)
	}
	close(gateway.resolver.Release)
	for range 2 {
		if answer := <-answers; answer.code(t) != "" {
			t.Errorf("%s, want the answer", answer.body)
		}
	}
	for range 5 {
		for _, query := range []string{"{ __typename }", "{ fail(how: PANIC) }"} {
			if answer := gateway.query(t, query, ""); answer.code(t) == "RATE_LIMITED" {
				t.Fatalf("%s after the others are done: %s", query, answer.body)
			}
		}
	}
}

func TestATokenMayHaveSoManySubscriptionsOpen(t *testing.T) {
	t.Parallel()
	gateway := newGateway(t, func(config *httpapi.Config) { config.Limits.Subscriptions = 2 })
	socket := gateway.connect(t, `{"token":"`+goodToken+`"}`)
	socket.hears("connection_ack")
	socket.subscribe("1", "subscription { count(to: 1) }") // it ends by itself
	socket.hears("next")
	socket.hears("complete")
	gateway.awaitListeners(t, 1, -1)
	response, events := gateway.listen(t, "subscription { count }")
	requireEvents(t, events, ":", "event: next")
	_, second := gateway.listen(t, "subscription { count }")
	requireEvents(t, second, ":", "event: next")
	gateway.awaitListeners(t, 1, 1)

	socket.subscribe("2", "subscription { count }")
	socket.hears(`error [{"message":"This token has as many subscriptions open as are allowed, which is 2."`)
	_, third := gateway.listen(t, "subscription { count }")
	requireEvents(t, third, ":", "event: next\ndata: {\"errors\":[{\"message\":\"This token has as many subscriptions open as are allowed, which is 2", "event: complete")
	if answer := gateway.query(t, "{ __typename }", ""); answer.code(t) != "" {
		t.Errorf("a query beside the subscriptions: %s, want it answered", answer.body)
	}

	_ = response.Body.Close()
	gateway.awaitListeners(t, -1)
	deadline := time.Now().Add(patience)
	for {
		_, again := gateway.listen(t, "subscription { count(to: 1) }")
		requireEvents(t, again, ":", "event: next")
		if strings.Contains(again.Text(), `"count":1`) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("a subscription after another has ended: %s", again.Text())
		}
	}
}

func TestManyDirectivesAreRefused(t *testing.T) {
	t.Parallel()
	gateway := newGateway(t, nil)
	for _, query := range []string{
		"{ viewer " + strings.Repeat("@include(if: true) ", 2000) + "{ role } }",
		"{ " + strings.Repeat("... @include(if: true) { __typename } ", 900) + "}",
		"{ viewer " + strings.Repeat("@nonsense ", 6000) + "{ role } }",
	} {
		if answer := gateway.query(t, query, ""); answer.code(t) == "" || len(answer.body) > 10_000 {
			t.Errorf("%.60s… was answered with %d bytes, want a short refusal", query, len(answer.body))
		}
	}
}

package gateway_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"crosswalk/internal/gateway"
	"crosswalk/internal/gateway/gatewaytest"
	"crosswalk/internal/httpapi"
	"crosswalk/internal/simulator/fault"
)

// reading is a value that /metrics must show at least.
type reading struct {
	family string
	labels []string
	least  float64
}

func TestMetricsTellWhatAReplicaDid(t *testing.T) {
	t.Parallel()
	d := startDesk(t, gatewaytest.Options{})
	billTo(d.World, "1", date(3), cycle("R-1"), once("R-2"))
	d.load(t)
	d.toCloud(t)
	wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 2})
	d.Must(t, viewer, `query Organizations { organizations { totalCount } }`, nil, nil)
	d.Must(t, viewer, `query NameOfMyOwn { ...F } fragment F on Query { a: offers { totalCount } b: offers { totalCount } }`, nil, nil)
	d.Query(t, viewer, `{ nonsense }`, nil)
	d.Query(t, "", `{ viewer { subject } }`, nil)
	setFaults(t, d.ConnectWise.Faults().Set, fault.Fault{Kind: fault.RateLimited, Count: 1})
	d.Query(t, viewer, `{ psaAgreementTypes { name } }`, nil)
	stream := d.Subscribe(t, gatewaytest.WebSocket, viewer, `subscription { logEntryAdded { title } }`, nil)
	awaitLog(t, d.World, d.Seller, stream)

	got := scrape(t, d.URL())
	for _, want := range []reading{
		{"http_server_request_duration_seconds", []string{"http_request_method", "POST", "http_route", "/graphql", "http_response_status_code", "200"}, 5},
		{"http_server_request_duration_seconds", []string{"http_request_method", "POST", "http_route", "/graphql", "http_response_status_code", "401"}, 1},
		{"http_server_request_duration_seconds", []string{"http_request_method", "GET", "http_route", "/graphql", "http_response_status_code", "101"}, 1},
		{"http_server_active_requests", []string{"http_request_method", "GET"}, 2}, // the WebSocket, and this one
		{"crosswalk_graphql_operation_duration_seconds", []string{"graphql_operation_type", "query", "graphql_operation_name", "Organizations", "graphql_root_field", "organizations", "error_type", ""}, 1},
		{"crosswalk_graphql_operation_duration_seconds", []string{"graphql_operation_type", "query", "graphql_operation_name", "", "graphql_root_field", "offers", "error_type", ""}, 1},
		{"crosswalk_graphql_operation_duration_seconds", []string{"graphql_operation_type", "mutation", "graphql_root_field", "syncInvoiceLines", "error_type", ""}, 1},
		{"crosswalk_graphql_operation_duration_seconds", []string{"graphql_operation_type", "", "graphql_root_field", "", "error_type", "GRAPHQL_VALIDATION_FAILED"}, 1},
		{"crosswalk_graphql_subscriptions", nil, 1},
		{"http_client_request_duration_seconds", []string{"peer_service", "connectwise", "operation", "create additions", "http_request_method", "POST", "http_response_status_code", "201", "error_type", ""}, 2},
		{"http_client_request_duration_seconds", []string{"peer_service", "connectwise", "http_response_status_code", "429", "error_type", "429"}, 1},
		{"http_client_request_duration_seconds", []string{"peer_service", "platform", "operation", "read invoice rows", "http_request_method", "GET", "http_response_status_code", "200", "error_type", ""}, 1},
		{"crosswalk_psa_rate_limited_total", nil, 1},
		{"crosswalk_psa_circuit", []string{"state", "CLOSED"}, 1},
		{"crosswalk_job_duration_seconds", []string{"kind", "SYNC_ORGANIZATIONS", "state", "SUCCEEDED"}, 1},
		{"crosswalk_job_duration_seconds", []string{"kind", "SYNC_INVOICE_LINES", "state", "SUCCEEDED"}, 1},
		{"crosswalk_additions_total", []string{"operation", "CREATE", "outcome", "DONE"}, 2},
		{"db_client_connection_max", nil, 6},
		{"db_client_connection_count", nil, 1},
		{"go_goroutines", nil, 1},
		{"process_start_time_seconds", nil, 1},
		{"crosswalk_build_info", nil, 1},
	} {
		if value := got.value(want.family, want.labels...); value < want.least {
			t.Errorf("%s%v is %v, want at least %v", want.family, want.labels, value, want.least)
		}
	}
	if strings.Contains(get(t, d.URL()+"/metrics"), "NameOfMyOwn") {
		t.Error("/metrics tells the name of an operation that a caller made up")
	}
	stream.Close()
	gatewaytest.Eventually(t, "no subscription is open and no run is worked on", func() bool {
		now := scrape(t, d.URL())
		return now.value("crosswalk_graphql_subscriptions") == 0 && now.value("crosswalk_jobs_running") == 0 && now.value("http_server_active_requests") == 1
	})
}

func TestEveryLimitIsCountedWhenItRefuses(t *testing.T) {
	t.Parallel()
	w, gate := startLimited(t)
	deep := "{ organizations { nodes { " + strings.Repeat("contracts { nodes { organization { ", 2) + "id" + strings.Repeat(" } } }", 2) + " } } }"
	counted := map[httpapi.Limit]float64{}
	for _, test := range []struct {
		limit httpapi.Limit
		do    func()
	}{
		{httpapi.LimitBody, func() { w.Query(t, editor, strings.Repeat(" ", 20_000), nil) }},
		{httpapi.LimitBatch, func() { postBody(t, w.Seller, `[{"query": "{ __typename }"}]`) }},
		{httpapi.LimitTokens, func() { w.Query(t, editor, "{ "+strings.Repeat("id ", 3000)+"}", nil) }},
		{httpapi.LimitRepeats, func() { w.Query(t, editor, "{ "+strings.Repeat("viewer ", 1001)+"}", nil) }},
		{httpapi.LimitDepth, func() { w.Query(t, editor, deep, nil) }},
		{httpapi.LimitAliases, func() { w.Query(t, editor, "{ a: __typename b: __typename c: __typename }", nil) }},
		{httpapi.LimitDirectives, func() {
			w.Query(t, editor, "{ __typename @include(if: true) @skip(if: false) ... @include(if: true) { __typename } }", nil)
		}},
		{httpapi.LimitCost, func() { w.Query(t, editor, "{ organizations(first: 1000) { nodes { id name } } }", nil) }},
		{httpapi.LimitSubscriptions, func() {
			for range 2 {
				w.Subscribe(t, gatewaytest.ServerSentEvents, editor, `subscription { logEntryAdded { title } }`, nil)
			}
		}},
		{httpapi.LimitConcurrentOperations, func() {
			gate.close(http.MethodGet, "/finance/agreements/types")
			waiting := make(chan gatewaytest.Response)
			go func() { waiting <- w.Query(t, editor, "{ psaAgreementTypes { name } }", nil) }()
			gate.await(t)
			w.Query(t, editor, "{ __typename }", nil)
			gate.open()
			<-waiting
		}},
		{httpapi.LimitExecutionTime, func() {
			gate.close(http.MethodGet, "/finance/agreements/types")
			w.Query(t, editor, "{ psaAgreementTypes { name } }", nil)
			gate.open()
		}},
		{httpapi.LimitOperationsPerMinute, func() {
			for range 21 {
				w.Query(t, viewer, "{ __typename }", nil)
			}
		}},
	} {
		before := scrape(t, w.URL()).value("crosswalk_limit_refusals_total", "limit", string(test.limit))
		test.do()
		gatewaytest.Eventually(t, "the limit "+string(test.limit)+" is counted", func() bool {
			counted[test.limit] = scrape(t, w.URL()).value("crosswalk_limit_refusals_total", "limit", string(test.limit))
			return counted[test.limit] > before
		})
		if before != 0 {
			t.Errorf("%s was counted %v times before it refused anything", test.limit, before)
		}
	}
	if limits := len(scrape(t, w.URL())["crosswalk_limit_refusals_total"].GetMetric()); limits != len(counted) {
		t.Errorf("there are %d limits, of which %d were tried", limits, len(counted))
	}
}

// startLimited puts up a world with low limits, and a gate before ConnectWise.
func startLimited(t *testing.T) (*gatewaytest.World, *gate) {
	t.Helper()
	g := &gate{arrived: make(chan struct{}, 1)}
	w := gatewaytest.Start(t, gatewaytest.Options{
		BeforeConnectWise: g.before,
		Gateway: func(c *gateway.Config) {
			c.Limits = httpapi.Limits{
				BodyBytes: 20_000, Tokens: 2500, Depth: 7, Aliases: 2, Directives: 2, Cost: 500, ExecutionTime: 3 * time.Second,
				ConcurrentOperations: 1, OperationsPerMinute: 20, Subscriptions: 1,
			}
		},
	})
	t.Cleanup(g.open)
	return w, g
}

// postBody posts a body as it is.
func postBody(t *testing.T, s *gatewaytest.Seller, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL()+"/graphql", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+s.Token(editor))
	gatewaytest.Do(t, request)
}

func TestMetricsCanBeServedElsewhere(t *testing.T) {
	t.Parallel()
	w := gatewaytest.Start(t, gatewaytest.Options{Gateway: func(c *gateway.Config) { c.MetricsListen = "127.0.0.1:0" }})
	w.Must(t, viewer, "{ viewer { subject } }", nil, nil)
	if w.Gateway.MetricsAddress() == w.Gateway.Address() {
		t.Fatalf("metrics are served at %s, where all is served", w.Gateway.MetricsAddress())
	}
	if got := scrape(t, "http://"+w.Gateway.MetricsAddress()).value("http_server_request_duration_seconds", "http_route", "/graphql"); got != 1 {
		t.Errorf("%v requests were counted, want 1", got)
	}
	for address, path := range map[string]string{w.Gateway.Address(): "/metrics", w.Gateway.MetricsAddress(): "/graphql"} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusNotFound {
			t.Errorf("GET %s was answered with %d, want 404", request.URL, answer.StatusCode)
		}
	}
}

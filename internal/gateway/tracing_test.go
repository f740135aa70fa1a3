package gateway_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/lib/pq"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"crosswalk/internal/gateway"
	"crosswalk/internal/gateway/gatewaytest"
	simconnectwise "crosswalk/internal/simulator/connectwise"
	"crosswalk/internal/simulator/fault"
)

// askWithin asks as part of a trace, and returns the answer.
func askWithin(t *testing.T, s *gatewaytest.Seller, id trace.TraceID, query string) gatewaytest.Response {
	t.Helper()
	body, err := json.Marshal(variables{"query": query})
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL()+"/graphql", strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+s.Token(viewer))
	request.Header.Set("X-Request-Id", "request-"+id.String())
	request.Header.Set("traceparent", fmt.Sprintf("00-%s-00f067aa0ba902b7-01", id))
	return gatewaytest.Do(t, request)
}

// startTracedPage puts up a traced world with three organizations, all mapped to one company.
func startTracedPage(t *testing.T) (*gatewaytest.World, *traced) {
	t.Helper()
	var options gatewaytest.Options
	traces := startTraced(t, &options)
	w := gatewaytest.Start(t, options)
	w.ConnectWise.AddCompany(simconnectwise.Company{Identifier: "ACME", Name: "Acme Ltd"})
	for i, name := range []string{"Alpha", "Beta", "Gamma"} {
		w.AddCustomer(name, fmt.Sprint(i+1), "Active")
	}
	w.Sync(t)
	for _, o := range organizations(t, w.Seller) {
		mapTo(t, w.Seller, o.ID, companies(t, w.Seller)["ACME"].ID, nil)
	}
	return w, traces
}

func TestAnOperationIsTracedDownToItsStatementsAndCalls(t *testing.T) {
	t.Parallel()
	w, traces := startTracedPage(t)
	id := trace.TraceID{1}
	// What has arguments is resolved by itself, and with it the whole list.
	askWithin(t, w.Seller, id, `query Page { organizations { nodes { name psaCompany { name } mappingStatus contracts { totalCount } } } }`)

	all := traces.await(t, "POST /graphql", id)
	request := all.the(t, "POST /graphql")
	if got := attributesOf(request); got["http.route"] != "/graphql" || got["http.response.status_code"] != "200" ||
		got["crosswalk.request.id"] != "request-"+id.String() || request.Parent.SpanID().String() != "00f067aa0ba902b7" || request.SpanKind != trace.SpanKindServer {
		t.Errorf("the request's span has %v below %s, want route, status, request id and the span in traceparent above it", got, request.Parent.SpanID())
	}
	operation := all.the(t, "query Page")
	if got := attributesOf(operation); got["graphql.operation.name"] != "Page" || got["graphql.operation.type"] != "query" || got["crosswalk.seller.id"] != w.ID.String() {
		t.Errorf("the operation's span has %v, want name, type and seller", got)
	}
	list, company := all.the(t, "resolve organizations"), all.the(t, "resolve organizations.nodes.psaCompany")
	if got := attributesOf(company)["crosswalk.rows"]; got != "3" {
		t.Errorf("the span of three rows' companies says %q rows, want 3", got)
	}
	for _, pair := range [][2]spans{
		{{request}, all.below(request, "query Page")},
		{{operation}, all.below(operation, "resolve organizations")},
		{{list}, all.below(list, "SELECT")},
		{{list}, all.below(list, "resolve organizations.nodes.psaCompany")},
		{{company}, all.below(company, "connectwise: read companies")},
	} {
		if len(pair[1]) == 0 {
			t.Errorf("what belongs below %q does not, of\n%s", pair[0][0].Name, all)
		}
	}
	call := all.the(t, "connectwise: read companies")
	if got := attributesOf(call); got["http.request.method"] != "GET" || got["http.response.status_code"] != "200" || got["peer.service"] != "connectwise" || call.SpanKind != trace.SpanKindClient {
		t.Errorf("the call's span has %v, want GET, 200 and connectwise", got)
	}
	if statements := all.below(list, "SELECT"); !slices.ContainsFunc(statements, func(s tracetest.SpanStub) bool {
		return attributesOf(s)["db.system.name"] == "postgresql" && strings.Contains(attributesOf(s)["db.query.text"], "FROM organization")
	}) {
		t.Errorf("no statement below the list has the text of its query, of\n%s", statements)
	}
	for _, span := range all {
		if strings.HasPrefix(span.Name, "resolve ") && strings.HasSuffix(span.Name, "name") {
			t.Errorf("there is a span %q for a field that has no resolver", span.Name)
		}
	}
}

func TestWhatFailsIsMarkedInItsTraceWithAWord(t *testing.T) {
	t.Parallel()
	w, traces := startTracedPage(t)
	setFaults(t, w.ConnectWise.Faults().Set, fault.Fault{Kind: fault.ServerError})
	for i, test := range []struct{ query, span, want string }{
		{`{ organizations { nodes { nonsense } } }`, "operation", "GRAPHQL_VALIDATION_FAILED"},
		{`query Deep { organizations { nodes { ` + strings.Repeat("contracts { nodes { organization { ", 5) + "id" + strings.Repeat(" } } }", 5) + ` } } }`, "query Deep", "DEPTH_LIMIT_EXCEEDED"},
		{`query Types { psaAgreementTypes { name } }`, "query Types", "PSA_UNAVAILABLE"},
		{`query Types { psaAgreementTypes { name } }`, "resolve psaAgreementTypes", "PSA_UNAVAILABLE"},
		{`{ psaAgreementTypes { name } }`, "connectwise: list agreement types", "500"},
	} {
		id := trace.TraceID{2, byte(i)}
		response := askWithin(t, w.Seller, id, test.query)
		all := traces.await(t, "POST /graphql", id)
		found := all.named(test.span)
		if len(found) == 0 {
			t.Errorf("%s (answered %s): there is no span %q among\n%s", test.query, response.Body, test.span, all)
			continue
		}
		if got := attributesOf(found[0])["error.type"]; got != test.want || found[0].Status.Code != codes.Error || found[0].Status.Description != "" {
			t.Errorf("%s: the span %q has error.type %q and status %v, want %s and an error without text", test.query, test.span, got, found[0].Status, test.want)
		}
	}
}

func TestALineAboutACallNamesTheRequestItWasMadeFor(t *testing.T) {
	t.Parallel()
	w, _ := startTracedPage(t)
	setFaults(t, w.ConnectWise.Faults().Set, fault.Fault{Kind: fault.Unauthorized})
	id := trace.TraceID{4}
	askWithin(t, w.Seller, id, `query Types { psaAgreementTypes { name } }`)
	for _, want := range []string{`msg="ConnectWise call failed" seller=` + w.ID.String(), `msg=request method=POST`} {
		if !slices.ContainsFunc(slices.Collect(strings.Lines(w.Log.String())), func(line string) bool {
			return strings.Contains(line, want) && strings.Contains(line, "request_id=request-"+id.String())
		}) {
			t.Errorf("no line with %s names the request request-%s:\n%s", want, id, w.Log)
		}
	}
}

func TestManyFieldsHaveABoundedNumberOfSpans(t *testing.T) {
	t.Parallel()
	var options gatewaytest.Options
	options.Gateway = func(c *gateway.Config) { c.Limits.Aliases = 1000 }
	traces := startTraced(t, &options)
	w := gatewaytest.Start(t, options)
	var query strings.Builder
	for i := range 300 {
		fmt.Fprintf(&query, "f%d: viewer { subject } ", i)
	}
	id := trace.TraceID{5}
	askWithin(t, w.Seller, id, `query Wide { `+query.String()+` }`)
	all := traces.await(t, "POST /graphql", id)
	resolved := 0
	for _, span := range all {
		if strings.HasPrefix(span.Name, "resolve ") {
			resolved++
		}
	}
	if resolved != 200 || len(all.named("query Wide")) != 1 {
		t.Errorf("an operation of 300 fields has %d spans for fields and %d for itself, want 200 and 1", resolved, len(all.named("query Wide")))
	}
}

func TestARunIsATraceOfItsSteps(t *testing.T) {
	t.Parallel()
	w, traces := startTracedPage(t)
	w.Load(t, 1)
	runs := traces.await(t, "job LOAD_OFFERS", trace.TraceID{})
	run := runs.the(t, "job LOAD_OFFERS")
	if got := attributesOf(run); got["crosswalk.job.state"] != "SUCCEEDED" || got["crosswalk.seller.id"] != w.ID.String() || run.Parent.IsValid() {
		t.Errorf("the run's span has %v below %v, want its state and seller, and nothing above it", got, run.Parent)
	}
	all := runs.of(run.SpanContext.TraceID())
	for _, want := range [][2]string{
		{"Reading products from ConnectWise", "connectwise: list products"},
		{"Reading products from ConnectWise", "COMMIT"},
		{"Reading invoices from the Platform", "platform: read invoice headers"},
		{"Saving offers", "COMMIT"},
	} {
		step := all.the(t, want[0])
		if len(all.below(run, want[0])) != 1 || len(all.below(step, want[1])) == 0 {
			t.Errorf("want %q below %q below the run, got\n%s", want[1], want[0], all)
		}
	}
}

func TestEachResponseToASubscriptionThatNeedsWorkIsATraceOfItsOwn(t *testing.T) {
	t.Parallel()
	for _, transport := range gatewaytest.Transports() {
		t.Run(string(transport), func(t *testing.T) {
			t.Parallel()
			w, traces := startTracedPage(t)
			job, _ := w.StartSync(t)
			w.WaitForJob(t, job)
			stream := w.Subscribe(t, transport, viewer, `subscription Follow($id: ID!) { jobProgress(id: $id) { state logEntries { nodes { title } } } }`, variables{"id": job})
			stream.Next()
			all := traces.await(t, "subscription Follow", trace.TraceID{})
			event := all.named("subscription Follow")[0]
			if event.Parent.IsValid() || len(event.Links) != 1 {
				t.Fatalf("the response's span is below %v and has %d links, want a trace of its own and a link to the request:\n%s", event.Parent, len(event.Links), all)
			}
			entries := all.below(event, "resolve jobProgress.logEntries")
			if len(entries) != 1 || len(all.below(entries[0], "SELECT")) == 0 {
				t.Errorf("want the statement of the entries below their field below the response, got\n%s", all.of(event.SpanContext.TraceID()))
			}
			request := all.of(event.Links[0].SpanContext.TraceID())
			if !slices.ContainsFunc(request, func(s tracetest.SpanStub) bool { return s.SpanContext.SpanID() == event.Links[0].SpanContext.SpanID() }) {
				t.Errorf("the link leads to %s, which is no span of\n%s", event.Links[0].SpanContext.SpanID(), request)
			}
		})
	}
}

func TestWithoutAnExporterNothingIsWrapped(t *testing.T) {
	t.Parallel()
	w := gatewaytest.Start(t, gatewaytest.Options{})
	if _, bare := w.DB.Pool().Driver().(*pq.Driver); !bare {
		t.Errorf("the database's driver is a %T, want PostgreSQL's own", w.DB.Pool().Driver())
	}
	var options gatewaytest.Options
	traces := startTraced(t, &options)
	other := gatewaytest.Start(t, options)
	if _, bare := other.DB.Pool().Driver().(*pq.Driver); bare {
		t.Error("with an exporter, the database's driver is PostgreSQL's own; want it wrapped")
	}
	id := trace.TraceID{3}
	askWithin(t, other.Seller, id, "{ viewer { subject } }")
	traces.await(t, "POST /graphql", id)
}

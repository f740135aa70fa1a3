package gateway_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"crosswalk/internal/gateway"
	"crosswalk/internal/gateway/gatewaytest"
	"crosswalk/internal/httpapi/explorer"
	simconnectwise "crosswalk/internal/simulator/connectwise"
	simplatform "crosswalk/internal/simulator/platform"
)

func examples(t *testing.T) []explorer.Example {
	t.Helper()
	list, err := explorer.Examples()
	if err != nil || len(list) == 0 {
		t.Fatalf("the explorer has %d examples: %v", len(list), err)
	}
	return list
}

func TestTheExplorersExamplesFitTheSchema(t *testing.T) {
	t.Parallel()
	schema := loadSchema(t)
	for _, example := range examples(t) {
		if _, problems := gqlparser.LoadQueryWithRules(schema, example.Query, rules.NewDefaultRules()); len(problems) > 0 {
			t.Errorf("the example %q does not fit the schema: %v", example.Title, problems)
		}
		if example.Variables != "" && !json.Valid([]byte(example.Variables)) {
			t.Errorf("the variables of the example %q are not JSON", example.Title)
		}
	}
}

func TestTheExplorersExamplesRunOnASellerWithRecordsOfAllKinds(t *testing.T) {
	t.Parallel()
	w := gatewaytest.Start(t, gatewaytest.Options{
		ConnectWise: simconnectwise.Options{Companies: 10, Products: 10, Agreements: 10},
		Platform:    simplatform.Options{Organizations: 10, Lines: 500},
	})
	w.Sync(t)
	var load struct{ LoadOffers struct{ Job gatewaytest.Job } }
	w.Must(t, operator, `mutation { loadOffers(input: {months: 12}) { job { id } } }`, nil, &load)
	w.WaitForJob(t, load.LoadOffers.Job.ID)
	ids := idsForExamples(t, w)
	for _, example := range examples(t) {
		values := variables{}
		if example.Variables != "" {
			if err := json.Unmarshal([]byte(ids.Replace(example.Variables)), &values); err != nil {
				t.Fatalf("the variables of the example %q: %v", example.Title, err)
			}
		}
		if strings.Contains(example.Query, "\nsubscription ") {
			follows(t, w, example.Query, values)
			continue
		}
		response := w.Must(t, admin, example.Query, values, nil)
		for _, refusal := range []string{`"INVALID"`, `"NOT_FOUND"`} {
			if strings.Contains(string(response.Body), refusal) {
				t.Errorf("the example %q with ids put in was refused: %s", example.Title, response.Body)
			}
		}
		// As it stands, ids not yet put in, it tells the reader what to do rather than failing.
		if example.Variables != "" {
			if err := json.Unmarshal([]byte(example.Variables), &values); err != nil {
				t.Fatal(err)
			}
			w.Must(t, admin, example.Query, values, nil)
		}
	}
}

// follows subscribes to an example and waits for its first value, or for the entries it tells.
func follows(t *testing.T, w *gatewaytest.World, query string, values variables) {
	t.Helper()
	stream := w.Subscribe(t, gatewaytest.ServerSentEvents, viewer, query, values)
	if strings.Contains(query, "logEntryAdded") {
		awaitLog(t, w, w.Seller, stream)
		return
	}
	var value any
	stream.Must(&value)
}

// idsForExamples puts ids where the examples tell the reader to.
func idsForExamples(t *testing.T, w *gatewaytest.World) *strings.Replacer {
	t.Helper()
	type list struct{ Nodes []struct{ ID string } }
	var data struct{ Organizations, Offers, Contracts, PsaCompanies, PsaProducts, PsaAgreements, Jobs list }
	w.Must(t, viewer, `{
		organizations { nodes { id } } offers { nodes { id } } contracts { nodes { id } }
		psaCompanies { nodes { id } } psaProducts { nodes { id } } psaAgreements { nodes { id } } jobs { nodes { id } }
	}`, nil, &data)
	types, _ := agreementTypes(t, w.Seller)
	return strings.NewReplacer(
		"id of an organization, from Organizations", data.Organizations.Nodes[0].ID,
		"id of another organization", data.Organizations.Nodes[1].ID,
		"id of an organization", data.Organizations.Nodes[0].ID,
		"id of a company, from Pick a company", data.PsaCompanies.Nodes[0].ID,
		"id of a company", data.PsaCompanies.Nodes[1].ID,
		"id of an offer, from Products", data.Offers.Nodes[0].ID,
		"id of a product, from Pick a product", data.PsaProducts.Nodes[0].ID,
		"id of a contract, from Contracts", data.Contracts.Nodes[0].ID,
		"id of an agreement, from Pick an agreement", data.PsaAgreements.Nodes[0].ID,
		"id of an Agreement Type", types["Block Time"],
		"id of a run, from Follow the latest run", data.Jobs.Nodes[0].ID,
	)
}

func TestTheGatewayServesExplorerSchemaAndHealth(t *testing.T) {
	t.Parallel()
	w := gatewaytest.Start(t, gatewaytest.Options{Gateway: func(c *gateway.Config) {
		c.Explorer = &explorer.Config{Tokens: []explorer.Token{{Label: "VIEWER", Value: "token-for-the-demo"}}}
	}})
	for path, says := range map[string]string{
		"/": "<html", "/healthz": "ok", "/readyz": "ready", "/schema.graphqls": "type Organization implements Node",
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.URL()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || answer.StatusCode != http.StatusOK || !strings.Contains(string(body), says) {
			t.Errorf("GET %s answered status %d: %.300s\nwant 200 and %q (%v)", path, answer.StatusCode, body, says, err)
		}
	}
	if err := w.Gateway.Stop(t.Context()); err != nil {
		t.Fatalf("stop the gateway: %v", err)
	}
	if err := w.Gateway.Stop(t.Context()); err != nil {
		t.Errorf("stopping the gateway again: %v", err)
	}
	if err := w.Gateway.Err(); err != nil {
		t.Errorf("a gateway that was stopped says that it failed: %v", err)
	}
}

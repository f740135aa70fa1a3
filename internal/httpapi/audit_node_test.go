package httpapi_test

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"testing"

	"crosswalk/internal/nodetest"
)

// auditPackages are the audit suite of the GraphQL over HTTP specification and
// what it needs.
var auditPackages = []string{"graphql-http@1.23.1", "graphql@16.11.0"}

// auditCount is how many audits the suite has; fewer means that it did not run
// to its end.
const auditCount = 61

// TestGraphQLOverHTTPAudits runs an audit suite that other people made, every
// MUST, SHOULD and MAY of it.
func TestGraphQLOverHTTPAudits(t *testing.T) {
	t.Parallel()
	modules := nodetest.Modules(t, auditPackages...)
	gateway := newGateway(t, nil)
	output := nodetest.Run(t, modules, []string{"GRAPHQL_URL=" + gateway.URL + "/graphql", "GRAPHQL_TOKEN=" + goodToken},
		filepath.Join("testdata", "audits.cjs"))
	audits := 0
	for line := range bytes.Lines(output) {
		var audit struct{ ID, Name, Status, Reason string }
		if err := json.Unmarshal(line, &audit); err != nil {
			t.Fatalf("node printed %q: %v", line, err)
		}
		audits++
		if audit.Status != "ok" {
			t.Errorf("audit %s, %s: %s, %s", audit.ID, audit.Name, audit.Status, audit.Reason)
		}
	}
	if audits != auditCount {
		t.Errorf("%d audits ran, want %d", audits, auditCount)
	}
}

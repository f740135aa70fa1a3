package gateway_test

import (
	"testing"

	"crosswalk/internal/gateway/gatewaytest"
	simconnectwise "crosswalk/internal/simulator/connectwise"
	simplatform "crosswalk/internal/simulator/platform"
)

func TestTwoFullPagesOfOneOperationReadTheRowsTheyBelongTo(t *testing.T) {
	t.Parallel()
	w := gatewaytest.Start(t, gatewaytest.Options{
		ConnectWise: simconnectwise.Options{Companies: 1},
		Platform:    simplatform.Options{Organizations: 1300, Lines: 2600},
	})
	w.Sync(t)
	type page struct {
		Nodes []struct{ Organization struct{ Name string } }
	}
	var data struct{ A, B page }
	w.Must(t, viewer, `{
		a: contracts(first: 1000) { nodes { organization { name } } }
		b: contracts(last: 1000) { nodes { organization { name } } }
	}`, nil, &data)
	for name, p := range map[string]page{"the first": data.A, "the last": data.B} {
		if len(p.Nodes) != 1000 {
			t.Fatalf("%s page has %d contracts, want 1000", name, len(p.Nodes))
		}
		for i, node := range p.Nodes {
			if node.Organization.Name == "" {
				t.Fatalf("%s page: contract %d has no organization", name, i)
			}
		}
	}
}

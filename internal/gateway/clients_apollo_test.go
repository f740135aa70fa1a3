package gateway_test

import (
	"path/filepath"
	"strconv"
	"testing"

	"crosswalk/internal/gateway/gatewaytest"
	"crosswalk/internal/nodetest"
	simconnectwise "crosswalk/internal/simulator/connectwise"
	simplatform "crosswalk/internal/simulator/platform"
)

// startForClients puts up a world with something to page through, and returns what scripts need to know of it.
func startForClients(t *testing.T) (*gatewaytest.World, []string) {
	t.Helper()
	w := gatewaytest.Start(t, gatewaytest.Options{
		ConnectWise: simconnectwise.Options{Companies: 10, Products: 10, Agreements: 10},
		Platform:    simplatform.Options{Organizations: 40, Lines: 400},
	})
	w.Sync(t)
	var data struct{ Organizations struct{ TotalCount int } }
	w.Must(t, viewer, `{ organizations { totalCount } }`, nil, &data)
	count := data.Organizations.TotalCount
	if count < 20 {
		t.Fatalf("there are %d organizations, which is not enough to page through", count)
	}
	return w, []string{
		"CROSSWALK_URL=" + w.URL(), "CROSSWALK_TOKEN=" + w.Token(operator), "CROSSWALK_ORGANIZATIONS=" + strconv.Itoa(count),
	}
}

func TestApolloClientWorksAsItIs(t *testing.T) {
	t.Parallel()
	modules := nodetest.Modules(t, "@apollo/client@4.3.8", "graphql@16.11.0", "rxjs@7.8.2", "graphql-ws@6.4.2", "ws@8.23.0")
	_, variables := startForClients(t)
	nodetest.Report(t, nodetest.Run(t, modules, variables, filepath.Join("testdata", "clients", "apollo.cjs")))
}

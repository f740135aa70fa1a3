package gateway_test

import (
	"path/filepath"
	"testing"

	"crosswalk/internal/nodetest"
)

func TestRelayWorksAsItIs(t *testing.T) {
	t.Parallel()
	modules := nodetest.Modules(t, "react-relay@21.0.1", "relay-runtime@21.0.1", "relay-compiler@21.0.1", "babel-plugin-relay@21.0.1",
		"@babel/core@7.29.13", "react@19.3.1", "react-test-renderer@19.3.1", "graphql@16.11.0", "graphql-ws@6.4.2", "ws@8.23.0")
	script, err := filepath.Abs(filepath.Join("testdata", "clients", "relay", "run.cjs"))
	if err != nil {
		t.Fatalf("find the script: %v", err)
	}
	_, variables := startForClients(t)
	nodetest.Report(t, nodetest.RunIn(t, t.TempDir(), modules, variables, script))
}

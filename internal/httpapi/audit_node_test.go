package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
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
	if testing.Short() {
		t.Skip("starts Node")
	}
	modules := nodeModules(t)
	gateway := newGateway(t, nil)

	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, "node", filepath.Join("testdata", "audits.cjs"))
	command.Env = append(os.Environ(), "NODE_PATH="+modules, "GRAPHQL_URL="+gateway.URL+"/graphql", "GRAPHQL_TOKEN="+goodToken,
		"NO_PROXY=127.0.0.1", "no_proxy=127.0.0.1")
	var complaints bytes.Buffer
	command.Stderr = &complaints
	output, err := command.Output()
	if err != nil {
		t.Fatalf("node: %v\n%s%s", err, output, &complaints)
	}
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
		t.Errorf("%d audits ran, want %d: %s", audits, auditCount, &complaints)
	}
}

// nodeModules returns a folder with the audit suite in it, installing it once
// for all runs to come. The test is skipped where Node is absent or the suite
// cannot be had.
func nodeModules(t *testing.T) string {
	t.Helper()
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed: %v", program, err)
		}
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Skipf("there is no folder to keep %s in: %v", auditPackages[0], err)
	}
	root := filepath.Join(cache, "crosswalk-test")
	installed := filepath.Join(root, auditPackages[0])
	modules := filepath.Join(installed, "node_modules")
	if _, err := os.Stat(modules); err == nil {
		return modules
	}
	if err := os.MkdirAll(root, 0o755); err != nil {
		t.Skipf("there is no folder to keep %s in: %v", auditPackages[0], err)
	}
	// Runs that install at the same time do so apart; the first one to finish
	// puts its folder in place.
	apart, err := os.MkdirTemp(root, "installing-")
	if err != nil {
		t.Skipf("there is no folder to install %s in: %v", auditPackages[0], err)
	}
	defer func() { _ = os.RemoveAll(apart) }()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	arguments := append([]string{"install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", apart}, auditPackages...)
	if output, err := exec.CommandContext(ctx, "npm", arguments...).CombinedOutput(); err != nil {
		t.Skipf("%s cannot be fetched: %v\n%s", auditPackages[0], err, output)
	}
	if err := os.Rename(apart, installed); err != nil {
		if _, missing := os.Stat(modules); missing != nil {
			t.Skipf("%s cannot be kept: %v", auditPackages[0], err)
		}
	}
	return modules
}

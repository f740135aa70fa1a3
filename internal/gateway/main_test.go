package gateway_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"crosswalk/internal/account"
	"crosswalk/internal/gateway/gatewaytest"
)

func TestMain(m *testing.M) { gatewaytest.Main(m) }

// variables are the variables of an operation.
type variables = map[string]any

// Roles, by shorter names.
const (
	viewer   = account.Viewer
	editor   = account.Editor
	operator = account.Operator
	admin    = account.Admin
)

var update = flag.Bool("update", false, "write the golden files anew from what came")

// Instants, addresses and ids of requests differ from run to run; what an answer cost is tested where it is reckoned.
var (
	instant = regexp.MustCompile(`"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"`)
	address = regexp.MustCompile(`127\.0\.0\.1:\d+`)
	request = regexp.MustCompile(`"requestId":"[^"]*"`)
	cost    = regexp.MustCompile(`,"extensions":\{"cost":\{[^}]*\}\}|"cost":\{[^}]*\},`)
)

// golden compares an answer with testdata/name.json, apart from what differs and what it cost.
func golden(t *testing.T, name string, response gatewaytest.Response) {
	t.Helper()
	body := instant.ReplaceAll(response.Body, []byte(`"(an instant)"`))
	body = address.ReplaceAll(body, []byte("(an address)"))
	body = request.ReplaceAll(body, []byte(`"requestId":"(an id)"`))
	body = cost.ReplaceAll(body, nil)
	var got bytes.Buffer
	if err := json.Indent(&got, body, "", "  "); err != nil {
		t.Fatalf("indent the answer: %v", err)
	}
	got.WriteByte('\n')
	path := filepath.Join("testdata", name+".json")
	if *update {
		if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
			t.Fatalf("write the golden file: %v", err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("read the golden file (go test -update makes it): %v", err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("the answer is not that of %s (-want +got; go test -update accepts it):\n%s", path, diff)
	}
}

package gateway_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"crosswalk/internal/gateway"
	"crosswalk/internal/gateway/gatewaytest"
	"crosswalk/internal/nodetest"
)

// clientsPage is where programs for clients are documented.
const clientsPage = "docs/clients.md"

// needs skips a test where a program is not installed.
func needs(t *testing.T, programs ...string) {
	t.Helper()
	if testing.Short() {
		t.Skip("does what a reader would do, which takes long")
	}
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed: %v", program, err)
		}
	}
}

// npmInstall is a line that installs packages, given with their versions.
var npmInstall = regexp.MustCompile(`(?m)^npm install (?:--save-dev )?(.*)\n`)

// withPackages returns parts without their installing of packages, and a folder that has these packages.
func withPackages(t *testing.T, parts []block) (folder string, rest []block) {
	t.Helper()
	var packages []string
	rest = slices.Clone(parts)
	for i, part := range rest {
		if found := npmInstall.FindStringSubmatch(part.Text); found != nil && part.Language == "sh" {
			packages = append(packages, strings.Fields(found[1])...)
			rest[i].Text = npmInstall.ReplaceAllString(part.Text, "")
		}
	}
	if len(packages) == 0 {
		t.Fatal("no packages are installed")
	}
	folder = t.TempDir()
	if err := os.Symlink(nodetest.Modules(t, packages...), filepath.Join(folder, "node_modules")); err != nil {
		t.Fatal(err)
	}
	return folder, rest
}

// printed fails a test where a program did not print what it is for.
func printed(t *testing.T, output string, wanted ...string) {
	t.Helper()
	for _, pattern := range wanted {
		if !regexp.MustCompile(pattern).MatchString(output) {
			t.Errorf("nothing that was printed fits %s:\n%s", pattern, output)
		}
	}
}

func TestTheDocumentedTypeScriptClientIsGeneratedCheckedAndWorks(t *testing.T) {
	t.Parallel()
	needs(t, "bash", "curl")
	folder, parts := withPackages(t, section(t, clientsPage, "TypeScript", "Persisted documents"))
	output := follow(t, startDocumented(t), folder, parts)
	printed(t, output, `not mapped: .+ \(\d+\)`, `product: .+ → not mapped`, `\d: -?[\d.]+ [A-Z]{3}: `, `[0-9a-f]{64}\.graphql: OK`)

	// What the generator knows of the schema holds programs to it.
	wrong := `import type { OrganizationRow } from './grids'; export const wrong = (row: OrganizationRow): number => row.name;`
	if err := os.WriteFile(filepath.Join(folder, "src", "wrong.ts"), []byte(wrong), 0o644); err != nil {
		t.Fatal(err)
	}
	check := exec.CommandContext(t.Context(), "npx", "tsc", "--noEmit")
	check.Dir = folder
	if complaint, err := check.CombinedOutput(); err == nil || !strings.Contains(string(complaint), "wrong.ts") {
		t.Errorf("a program that takes a name for a number is let through: %v\n%s", err, complaint)
	}
	onlyDocuments(t, filepath.Join(folder, "documents"))
}

// onlyDocuments starts a gateway that executes the documents in a folder, and asks it for those and for another one.
func onlyDocuments(t *testing.T, folder string) {
	t.Helper()
	w := gatewaytest.Start(t, gatewaytest.Options{Gateway: func(c *gateway.Config) { c.PersistedOnly = folder }})
	files, err := filepath.Glob(filepath.Join(folder, "*.graphql"))
	if err != nil || len(files) != 4 {
		t.Fatalf("there are %d documents (%v), want those of 4 queries", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(text), "mutation") {
			w.Must(t, viewer, string(text), nil, nil)
		}
	}
	if codes := w.Query(t, viewer, `{ viewer { role } }`, nil).Codes(); !slices.Equal(codes, []string{"PERSISTED_QUERY_ONLY"}) {
		t.Errorf("a document that is not in the folder is answered with %q, want PERSISTED_QUERY_ONLY", codes)
	}
}

func TestTheDocumentedApolloClientWorks(t *testing.T) {
	t.Parallel()
	needs(t, "bash")
	folder, parts := withPackages(t, section(t, clientsPage, "Apollo Client"))
	output := follow(t, startDocumented(t), folder, parts)
	printed(t, output, `(?m)^(\d+) of (\d+) organizations$`, `(?m)^SUCCEEDED$`)
	if found := regexp.MustCompile(`(\d+) of (\d+)`).FindStringSubmatch(output); found != nil && found[1] != found[2] {
		t.Errorf("the pages joined hold %s rows, want %s", found[1], found[2])
	}
}

func TestTheDocumentedGoClientIsGeneratedAndWorks(t *testing.T) {
	t.Parallel()
	needs(t, "bash", "curl", "go")
	folder := t.TempDir()
	output := follow(t, startDocumented(t), folder, section(t, clientsPage, "Go"))
	printed(t, output, `not mapped: .+ \(\d+\)`, `(?m)^[1-9]\d* products$`, `(?m)^100 of [1-9]\d+ lines come to [\d.]+$`)
	generated, err := os.ReadFile(filepath.Join(folder, "crosswalk", "generated.go"))
	if err != nil {
		t.Fatal(err)
	}
	printed(t, string(generated), `chargeStartDate,omitempty`, `chargeEndDate,omitempty`, `psaAgreementId,omitempty`, `decimal\.Decimal`)
}

func TestDocumentedShellCommandsForClientsWork(t *testing.T) {
	t.Parallel()
	needs(t, "bash", "curl")
	follow(t, startDocumented(t), t.TempDir(), section(t, clientsPage, "Relay", "Subscriptions"))
}

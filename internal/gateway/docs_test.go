package gateway_test

import (
	"cmp"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"crosswalk/internal/gateway/gatewaytest"
	simconnectwise "crosswalk/internal/simulator/connectwise"
	simplatform "crosswalk/internal/simulator/platform"
)

// block is a piece of code in a page of the documentation.
type block struct {
	// Heading is that of the section it stands in.
	Heading string
	// File is the name that the line before gives it; empty for most.
	File     string
	Language string
	Text     string
}

var (
	heading = regexp.MustCompile(`^#+ (.*)$`)
	named   = regexp.MustCompile("^`([^`]+)`:$")
)

// pageText returns a page, given by its path from the top of the repository.
func pageText(t *testing.T, page string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", "..", page))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// blocks returns the code of a page.
func blocks(t *testing.T, page string) []block {
	t.Helper()
	var found []block
	var current *block
	var section, file string
	for line := range strings.Lines(pageText(t, page)) {
		text := strings.TrimSuffix(line, "\n")
		fence, fenced := strings.CutPrefix(text, "```")
		switch {
		case fenced && current == nil:
			current = &block{Heading: section, File: file, Language: fence}
		case fenced:
			found = append(found, *current)
			current, file = nil, ""
		case current != nil:
			current.Text += line
		case heading.MatchString(text):
			section, file = heading.FindStringSubmatch(text)[1], ""
		case named.MatchString(text):
			file = named.FindStringSubmatch(text)[1]
		case text != "":
			file = ""
		}
	}
	if current != nil || len(found) == 0 {
		t.Fatalf("%s has %d pieces of code, the last of which is not closed", page, len(found))
	}
	return found
}

// section returns the code under some headings of a page.
func section(t *testing.T, page string, headings ...string) []block {
	t.Helper()
	chosen := slices.DeleteFunc(blocks(t, page), func(b block) bool { return !slices.Contains(headings, b.Heading) })
	if len(chosen) == 0 {
		t.Fatalf("%s has no code under %q", page, headings)
	}
	return chosen
}

// pages are those with documentation.
func pages(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(found) == 0 {
		t.Fatalf("there are %d pages in docs: %v", len(found), err)
	}
	pages := []string{"README.md"}
	for _, path := range found {
		pages = append(pages, filepath.Join("docs", filepath.Base(path)))
	}
	return pages
}

// startDocumented puts up a seller with records of every kind, as the documentation takes for granted.
func startDocumented(t *testing.T) *gatewaytest.World {
	t.Helper()
	w := gatewaytest.Start(t, gatewaytest.Options{
		ConnectWise: simconnectwise.Options{Companies: 10, Products: 10, Agreements: 10},
		Platform:    simplatform.Options{Organizations: 20, Lines: 800},
	})
	w.Sync(t)
	w.Load(t, 3)
	loadLines(t, w.Seller, "PREVIOUS_MONTH")
	return w
}

// documentedVariables are the variables of documented operations that need some, by the operation's name.
func documentedVariables(t *testing.T, w *gatewaytest.World) map[string]variables {
	t.Helper()
	type list struct{ Nodes []struct{ ID string } }
	var data struct{ Organizations, PsaCompanies, Jobs, InvoiceLines list }
	w.Must(t, viewer, `{
		organizations { nodes { id } } psaCompanies { nodes { id } } jobs { nodes { id } } invoiceLines { nodes { id } }
	}`, nil, &data)
	types, _ := agreementTypes(t, w.Seller)
	return map[string]variables{
		"Map": {"input": variables{"organizationId": data.Organizations.Nodes[0].ID, "psaCompanyId": data.PsaCompanies.Nodes[0].ID}},
		"Connect": {"input": variables{
			"apiUrl": w.ConnectWiseURL, "companyId": gatewaytest.CompanyID, "publicKey": gatewaytest.PublicKey,
			"privateKey": gatewaytest.PrivateKey, "clientId": gatewaytest.ClientID,
		}},
		"Choose":    {"input": variables{"agreementTypeId": types["Cloud Subscriptions"]}},
		"FollowRun": {"id": data.Jobs.Nodes[0].ID},
		"EditLine":  {"input": variables{"invoiceLineId": data.InvoiceLines.Nodes[0].ID, "chargeEndDate": "2026-12-31"}},
	}
}

func TestDocumentedOperationsAreAnswered(t *testing.T) {
	t.Parallel()
	w := startDocumented(t)
	values := documentedVariables(t, w)
	schema := loadSchema(t)
	for _, page := range pages(t) {
		for _, b := range blocks(t, page) {
			if b.Language != "graphql" {
				continue
			}
			document, problems := gqlparser.LoadQueryWithRules(schema, b.Text, rules.NewDefaultRules())
			if len(problems) > 0 {
				t.Errorf("%s, %s: %v\n%s", page, b.Heading, problems, b.Text)
				continue
			}
			operation := document.Operations[0]
			if operation.Operation == ast.Subscription {
				follows(t, w, b.Text, values[operation.Name])
				continue
			}
			response := w.Must(t, admin, b.Text, values[operation.Name], nil)
			if strings.Contains(string(response.Body), `"userErrors":[{`) {
				t.Errorf("%s, %s: %s was refused: %s", page, b.Heading, cmp.Or(operation.Name, "the operation"), response.Body)
			}
		}
	}
}

var (
	// asking is the shell function of the README that asks the gateway, asked a command that uses it.
	asking = regexp.MustCompile(`(?ms)^ask\(\) \{.*?^\}$`)
	asked  = regexp.MustCompile(`(?m)^ask (?:.*\\\n)*.*$`)
)

// TestDocumentedCommandsSendOperations has the shell read the commands, with a curl that only shows what it is to send.
func TestDocumentedCommandsSendOperations(t *testing.T) {
	t.Parallel()
	page := pageText(t, "README.md")
	schema := loadSchema(t)
	commands := asked.FindAllString(page, -1)
	if len(commands) == 0 {
		t.Fatal("README.md asks nothing")
	}
	for _, command := range commands {
		script := "curl() { printf %s \"${@: -1}\"; }\nTOKEN=x\n" + asking.FindString(page) + "\n" + command
		sent, err := exec.CommandContext(t.Context(), "bash", "-euc", script).CombinedOutput()
		if err != nil {
			t.Fatalf("%s\nfailed: %v\n%s", command, err, sent)
		}
		var request struct {
			Query     string
			Variables map[string]any
		}
		if err := json.Unmarshal(sent, &request); err != nil {
			t.Errorf("%s\nsends %s: %v", command, sent, err)
			continue
		}
		document, problems := gqlparser.LoadQueryWithRules(schema, request.Query, rules.NewDefaultRules())
		if len(problems) > 0 {
			t.Errorf("%s\n%v", command, problems)
			continue
		}
		if _, err := validator.VariableValues(schema, document.Operations[0], request.Variables); err != nil {
			t.Errorf("%s\n%v", command, err)
		}
	}
}

// link is a link to a file of the repository, to a part of one, or to a part of the same page.
var link = regexp.MustCompile(`\]\(([^):#]*)(?:#([^)]*))?\)`)

// anchors are the parts of a page that links can lead to.
func anchors(t *testing.T, page string) map[string]bool {
	t.Helper()
	left := regexp.MustCompile(`[^a-z0-9 -]`)
	found := make(map[string]bool)
	code := false
	for line := range strings.Lines(pageText(t, page)) {
		if strings.HasPrefix(line, "```") {
			code = !code
		}
		if title := heading.FindStringSubmatch(strings.TrimSuffix(line, "\n")); title != nil && !code {
			found[strings.ReplaceAll(left.ReplaceAllString(strings.ToLower(title[1]), ""), " ", "-")] = true
		}
	}
	return found
}

func TestDocumentedLinksLeadSomewhere(t *testing.T) {
	t.Parallel()
	for _, page := range pages(t) {
		links := link.FindAllStringSubmatch(pageText(t, page), -1)
		if len(links) == 0 {
			t.Errorf("%s has no links", page)
		}
		for _, found := range links {
			target := page
			if found[1] != "" {
				target = filepath.Join(filepath.Dir(page), found[1])
			}
			if _, err := os.Stat(filepath.Join("..", "..", target)); err != nil {
				t.Errorf("%s leads to %s: %v", page, found[1], err)
			} else if found[2] != "" && !anchors(t, target)[found[2]] {
				t.Errorf("%s leads to %s of %s, which has no such part", page, found[2], target)
			}
		}
	}
}

// documented turns a text of the documentation to the world of a test.
func documented(t *testing.T, w *gatewaytest.World, text string) string {
	t.Helper()
	top, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	host := strings.TrimPrefix(w.URL(), "http://")
	return strings.NewReplacer("../crosswalk/", top+"/", "://127.0.0.1:8080", "://"+host).Replace(text)
}

// walkTime bounds what a reader does in one piece.
const walkTime = 5 * time.Minute

// shell runs a piece of the documentation as somebody would who has a token and is in a folder, and returns what it
// printed. The test is skipped where that takes a network that is not there.
func shell(t *testing.T, w *gatewaytest.World, folder, text string, settings ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), walkTime)
	defer cancel()
	command := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", documented(t, w, text))
	command.Dir = folder
	// Servers of the test are on this machine, which no proxy may be asked for.
	command.Env = append(os.Environ(), "NO_PROXY=127.0.0.1,localhost", "no_proxy=127.0.0.1,localhost", "GOWORK=off", "TOKEN="+w.Token(operator))
	command.Env = append(command.Env, settings...)
	command.WaitDelay = time.Second
	output, err := command.CombinedOutput()
	if err == nil {
		return string(output)
	}
	for _, sign := range []string{"dial tcp", "no such host", "proxyconnect", "TLS handshake timeout", "GOPROXY=off"} {
		if strings.Contains(string(output), sign) {
			t.Skipf("there is no network to fetch programs from: %s", output)
		}
	}
	t.Fatalf("%s\nfailed: %v\n%s", text, err, output)
	return ""
}

// follow does what a part of the documentation says, in its order: files are written, and what is for the shell is run.
// It returns everything that was printed.
func follow(t *testing.T, w *gatewaytest.World, folder string, parts []block) string {
	t.Helper()
	var printed strings.Builder
	for _, part := range parts {
		switch {
		case part.File != "":
			path := filepath.Join(folder, part.File)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(documented(t, w, part.Text)), 0o644); err != nil {
				t.Fatal(err)
			}
		case part.Language == "sh":
			printed.WriteString(shell(t, w, folder, part.Text))
		}
	}
	return printed.String()
}

package explorer_test

import (
	"encoding/json"
	"html"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"

	"crosswalk/internal/httpapi/explorer"
)

// get asks an explorer for a path, with headers "Name: value".
func get(t *testing.T, explorer *explorer.Explorer, path string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		request.Header.Set(name, value)
	}
	recorder := httptest.NewRecorder()
	explorer.ServeHTTP(recorder, request)
	return recorder
}

func newExplorer(t *testing.T, config explorer.Config) *explorer.Explorer {
	t.Helper()
	result, err := explorer.New(config)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return result
}

// assetURL finds what the page loads.
var assetURL = regexp.MustCompile(`(?:src|href)="([^"]+)"`)

func TestThePageAndAllItLoadsIsServed(t *testing.T) {
	t.Parallel()
	served := newExplorer(t, explorer.Config{Endpoint: "/graphql"})
	page := get(t, served, "/")
	if page.Code != http.StatusOK || !strings.Contains(page.Body.String(), "<title>crosswalk</title>") {
		t.Fatalf("GET /: %d\n%s", page.Code, page.Body)
	}
	var loaded int
	for _, match := range assetURL.FindAllStringSubmatch(page.Body.String(), -1) {
		url := html.UnescapeString(match[1])
		if url == "/" {
			continue
		}
		loaded++
		asset := get(t, served, url)
		if asset.Code != http.StatusOK || asset.Body.Len() == 0 {
			t.Errorf("GET %s, which the page loads: %d, %d bytes", url, asset.Code, asset.Body.Len())
		}
		if want := "public, max-age=31536000, immutable"; asset.Header().Get("Cache-Control") != want {
			t.Errorf("GET %s: Cache-Control %q, want %q", url, asset.Header().Get("Cache-Control"), want)
		}
	}
	if loaded < 6 {
		t.Errorf("the page loads %d files, want scripts, styles and an icon:\n%s", loaded, page.Body)
	}
	if missing := get(t, served, explorer.AssetsPath+"nothing.js"); missing.Code != http.StatusNotFound {
		t.Errorf("GET of a file that does not exist: %d, want 404", missing.Code)
	}
}

func TestThePageMayLoadNothingFromElsewhere(t *testing.T) {
	t.Parallel()
	page := get(t, newExplorer(t, explorer.Config{Endpoint: "/graphql"}), "/")
	policy := page.Header().Get("Content-Security-Policy")
	if !strings.HasPrefix(policy, "default-src 'none';") {
		t.Errorf("Content-Security-Policy %q, want it to begin with nothing allowed", policy)
	}
	allowed := []string{"'none'", "'self'", "'unsafe-inline'", "data:"}
	for directive := range strings.SplitSeq(policy, ";") {
		words := strings.Fields(directive)
		for _, source := range words[1:] {
			if !slices.Contains(allowed, source) {
				t.Errorf("Content-Security-Policy allows %s in %s", source, words[0])
			}
			if source == "'unsafe-inline'" && words[0] != "style-src" {
				t.Errorf("Content-Security-Policy allows inline code in %s", words[0])
			}
		}
	}
}

var (
	// host finds addresses with a host; words after // in comments are
	// separated from it.
	host = regexp.MustCompile(`//[A-Za-z0-9][A-Za-z0-9.-]*\.[a-z]{2,}`)
	// loads finds what a style sheet loads.
	loads = regexp.MustCompile(`url\(\s*["']?[^)]{0,20}|@import[^;]*`)
)

func TestNoAssetRefersToARemoteHost(t *testing.T) {
	t.Parallel()
	// A vocabulary of XML, and pages that licence notes and error messages
	// mention. None of them is ever loaded, nor could it be.
	mentioned := []string{
		"//www.w3.org", "//reactjs.org", "//github.com", "//radix-ui.com",
		"//en.wikipedia.org", "//commonmark.org", "//codemirror.net",
	}
	for _, directory := range []string{"assets", "page"} {
		for name, content := range filesIn(t, directory) {
			if strings.HasSuffix(name, ".txt") {
				continue
			}
			for _, found := range host.FindAllString(content, -1) {
				if !slices.Contains(mentioned, found) || directory == "page" && found != "//www.w3.org" {
					t.Errorf("%s/%s refers to %s", directory, name, found)
				}
			}
			if !strings.HasSuffix(name, ".css") {
				continue
			}
			for _, found := range loads.FindAllString(content, -1) {
				if !strings.HasPrefix(strings.TrimLeft(strings.TrimPrefix(found, "url("), ` "'`), "data:") {
					t.Errorf("%s/%s loads %s", directory, name, found)
				}
			}
		}
	}
}

func filesIn(t *testing.T, directory string) map[string]string {
	t.Helper()
	files := os.DirFS(directory)
	names, err := fs.Glob(files, "*")
	if err != nil || len(names) == 0 {
		t.Fatalf("list %s: %v, %d files", directory, err, len(names))
	}
	contents := map[string]string{}
	for _, name := range names {
		content, err := fs.ReadFile(files, name)
		if err != nil {
			t.Fatal(err)
		}
		contents[name] = string(content)
	}
	return contents
}

func TestUnchangedFilesAreNotSentAgain(t *testing.T) {
	t.Parallel()
	served := newExplorer(t, explorer.Config{Endpoint: "/graphql"})
	etag := get(t, served, "/").Header().Get("ETag")
	if again := get(t, served, "/", "If-None-Match: "+etag); again.Code != http.StatusNotModified || again.Body.Len() > 0 {
		t.Errorf("GET / with its ETag: %d and %d bytes, want 304 and none", again.Code, again.Body.Len())
	}
	other := newExplorer(t, explorer.Config{Endpoint: "/graphql", Tokens: []explorer.Token{{Label: "VIEWER", Value: "x"}}})
	if changed := get(t, other, "/", "If-None-Match: "+etag); changed.Code != http.StatusOK {
		t.Errorf("GET of another page with the ETag of the first: %d, want 200", changed.Code)
	}
	if compressed := get(t, served, "/", "Accept-Encoding: gzip"); compressed.Header().Get("Content-Encoding") != "gzip" {
		t.Error("the page is not compressed for those who accept it")
	}
}

// settingsOf is what the page's script is told.
var settingsOf = regexp.MustCompile(`(?s)<script type="application/json" id="settings">(.*?)</script>`)

func TestThePageIsToldItsSettings(t *testing.T) {
	t.Parallel()
	config := explorer.Config{
		Endpoint:  "/graphql",
		SchemaURL: "/schema.graphqls",
		Examples:  []explorer.Example{{Title: "A </script><script>alert(1)</script>", Query: "{ a }", Variables: `{"a":"<!--"}`, Open: true}},
		Tokens:    []explorer.Token{{Label: "EDITOR", Value: "secret"}},
	}
	page := get(t, newExplorer(t, config), "/").Body.String()
	match := settingsOf.FindStringSubmatch(page)
	if match == nil {
		t.Fatalf("the page holds no settings:\n%s", page)
	}
	var told struct {
		Endpoint, SchemaURL string
		Examples            []explorer.Example
		Tokens              []explorer.Token
	}
	if err := json.Unmarshal([]byte(match[1]), &told); err != nil {
		t.Fatalf("the settings are not JSON: %v\n%s", err, match[1])
	}
	if told.Endpoint != config.Endpoint || told.SchemaURL != config.SchemaURL {
		t.Errorf("the page is told %q and %q, want %q and %q", told.Endpoint, told.SchemaURL, config.Endpoint, config.SchemaURL)
	}
	if !slices.Equal(told.Examples, config.Examples) || !slices.Equal(told.Tokens, config.Tokens) {
		t.Errorf("the page is told %+v and %+v, want %+v and %+v", told.Examples, told.Tokens, config.Examples, config.Tokens)
	}
}

func TestExamplesAreWellFormed(t *testing.T) {
	t.Parallel()
	examples, err := explorer.Examples()
	if err != nil {
		t.Fatalf("Examples: %v", err)
	}
	titles := map[string]bool{}
	open := 0
	for _, example := range examples {
		if titles[example.Title] || example.Description == "" {
			t.Errorf("%q: want a title of its own and a description", example.Title)
		}
		titles[example.Title] = true
		if example.Open {
			open++
		}
		document, err := parser.ParseQuery(&ast.Source{Name: example.Title, Input: example.Query})
		if err != nil {
			t.Errorf("%q does not parse: %v", example.Title, err)
			continue
		}
		if len(document.Operations) != 1 || document.Operations[0].Name == "" {
			t.Errorf("%q: want one operation with a name, which becomes the tab's", example.Title)
		}
		var variables map[string]any
		if example.Variables != "" && json.Unmarshal([]byte(example.Variables), &variables) != nil {
			t.Errorf("%q: the variables are not a JSON object: %s", example.Title, example.Variables)
		}
	}
	if open == 0 || open == len(examples) {
		t.Errorf("%d of %d examples have a tab from the start, want some", open, len(examples))
	}
}

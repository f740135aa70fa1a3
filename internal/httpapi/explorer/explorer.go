// Package explorer serves a page on which people try GraphQL operations: the
// GraphiQL editor with worked examples, the schema's documentation and a field
// for their token. Everything it needs is in the binary, and the page may not
// load or call anything elsewhere.
//
// It knows nothing of what the gateway's schema holds; that is in the examples.
// Start reading at New; what the page does is in page/explorer.js.
package explorer

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"

	"crosswalk/internal/httpapi/internal/compress"
)

// AssetsPath is where the files that the page needs are served.
const AssetsPath = "/assets/"

// files are GraphiQL and React as their authors publish them, with their
// licences, and our own page.
//
//go:embed assets page
var files embed.FS

// Config says what the page shows.
type Config struct {
	// Endpoint is the path operations are sent to; the gateway fills it in.
	Endpoint string
	// SchemaURL is where the schema's text can be downloaded, empty for
	// nowhere; the gateway fills it in.
	SchemaURL string
	// Examples are offered on the page. Those with Open have a tab from the
	// start.
	Examples []Example
	// Tokens are offered for choice, the first one chosen. They are part of
	// the page, so that whoever can open it can use them: only for
	// demonstrations.
	Tokens []Token
}

// Token is one to try the gateway with.
type Token struct {
	// Label says what it is good for, such as EDITOR.
	Label string `json:"label"`
	Value string `json:"value"`
}

// Explorer serves the page at / and its files below AssetsPath.
type Explorer struct {
	page     file
	assets   map[string]file
	compress compress.Writer
}

// file is something to serve.
type file struct {
	contentType string
	etag        string
	content     []byte
}

// New returns the explorer; it fails only if the binary was built wrong.
func New(config Config) (*Explorer, error) {
	explorer := &Explorer{assets: map[string]file{}}
	urls := map[string]string{}
	for _, directory := range []string{"assets", "page"} {
		entries, err := fs.ReadDir(files, directory)
		if err != nil {
			return nil, fmt.Errorf("explorer: %w", err)
		}
		for _, entry := range entries {
			content, err := files.ReadFile(path.Join(directory, entry.Name()))
			if err != nil {
				return nil, fmt.Errorf("explorer: %w", err)
			}
			asset := newFile(entry.Name(), content)
			// The hash in the name lets browsers keep the file for good.
			url := AssetsPath + strings.Trim(asset.etag, `"`) + "-" + entry.Name()
			explorer.assets[url] = asset
			urls[entry.Name()] = url
		}
	}
	page, err := renderPage(config, urls)
	if err != nil {
		return nil, fmt.Errorf("explorer: %w", err)
	}
	explorer.page = newFile("index.html", page)
	return explorer, nil
}

func newFile(name string, content []byte) file {
	sum := sha256.Sum256(content)
	return file{
		contentType: contentType(name),
		etag:        `"` + hex.EncodeToString(sum[:8]) + `"`,
		content:     content,
	}
}

// contentType names the types itself where it matters: the system's table may
// be missing or wrong.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".html":
		return "text/html; charset=utf-8"
	case ".txt":
		return "text/plain; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	}
	return mime.TypeByExtension(path.Ext(name))
}

// settings is what the page's script is told.
type settings struct {
	Endpoint  string    `json:"endpoint"`
	SchemaURL string    `json:"schemaURL"`
	Examples  []Example `json:"examples"`
	Tokens    []Token   `json:"tokens"`
}

func renderPage(config Config, urls map[string]string) ([]byte, error) {
	text, err := files.ReadFile("page/index.html")
	if err != nil {
		return nil, err
	}
	page, err := template.New("page").Parse(string(text))
	if err != nil {
		return nil, err
	}
	var rendered bytes.Buffer
	err = page.Execute(&rendered, map[string]any{
		"URL":      urls,
		"Settings": settings(config),
	})
	return rendered.Bytes(), err
}

// contentSecurityPolicy lets the page load and call nothing but this server.
// GraphiQL sets styles on its elements, hence unsafe-inline for those; scripts
// come from files only.
const contentSecurityPolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; " +
	"img-src 'self' data:; font-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// ServeHTTP serves the page or one of its files.
func (e *Explorer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	if r.URL.Path == "/" {
		header.Set("Content-Security-Policy", contentSecurityPolicy)
		header.Set("Cross-Origin-Opener-Policy", "same-origin")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("X-Frame-Options", "DENY")
		header.Set("Cache-Control", "no-cache")
		e.serve(w, r, e.page)
		return
	}
	asset, ok := e.assets[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	header.Set("Cache-Control", "public, max-age=31536000, immutable")
	e.serve(w, r, asset)
}

func (e *Explorer) serve(w http.ResponseWriter, r *http.Request, file file) {
	w.Header().Set("ETag", file.etag)
	if strings.Contains(r.Header.Get("If-None-Match"), file.etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.Header().Set("Content-Type", file.contentType)
	// A caller that has gone misses nothing.
	_ = e.compress.Write(w, r, http.StatusOK, file.content)
}

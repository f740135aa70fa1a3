package connectwise

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"crosswalk/internal/psa"
)

// pathsOf returns the codebases the requests so far were made under.
func codebasesUsed(requests []received) []string {
	var used []string
	for _, request := range requests {
		codebase, _, _ := strings.Cut(strings.TrimPrefix(request.Raw[strings.Index(request.Raw, "://")+3:], "psa.example.com/"), "/")
		used = append(used, codebase)
	}
	return used
}

func TestCodebase_FromTheCompanyInfo(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		info http.HandlerFunc
		want string
	}{
		{"with a trailing slash", always(200, `{"Codebase":"v2026_1/"}`), "v2026_1"},
		{"without one", always(200, `{"Codebase":"v2026_1"}`), "v2026_1"},
		{"on-premise", always(200, `{"Codebase":"v4_6_release/","IsCloud":false}`), "v4_6_release"},
		{"an unknown company is null", always(200, `null`), "v4_6_release"},
		{"a codebase that is null", always(200, `{"Codebase":null}`), "v4_6_release"},
		{"404", always(404, `{}`), "v4_6_release"},
		{"500", always(500, `{"Codebase":"v2026_1/"}`), "v4_6_release"},
		{"a web page", func(w http.ResponseWriter, _ *http.Request) { answerHTML(w, 200) }, "v4_6_release"},
		{"nonsense", always(200, `{"Codebase":"current"}`), "v4_6_release"},
		{"a way out of the path", always(200, `{"Codebase":"v1/../../login"}`), "v4_6_release"},
		{"another host", always(200, `{"Codebase":"v1@evil.example/"}`), "v4_6_release"},
		{"a list", always(200, `["v2026_1/"]`), "v4_6_release"},
		{"JSON cut short", always(200, `{"Codebase":"v2026_1/"`), "v4_6_release"},
		{"a redirect to another host", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://other.example.com/", http.StatusFound)
		}, "v4_6_release"},
		{"no answer", hang, "v4_6_release"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, always(200, okInfo), func(t *testing.T, b *bubble) {
				b.server.companyInfo = tt.info
				lasted := took(func() {
					for range 3 {
						if _, err := b.SystemInfo(t.Context()); err != nil {
							t.Fatal(err)
						}
					}
				})
				for _, used := range codebasesUsed(b.server.all()) {
					if used != tt.want {
						t.Errorf("a request is made under %q, want %q", used, tt.want)
					}
				}
				if lasted > 3*lookupPatience {
					t.Errorf("three calls took %s, want none to wait for the lookup longer than %s", lasted, lookupPatience)
				}
				time.Sleep(lookupTimeout)
			})
		})
	}
}

func TestCodebase_LookupNeedsNoCredentialsAndGetsNone(t *testing.T) {
	t.Parallel()
	server := newServer(t, always(200, okInfo))
	info := make(chan *http.Request, 1)
	server.companyInfo = func(w http.ResponseWriter, r *http.Request) {
		info <- r
		answerJSON(w, 200, `{"Codebase":"v2026_1/"}`)
	}
	client := server.client(t, func(c *Config) { c.CompanyID = "acme & co" })
	if _, err := client.SystemInfo(t.Context()); err != nil {
		t.Fatal(err)
	}
	request := <-info
	if request.URL.Path != "/login/companyinfo/acme & co" || request.Header.Get("Authorization") != "" || request.Header.Get("Clientid") != "" {
		t.Errorf("the lookup asks %s with %v, want the company's page without credentials", request.URL, request.Header)
	}
}

func TestCodebase_IsLookedUpOnceForAll(t *testing.T) {
	t.Parallel()
	var lookups atomic.Int32
	inBubble(t, always(200, okInfo), func(t *testing.T, b *bubble) {
		b.server.companyInfo = func(w http.ResponseWriter, _ *http.Request) {
			lookups.Add(1)
			time.Sleep(500 * time.Millisecond)
			answerJSON(w, 200, `{"Codebase":"v2026_1/"}`)
		}
		var group sync.WaitGroup
		for range 20 {
			group.Go(func() { _, _ = b.SystemInfo(t.Context()) })
		}
		group.Wait()
		if got := lookups.Load(); got != 1 {
			t.Errorf("20 calls looked the codebase up %d times, want once", got)
		}
	})
}

func TestCodebase_AFailedLookupIsTriedAgainLater(t *testing.T) {
	t.Parallel()
	inBubble(t, always(200, okInfo), func(t *testing.T, b *bubble) {
		b.server.companyInfo = inTurn(failing, always(200, `{"Codebase":"v2026_1/"}`))
		for range 3 {
			_, _ = b.SystemInfo(t.Context())
		}
		time.Sleep(lookupRetry)
		_, _ = b.SystemInfo(t.Context())
		want := "[v4_6_release v4_6_release v4_6_release v2026_1]"
		if got := fmt.Sprint(codebasesUsed(b.server.all())); got != want {
			t.Errorf("the calls are made under %s, want %s", got, want)
		}
	})
}

func TestCodebase_IsReadAgainAfterA404(t *testing.T) {
	t.Parallel()
	upgraded := func(codebase string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if !strings.HasPrefix(r.URL.Path, "/"+codebase+"/") {
				answerHTML(w, http.StatusNotFound)
				return
			}
			answerJSON(w, 200, okInfo)
		}
	}
	inBubble(t, upgraded("v2026_2"), func(t *testing.T, b *bubble) {
		b.server.companyInfo = inTurn(always(200, `{"Codebase":"v2026_1/"}`), always(200, `{"Codebase":"v2026_2/"}`))
		for range 2 {
			if _, err := b.SystemInfo(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		want := "[v2026_1 v2026_2 v2026_2]"
		if got := fmt.Sprint(codebasesUsed(b.server.all())); got != want {
			t.Errorf("the calls are made under %s, want %s", got, want)
		}
	})
}

func TestCodebase_WrongCredentialsDoNotCauseALookupEach(t *testing.T) {
	t.Parallel()
	var lookups atomic.Int32
	inBubble(t, func(w http.ResponseWriter, _ *http.Request) { answerHTML(w, 404) }, func(t *testing.T, b *bubble) {
		b.server.companyInfo = func(w http.ResponseWriter, _ *http.Request) {
			lookups.Add(1)
			answerJSON(w, 200, `{"Codebase":"v2026_1/"}`)
		}
		for range 4 {
			if _, err := b.SystemInfo(t.Context()); outcome(err) != "unauthorized" {
				t.Errorf("SystemInfo = %v, want refused credentials", err)
			}
		}
		if got := lookups.Load(); got != 2 || len(b.server.all()) != 4 {
			t.Errorf("4 calls made %d requests and %d lookups, want 4 and 2", len(b.server.all()), got)
		}
	})
}

func TestCodebase_AWriteIsNotRepeatedUnderANewOne(t *testing.T) {
	t.Parallel()
	inBubble(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/v2026_2/") {
			answerJSON(w, 201, `{"id":71}`)
			return
		}
		answerHTML(w, 404)
	}, func(t *testing.T, b *bubble) {
		b.server.companyInfo = inTurn(always(200, `{"Codebase":"v2026_1/"}`), always(200, `{"Codebase":"v2026_2/"}`))
		if _, err := b.CreateAddition(t.Context(), 9, psa.NewAddition{ProductID: 5}); outcome(err) != "unauthorized" || len(b.server.all()) != 1 {
			t.Errorf("CreateAddition under the old codebase = %v after %d requests, want it refused after one", err, len(b.server.all()))
		}
		if _, err := b.CreateAddition(t.Context(), 9, psa.NewAddition{ProductID: 5}); err != nil {
			t.Errorf("the next CreateAddition = %v, want it made under the new codebase", err)
		}
	})
}

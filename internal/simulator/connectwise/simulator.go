// Package connectwise is an in-memory stand-in for the REST API of ConnectWise PSA, for demos, for tests and
// for trying clients against. It keeps companies, contacts, the product catalog, agreements and their
// additions, and behaves as the API is documented and as users of live tenants report it to: filters,
// paging, partial answers, validation, defaults and quirks included.
//
// Settings switch the quirks, the fault injector spoils answers, counters tell what was asked, and the
// methods of Simulator do what people working in ConnectWise do. Over HTTP the same is found under
// /_simulator/: settings, faults, requests, and DELETE companies/{id} to purge one.
//
// The package knows nothing of crosswalk. Start reading at New and ServeHTTP; then tenant (what is stored),
// query (what is asked) and change (what is written).
package connectwise

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	"crosswalk/internal/simulator/fault"
)

// Options say what a simulator is filled with and who may call it. The zero value is an empty tenant that
// lets demo+public:private in.
type Options struct {
	// CompanyID, PublicKey and PrivateKey are what callers sign in with; empty ones are "demo", "public"
	// and "private".
	CompanyID, PublicKey, PrivateKey string
	// ClientID is the clientId header to insist on; when empty any will do, but there must be one.
	ClientID string
	// Companies, Products, Agreements and Additions are how many of each to make up. Deleted companies and
	// inactive products are among them.
	Companies, Products, Agreements, Additions int
	// Currencies are the ISO 4217 codes that made-up companies take turns in; when empty each has that of
	// its country: EUR, USD, GBP or SEK.
	Currencies []string
	// Seed decides about made-up details and about faults that happen with a probability.
	Seed uint64
	// Now tells what time it is to the rules; its date is the server's today. When nil it is time.Now.
	Now func() time.Time
	// Clock tells the real time, for lastUpdated, delayed visibility and the rate limit. When nil it is time.Now.
	Clock func() time.Time
	// Settings are in force from the start.
	Settings
}

// codebase is what the company info lookup tells; requests may also use the alias v4_6_release.
const (
	codebase     = "v2025_8"
	codebaseName = "v2025.8"
	routerAlias  = "v4_6_release"
)

// Simulator is one ConnectWise installation with one tenant. It is safe for concurrent use.
type Simulator struct {
	options   Options
	faults    *fault.Injector
	api       http.Handler
	control   http.Handler
	endpoints map[string]endpoint
	limiter   limiter
	calls     callCounter

	mu       sync.RWMutex
	settings Settings
	tenant   *tenant
}

// New returns a simulator filled as the options say.
func New(options Options) *Simulator {
	s, _ := NewContext(context.Background(), options) // which never ends
	return s
}

// NewContext is New for many records: when ctx ends before all of them are made up, it returns why.
func NewContext(ctx context.Context, options Options) (*Simulator, error) {
	options.CompanyID = orElse(options.CompanyID, "demo")
	options.PublicKey = orElse(options.PublicKey, "public")
	options.PrivateKey = orElse(options.PrivateKey, "private")
	if options.Clock == nil {
		options.Clock = time.Now
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	s := &Simulator{options: options, settings: options.Settings, calls: newCallCounter()}
	s.tenant = newTenant(options.Now, options.Clock, &s.settings)
	s.endpoints = endpointsOf(s.tenant)
	s.faults = fault.New(options.Seed, s.faultBody)
	s.api = s.faults.Wrap(http.HandlerFunc(s.serveAPI))
	s.control = s.controlHandler()
	s.tenant.furnish()
	if err := s.tenant.populate(ctx, options); err != nil {
		return nil, err
	}
	return s, nil
}

func orElse(text, standard string) string {
	if text == "" {
		return standard
	}
	return text
}

// ServeHTTP answers requests to the API, to the company info lookup and to /_simulator/.
func (s *Simulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, controlRoot) {
		s.control.ServeHTTP(w, r)
		return
	}
	s.calls.add(s.template(r))
	s.api.ServeHTTP(&limitPage{ResponseWriter: w, wanted: s.Settings().LimitPages}, r)
}

// Faults returns the injector that spoils answers.
func (s *Simulator) Faults() *fault.Injector { return s.faults }

// Settings returns the settings in force.
func (s *Simulator) Settings() Settings {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.settings
}

// Configure changes the settings while the simulator runs. Negative numbers are refused.
func (s *Simulator) Configure(change func(*Settings)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	settings := s.settings
	change(&settings)
	if err := settings.validate(); err != nil {
		return err
	}
	s.settings = settings
	return nil
}

// Calls returns how often each endpoint was called since the start or the last ForgetCalls, spoiled and
// refused calls included. Endpoints are named by method and path below the API root, with {id} for
// numbers: "GET /finance/agreements/{id}/additions".
func (s *Simulator) Calls() map[string]int { return s.calls.all() }

// CallCount returns how often one endpoint was called, named as Calls does; "" counts all calls.
func (s *Simulator) CallCount(endpoint string) int { return s.calls.count(endpoint) }

// ForgetCalls starts counting from nothing.
func (s *Simulator) ForgetCalls() {
	s.calls.forget()
	s.faults.ForgetCalls()
}

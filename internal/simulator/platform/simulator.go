// Package platform is a stand-in for the marketplace's billing feed, for the demo and for tests.
//
// It serves the feed's contract over HTTP: invoice headers and rows by invoice date, organizations and
// contracts by id. A believable seller of any size is computed from a seed when it is asked for, so a
// million invoice lines take no memory; what tests add or change is kept beside it. Faults are switched on
// from Go or over HTTP under /_simulator/. The package knows nothing of ConnectWise and of crosswalk's
// database. Start reading at New and market.
package platform

import (
	"net/http"
	"sync"
	"time"

	"crosswalk/internal/civil"
	"crosswalk/internal/platform"
	"crosswalk/internal/simulator/fault"
)

// DefaultKey and DefaultToken are the credentials of a simulator that was given none.
const (
	DefaultKey   = "platform-key"
	DefaultToken = "platform-token"
)

// Options says what the simulated seller is like. The zero value is a seller without any data.
type Options struct {
	// Key and Token are the credentials that requests must carry; empty means the defaults.
	Key, Token string
	// Organizations is how many customers there are, and Lines how many invoice lines all months have
	// together, exactly; negative numbers count as 0.
	Organizations, Lines int
	// Months is how many months have invoices, the last being the month of Now; 0 means 6.
	Months int
	// Offers is how many different offers are sold; 0 means those that package sample knows by heart.
	Offers int
	// Now tells the time; nil means time.Now. Its zone decides what day it is.
	Now func() time.Time
	// Seed decides everything that looks random; 0 means 1.
	Seed uint64
}

func (o Options) withDefaults() Options {
	if o.Key == "" {
		o.Key = DefaultKey
	}
	if o.Token == "" {
		o.Token = DefaultToken
	}
	if o.Months <= 0 {
		o.Months = 6
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Seed == 0 {
		o.Seed = 1
	}
	o.Organizations, o.Lines, o.Offers = max(o.Organizations, 0), max(o.Lines, 0), max(o.Offers, 0)
	return o
}

// Simulator is the stand-in. It is an http.Handler and safe for concurrent use. Requests under /_simulator/
// need no credentials.
type Simulator struct {
	options  Options
	injector *fault.Injector
	handler  http.Handler

	mu sync.Mutex
	// market computes the organizations, contracts and invoices that nobody touched.
	market *market
	book   *book
	// organizations and contracts are those added by hand, by id.
	organizations map[string]platform.Organization
	contracts     map[string]platform.Contract
}

// New returns a simulator. What it serves depends on the options and the day alone: a simulator that is
// made again next month has the same past and one month more of it.
func New(options Options) *Simulator {
	options = options.withDefaults()
	market := newMarket(options, civil.DateOf(options.Now()))
	s := &Simulator{
		options:       options,
		injector:      fault.New(options.Seed, errorBody),
		market:        market,
		book:          newBook(market),
		organizations: map[string]platform.Organization{},
		contracts:     map[string]platform.Contract{},
	}
	s.handler = s.injector.Wrap(s.routes())
	return s
}

// ServeHTTP answers one request of the feed or of /_simulator/.
func (s *Simulator) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// SetFaults replaces all faults: which requests go wrong, how and how often.
func (s *Simulator) SetFaults(faults ...fault.Fault) error { return s.injector.Set(faults...) }

// ClearFaults makes everything work again.
func (s *Simulator) ClearFaults() { s.injector.Clear() }

// Calls returns the latest 1000 requests to the feed, oldest first, those that went wrong included.
func (s *Simulator) Calls() []fault.Call { return s.injector.Calls() }

// CallCount returns how many requests came for a path such as "/contracts"; "" counts them all.
func (s *Simulator) CallCount(path string) int {
	if path == "" {
		return s.injector.Count("")
	}
	return s.injector.Count(http.MethodGet + " " + path)
}

// ForgetCalls starts counting requests from nothing.
func (s *Simulator) ForgetCalls() { s.injector.ForgetCalls() }

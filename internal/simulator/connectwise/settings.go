package connectwise

import (
	"errors"
	"time"
)

// Settings switch what differs between tenants and what is worth trying without. The zero value behaves as
// the documentation and reports of live tenants say. All can be changed while the simulator runs.
type Settings struct {
	// Cloud404 answers wrong keys with 404 and a web page, as ConnectWise's cloud may.
	Cloud404 bool `json:"cloud404"`
	// AnyCredentials lets callers in without checking company, keys and clientId.
	AnyCredentials bool `json:"anyCredentials"`
	// RequireTLS refuses plain HTTP with the error "SSL is required.".
	RequireTLS bool `json:"requireTLS"`
	// KeysExpired refuses the right keys too, with 401.
	KeysExpired bool `json:"keysExpired"`

	// RequestsPerMinute limits the calls of the API; those above get 429 and Retry-After. 0 does not.
	RequestsPerMinute int `json:"requestsPerMinute"`
	// LimitPages makes the body of every 429 a web page, as the network in front of the cloud sends it.
	LimitPages bool `json:"limitPages"`

	// SearchLagMilliseconds hides records created over the API from requests with conditions until they are that old, and
	// ListLagMilliseconds from all lists and counts. A GET by id finds them at once.
	SearchLagMilliseconds int `json:"searchLagMilliseconds"`
	ListLagMilliseconds   int `json:"listLagMilliseconds"`

	// LongestURL refuses requests whose path and query have more bytes, with 414. 0 refuses none.
	LongestURL int `json:"longestURL"`
	// RefuseLargePages refuses a pageSize above 1000, which is otherwise taken for 1000.
	RefuseLargePages bool `json:"refuseLargePages"`
	// RefuseUnknownFields refuses unknown names in the fields parameter of lists, which are otherwise ignored.
	RefuseUnknownFields bool `json:"refuseUnknownFields"`
	// RefuseNestedPatch refuses a PATCH of company/id, which otherwise answers 200 and changes nothing.
	RefuseNestedPatch bool `json:"refuseNestedPatch"`
	// NoForwardOnly ignores the pagination-type header; NoLinkHeader leaves the Link header out.
	NoForwardOnly bool `json:"noForwardOnly"`
	NoLinkHeader  bool `json:"noLinkHeader"`
	// ShowNulls writes members without a value as null instead of leaving them out.
	ShowNulls bool `json:"showNulls"`
	// KeepLineBreaks stores texts as they come instead of turning line breaks into blanks.
	KeepLineBreaks bool `json:"keepLineBreaks"`
	// AllowDuplicates lets records share an identifier.
	AllowDuplicates bool `json:"allowDuplicates"`
	// NoCatalogDefaults creates additions without the price, the cost and the texts of their product.
	NoCatalogDefaults bool `json:"noCatalogDefaults"`
	// NoAdditionDateRules lets additions begin before their agreement's billing and in invoiced periods.
	NoAdditionDateRules bool `json:"noAdditionDateRules"`
}

func (s *Settings) validate() error {
	if min(s.RequestsPerMinute, s.SearchLagMilliseconds, s.ListLagMilliseconds, s.LongestURL) < 0 {
		return errors.New("requestsPerMinute, searchLagMilliseconds, listLagMilliseconds and longestURL may not be negative")
	}
	return nil
}

func (s *Settings) searchLag() time.Duration { return milliseconds(s.SearchLagMilliseconds) }
func (s *Settings) listLag() time.Duration   { return milliseconds(s.ListLagMilliseconds) }

func milliseconds(n int) time.Duration { return time.Duration(n) * time.Millisecond }

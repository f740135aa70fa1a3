// Package feed reads the marketplace's billing feed over HTTP.
//
// It is the one place that knows the feed's paths, pages, members and errors; what the rows mean is not its
// business, and neither is the database. A page is read completely before it is handed on, a page that
// fails is asked for again by itself, and a read either delivers the whole collection or returns an error.
// Start reading at Client and walk.
package feed

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"

	"crosswalk/internal/outbound"
	"crosswalk/internal/platform"
)

// idsPerRequest is how many ids a by-id collection takes at once.
const idsPerRequest = 100

// Client reads one seller's feed. It is safe for concurrent use and implements platform.Feed.
type Client struct {
	base *url.URL
	http *http.Client
	// authorize and redact know the secrets; as functions they cannot be printed by accident.
	authorize func(http.Header)
	redact    func(string) string

	clock          func() time.Time
	log            *slog.Logger
	observe        func(context.Context, Call)
	pageSize       int
	maxTries       uint
	attemptTimeout time.Duration
	maxPageBytes   int64
	newBackoff     func() backoff.BackOff
}

var _ platform.Feed = (*Client)(nil)

// NewClient returns a client for config. The error is a sentence for the person who configures the seller.
func NewClient(config Config) (*Client, error) {
	config = config.withDefaults()
	base, err := config.validate()
	if err != nil {
		return nil, err
	}
	key, token := config.Key, config.Token
	hide := strings.NewReplacer(key, "[hidden]", token, "[hidden]")
	return &Client{
		base: base,
		http: &http.Client{Transport: outbound.NewTransport(config.AllowInsecure), CheckRedirect: outbound.StayOnOrigin},
		authorize: func(header http.Header) {
			header.Set("Ocp-Apim-Subscription-Key", key)
			header.Set("Authorization", "Bearer "+token)
		},
		redact:         hide.Replace,
		clock:          config.Clock,
		log:            config.Log,
		observe:        config.Observe,
		pageSize:       config.PageSize,
		maxTries:       config.MaxTries,
		attemptTimeout: config.AttemptTimeout,
		maxPageBytes:   config.MaxPageBytes,
		newBackoff:     config.Backoff,
	}, nil
}

// CloseIdleConnections gives up the connections that are kept for the next read.
func (c *Client) CloseIdleConnections() { c.http.CloseIdleConnections() }

// InvoiceHeaders hands on the invoices dated within dates, a page at a time, in the feed's order.
func (c *Client) InvoiceHeaders(ctx context.Context, dates platform.Range, yield func(platform.Page, []platform.InvoiceHeader) error) error {
	return walk(ctx, c, invoiceHeaders(), rangeQuery(dates), yield)
}

// InvoiceRows hands on the rows of the invoices dated within dates, a page at a time, in the feed's order.
func (c *Client) InvoiceRows(ctx context.Context, dates platform.Range, yield func(platform.Page, []platform.InvoiceRow) error) error {
	return walk(ctx, c, invoiceRows(), rangeQuery(dates), yield)
}

// Organizations returns the organizations with these ids that exist, each once.
func (c *Client) Organizations(ctx context.Context, ids []string) ([]platform.Organization, error) {
	return byID(ctx, c, organizations(), ids)
}

// Contracts returns the contracts with these ids that exist, each once.
func (c *Client) Contracts(ctx context.Context, ids []string) ([]platform.Contract, error) {
	return byID(ctx, c, contracts(), ids)
}

func rangeQuery(dates platform.Range) string {
	return url.Values{
		"invoiceDateFrom": {dates.From.String()},
		"invoiceDateTo":   {dates.To.String()},
		"isPreview":       {"false"},
	}.Encode()
}

// byID asks for ids in portions. Records that nobody asked for and second copies are dropped.
func byID[T any](ctx context.Context, c *Client, from collection[T], ids []string) ([]T, error) {
	var found []T
	for portion := range slices.Chunk(distinct(ids), idsPerRequest) {
		wanted := make(map[string]bool, len(portion))
		escaped := make([]string, len(portion))
		for i, id := range portion {
			wanted[id] = true
			escaped[i] = url.QueryEscape(id)
		}
		// The commas between the ids stay as they are, so that a comma within an id remains tellable.
		query := "ids=" + strings.Join(escaped, ",")
		err := walk(ctx, c, from, query, func(_ platform.Page, items []T) error {
			for _, item := range items {
				if id := from.id(item); wanted[id] {
					delete(wanted, id)
					found = append(found, item)
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// distinct returns the ids that are not empty, each once, in their order.
func distinct(ids []string) []string {
	seen := make(map[string]bool, len(ids))
	kept := make([]string, 0, len(ids))
	for _, id := range ids {
		if id != "" && !seen[id] {
			seen[id] = true
			kept = append(kept, id)
		}
	}
	return kept
}

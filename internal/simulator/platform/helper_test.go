package platform_test

import (
	"context"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/cenkalti/backoff/v5"

	"crosswalk/internal/civil"
	"crosswalk/internal/platform"
	"crosswalk/internal/platform/feed"
	simulator "crosswalk/internal/simulator/platform"
)

// on returns a clock that stands still at noon of a day.
func on(day string) func() time.Time {
	return func() time.Time { return civil.MustParseDate(day).Midnight().Add(12 * time.Hour) }
}

func dates(from, to string) platform.Range {
	return platform.Range{From: civil.MustParseDate(from), To: civil.MustParseDate(to)}
}

func allDates() platform.Range { return dates("2000-01-01", "2099-12-31") }

// serve starts a simulator and returns a client that reads it without waiting between tries.
func serve(t *testing.T, options simulator.Options, change ...func(*feed.Config)) (*simulator.Simulator, *feed.Client) {
	t.Helper()
	s := simulator.New(options)
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	config := feed.Config{
		BaseURL: server.URL, Key: simulator.DefaultKey, Token: simulator.DefaultToken, AllowInsecure: true, MaxTries: 3,
		Backoff: func() backoff.BackOff { return &backoff.ZeroBackOff{} },
	}
	for _, apply := range change {
		apply(&config)
	}
	client, err := feed.NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	return s, client
}

// seller is everything a feed tells about one.
type seller struct {
	headers       []platform.InvoiceHeader
	rows          []platform.InvoiceRow
	organizations map[string]platform.Organization
	contracts     map[string]platform.Contract
}

func readRows(ctx context.Context, client *feed.Client, within platform.Range) ([]platform.InvoiceRow, error) {
	var all []platform.InvoiceRow
	err := client.InvoiceRows(ctx, within, func(_ platform.Page, rows []platform.InvoiceRow) error {
		all = append(all, rows...)
		return nil
	})
	return all, err
}

func readHeaders(ctx context.Context, client *feed.Client, within platform.Range) ([]platform.InvoiceHeader, error) {
	var all []platform.InvoiceHeader
	err := client.InvoiceHeaders(ctx, within, func(_ platform.Page, headers []platform.InvoiceHeader) error {
		all = append(all, headers...)
		return nil
	})
	return all, err
}

// readSeller reads all there is, the way a load does.
func readSeller(t *testing.T, client *feed.Client) seller {
	t.Helper()
	read := seller{organizations: map[string]platform.Organization{}, contracts: map[string]platform.Contract{}}
	var err error
	if read.headers, err = readHeaders(t.Context(), client, allDates()); err != nil {
		t.Fatalf("read the invoice headers: %v", err)
	}
	if read.rows, err = readRows(t.Context(), client, allDates()); err != nil {
		t.Fatalf("read the invoice rows: %v", err)
	}
	var organizationIDs, contractIDs []string
	for _, header := range read.headers {
		organizationIDs = append(organizationIDs, header.CustomerID)
		contractIDs = append(contractIDs, header.ContractID)
	}
	organizations, err := client.Organizations(t.Context(), organizationIDs)
	if err != nil {
		t.Fatalf("read the organizations: %v", err)
	}
	for _, organization := range organizations {
		read.organizations[organization.ID] = organization
	}
	contracts, err := client.Contracts(t.Context(), contractIDs)
	if err != nil {
		t.Fatalf("read the contracts: %v", err)
	}
	for _, contract := range contracts {
		read.contracts[contract.ID] = contract
	}
	return read
}

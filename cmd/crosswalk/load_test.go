package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"crosswalk/internal/account"
	"crosswalk/internal/civil"
	"crosswalk/internal/gateway/gatewaytest"
	"crosswalk/internal/platform"
	simconnectwise "crosswalk/internal/simulator/connectwise"
)

var loadDuration = flag.Duration("load.duration", 3*time.Second, "how long the load test lasts")

// Who takes part, and what that may cost.
const (
	loadClients     = 500
	loadSubscribers = 100
	loadRows        = 60
	// loadPerToken keeps below the bound on the subscriptions of one token.
	loadPerToken = 10
	// loadMemory is the most that a client may cost, in kB, with all that the race detector adds to it.
	loadMemory = 4 << 10
	// loadLong is how long a load lasts whose halves can be compared: the first seconds are those of all clients coming.
	loadLong = 20 * time.Second
)

// The operations of a client, one after the other.
const (
	loadOrganizations = `{ organizations(first: 20, orderBy: [{field: NAME}]) { totalCount pageInfo { endCursor } nodes { id name revision mappingStatus
		mappingStatusMessage psaCompany { identifier name status freshness } } facets { mappingStatus { value count } } } }`
	loadOffersPage = `{ offers(first: 20) { totalCount nodes { id name vendor { name } mappingStatus psaProduct { identifier freshness } } } }`
	loadLinesPage  = `{ invoiceLines(first: 20, filter: {unitPrice: {gte: "1"}}) { totalCount amounts { amount currency } nodes { id quantity amount { amount }
		organization { name } offer { name } psaCompany { identifier freshness } psaProduct { identifier } syncStatus syncBlockers { code } } } }`
	loadSearch  = `{ organizations(search: "customer 1", first: 5) { nodes { name } } psaCompanies(search: "company", first: 5) { totalCount nodes { name } } }`
	loadExclude = `mutation ($id: ID!, $excluded: Boolean!) { setOrganizationsExcluded(input: {organizationIds: [$id], excluded: $excluded}) {
		organizations { revision excludedFromSync } userErrors { code message } } }`
)

// TestHundredsOfClientsAreServedWithoutAnErrorAndInBoundedMemory has clients ask one replica, in a process of its own, as
// fast as they are answered, while others listen.
func TestHundredsOfClientsAreServedWithoutAnErrorAndInBoundedMemory(t *testing.T) {
	w := gatewaytest.Start(t, gatewaytest.Options{})
	ids := fillForLoad(t, w)
	replica := startServe(t, w, "CROSSWALK_MAX_EXECUTION=10m", "CROSSWALK_LOG_LEVEL=warn", "CROSSWALK_PSA_CALLS_PER_MINUTE=100000")
	load := &load{url: replica.URL, ids: ids, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: loadClients + loadSubscribers}}}
	for range (loadSubscribers + loadPerToken - 1) / loadPerToken {
		token, _, err := w.Accounts.IssueToken(t.Context(), account.NewToken{Seller: w.ID, Role: account.Operator, Subject: "load"})
		if err != nil {
			t.Fatal(err)
		}
		load.tokens = append(load.tokens, token)
	}
	subscribers := load.subscribe(t)
	watched := watchMemory(t, replica.command.Process.Pid)

	ctx, end := context.WithTimeout(t.Context(), *loadDuration)
	defer end()
	var clients sync.WaitGroup
	for i := range loadClients {
		clients.Go(func() { load.run(ctx, i) })
	}
	clients.Wait()

	first, second := watched.halves()
	if complaints := load.complaints(); len(complaints) > 0 {
		t.Errorf("%d of %d requests failed, such as %.1000q", len(complaints), load.requests.Load(), complaints[:min(3, len(complaints))])
	}
	t.Logf("%d clients and %d subscribers: %d requests in %s; memory %d MB before, at most %d MB in the first half and %d MB in the second",
		loadClients, loadSubscribers, load.requests.Load(), *loadDuration, watched.before>>10, first>>10, second>>10)
	if most := watched.before + (loadClients+loadSubscribers)*loadMemory; max(first, second) > most {
		t.Errorf("memory grew from %d kB to %d kB, want at most %d kB", watched.before, max(first, second), most)
	}
	if *loadDuration >= loadLong && second > first+first/2+64<<10 {
		t.Errorf("memory grew from at most %d kB in the first half to %d kB in the second", first, second)
	}
	// Whoever listened all the time still does.
	if answer := load.ask(t.Context(), 0, `mutation { syncOrganizations { started } }`, nil); answer != nil {
		t.Errorf("start a run afterwards: %v", answer)
	}
	for i, heard := range subscribers {
		select {
		case <-heard:
		case <-time.After(time.Minute):
			t.Fatalf("subscriber %d was told nothing of a run after the load", i)
		}
	}
}

// fillForLoad gives the seller organizations with companies, offers and lines, and returns the ids of the organizations.
func fillForLoad(t *testing.T, w *gatewaytest.World) []string {
	t.Helper()
	today := civil.DateOf(gatewaytest.Now())
	for i := range loadRows {
		name := strconv.Itoa(i)
		w.ConnectWise.AddCompany(simconnectwise.Company{ID: 250_000 + i, Identifier: "C" + name, Name: "Company " + name, WithoutContact: true})
		w.Platform.AddOrganization(platform.Organization{ID: name, Name: "Customer " + name, ReferenceNumber: name, Status: "Active"})
		w.Platform.AddContract(platform.Contract{ID: "C-" + name, CustomerID: name, Currency: "EUR", BillingCycleDay: 1})
		var rows []platform.InvoiceRow
		for j := range 5 {
			offer := strconv.Itoa(i%10*5 + j)
			rows = append(rows, platform.InvoiceRow{
				OfferID: offer, OfferName: "Offer " + offer, VendorID: "V", VendorName: "Vendor", ChargeType: "CycleFee", Description: "A seat",
				Quantity: decimal.NewFromInt(3), UnitPrice: decimal.NewFromInt(7), TotalPrice: decimal.NewFromInt(21),
				ChargeStartDate: today.YearMonth().FirstDay(), ChargeEndDate: today.YearMonth().LastDay(),
			})
		}
		w.Platform.AddInvoice(platform.InvoiceHeader{CustomerID: name, ContractID: "C-" + name, Currency: "EUR", InvoiceDate: today}, rows...)
	}
	w.Sync(t)
	w.Load(t, 1)
	var started struct{ LoadInvoiceLines gatewaytest.JobPayload }
	w.Must(t, account.Operator, `mutation { loadInvoiceLines(input: {periods: [CURRENT_MONTH]}) { job { id } started userErrors { message } } }`, nil, &started)
	if job := w.WaitForJob(t, started.LoadInvoiceLines.Job.ID); job.State != "SUCCEEDED" || job.Created != 5*loadRows {
		t.Fatalf("loading lines ended as %s with %d created, want %d", job.State, job.Created, 5*loadRows)
	}
	var data struct {
		Organizations, PsaCompanies struct{ Nodes []struct{ ID, Name string } }
	}
	w.Must(t, account.Viewer, `{ organizations(first: 1000) { nodes { id name } } psaCompanies(first: 1000) { nodes { id name } } }`, nil, &data)
	var ids []string
	for i, organization := range data.Organizations.Nodes {
		ids = append(ids, organization.ID)
		w.Must(t, account.Editor, `mutation ($organization: ID!, $company: ID!) { mapOrganization(input: {organizationId: $organization, psaCompanyId: $company}) {
			userErrors { message } } }`, map[string]any{"organization": organization.ID, "company": data.PsaCompanies.Nodes[i].ID}, nil)
	}
	return ids
}

// load is what many clients do at a time.
type load struct {
	url      string
	client   *http.Client
	tokens   []string
	ids      []string
	requests atomic.Int64

	mu     sync.Mutex
	failed []string
}

// run asks until ctx ends, and at least once.
func (l *load) run(ctx context.Context, number int) {
	for i := number; ; i++ {
		query, values := loadOrganizations, map[string]any(nil)
		switch i % 6 {
		case 1:
			query = loadOffersPage
		case 2, 3:
			query = loadLinesPage
		case 4:
			query = loadSearch
		case 5:
			query, values = loadExclude, map[string]any{"id": l.ids[number%len(l.ids)], "excluded": i/6%2 == 0}
		}
		if err := l.ask(context.WithoutCancel(ctx), number, query, values); err != nil {
			l.mu.Lock()
			l.failed = append(l.failed, err.Error())
			l.mu.Unlock()
		}
		if ctx.Err() != nil {
			return
		}
	}
}

func (l *load) complaints() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failed
}

// ask returns an error unless the operation is answered without any.
func (l *load) ask(ctx context.Context, number int, query string, values map[string]any) error {
	l.requests.Add(1)
	answer, err := l.post(ctx, number, "application/json", query, values)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK || bytes.Contains(body, []byte(`"errors"`)) || bytes.Contains(body, []byte(`"code":"CONFLICT"`)) {
		return fmt.Errorf("%d %.500s", answer.StatusCode, body)
	}
	return nil
}

func (l *load) post(ctx context.Context, number int, accept, query string, values map[string]any) (*http.Response, error) {
	body, err := json.Marshal(map[string]any{"query": query, "variables": values})
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, l.url+"/graphql", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", accept)
	request.Header.Set("Authorization", "Bearer "+l.tokens[number%len(l.tokens)])
	return l.client.Do(request)
}

// subscribe has subscribers listen to the log, and returns a channel for each that is closed when it is told of a run.
func (l *load) subscribe(t *testing.T) []<-chan struct{} {
	t.Helper()
	var subscribers []<-chan struct{}
	for i := range loadSubscribers {
		answer, err := l.post(t.Context(), i, "text/event-stream", `subscription { logEntryAdded { code title } }`, nil)
		if err != nil {
			t.Fatalf("subscribe: %v", err)
		}
		if answer.StatusCode != http.StatusOK {
			t.Fatalf("subscriber %d was answered with status %d", i, answer.StatusCode)
		}
		t.Cleanup(func() { answer.Body.Close() })
		heard := make(chan struct{})
		go func() {
			for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
				if strings.Contains(lines.Text(), "SYNC_STARTED") {
					close(heard)
					return
				}
			}
		}()
		subscribers = append(subscribers, heard)
	}
	return subscribers
}

// memory is what a process was seen to take, in kB.
type memory struct {
	before int

	mu   sync.Mutex
	seen []int
}

var residentSet = regexp.MustCompile(`VmRSS:\s+(\d+) kB`)

// residentMemory returns what a process takes now, in kB; 0 where the system does not tell.
func residentMemory(process int) int {
	status, err := os.ReadFile("/proc/" + strconv.Itoa(process) + "/status")
	if err != nil {
		return 0
	}
	found := residentSet.FindSubmatch(status)
	if found == nil {
		return 0
	}
	kilobytes, _ := strconv.Atoi(string(found[1])) // digits always are a number
	return kilobytes
}

// watchMemory looks at a process until the test ends.
func watchMemory(t *testing.T, process int) *memory {
	t.Helper()
	watched := &memory{before: residentMemory(process)}
	done := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		look := time.NewTicker(50 * time.Millisecond)
		defer look.Stop()
		for {
			select {
			case <-look.C:
				watched.mu.Lock()
				watched.seen = append(watched.seen, residentMemory(process))
				watched.mu.Unlock()
			case <-done:
				return
			}
		}
	})
	t.Cleanup(func() {
		close(done)
		watching.Wait()
	})
	return watched
}

// halves returns the most that was seen in the first half of the time so far, and in the second.
func (m *memory) halves() (first, second int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, kilobytes := range m.seen {
		if i < len(m.seen)/2 {
			first = max(first, kilobytes)
		} else {
			second = max(second, kilobytes)
		}
	}
	return first, second
}

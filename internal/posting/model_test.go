package posting

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"crosswalk/internal/account"
	"crosswalk/internal/civil"
	"crosswalk/internal/jobs"
	"crosswalk/internal/postgres"
	"crosswalk/internal/postgres/postgrestest"
	"crosswalk/internal/psa"
)

// modelTime is how long sequences are tried for.
const modelTime = 15 * time.Second

// TestWhateverHappensEveryLineIsBilledOnce posts random lines while calls are lost and refused, lists lag and processes
// die, with mappings that change in between, and looks at what the PSA has in the end.
func TestWhateverHappensEveryLineIsBilledOnce(t *testing.T) {
	t.Parallel()
	farm := startFarm(t)
	until, tried := time.Now().Add(modelTime), 0
	rapid.Check(t, func(t *rapid.T) {
		if time.Now().After(until) {
			return
		}
		tried++
		m := farm.newModel(t)
		for range rapid.IntRange(1, 4).Draw(t, "rounds") {
			for range rapid.IntRange(0, 5).Draw(t, "lines") {
				m.sell(t)
			}
			m.remap(t)
			m.run(t)
		}
		m.settle(t)
		m.check(t)
	})
	t.Logf("%d sequences were tried", tried)
}

// farm runs the posting of all models, each of which is a seller.
type farm struct {
	db *postgres.DB

	mu   sync.Mutex
	psas map[postgres.SellerID]*tinyPSA
}

func startFarm(t *testing.T) *farm {
	t.Helper()
	db := postgrestest.Open(t, postgres.Options{MaxConnections: 24})
	f := &farm{db: db, psas: make(map[postgres.SellerID]*tinyPSA)}
	runner := jobs.NewRunner(db, jobs.Options{Poll: 3 * time.Millisecond, MaxAttempts: 100, Log: slog.New(slog.DiscardHandler)})
	runner.Handle(Kind, f.post)
	if err := runner.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := runner.Stop(context.Background()); err != nil {
			t.Errorf("stop the runner: %v", err)
		}
	})
	return f
}

// post makes an attempt at a run as a process of its own, which may die.
func (f *farm) post(ctx context.Context, run *jobs.Run) error {
	seller := run.Seller().ID()
	client := &tinyClient{psa: f.psa(seller), bury: func() {
		_ = run.Seller().Write(context.WithoutCancel(ctx), func(ctx context.Context, tx *postgres.Tx) error {
			_, err := tx.ExecContext(ctx, `
				UPDATE job
				SET worker = 'dead', lease_until = now() - interval '1 second'
				WHERE seller_id = $1 AND id = $2 AND state = 'RUNNING'`, seller, run.Job().ID)
			return err
		})
	}}
	poster := &Poster{
		Clients: oneClient{client}, SettleDelay: 5 * time.Millisecond,
		Today: func(context.Context, postgres.SellerID) (civil.Date, error) {
			return civil.Date{Year: 2026, Month: 5, Day: 18}, nil
		},
		Settings: func(context.Context, *postgres.Tx, postgres.SellerID) (account.Settings, error) {
			return account.Settings{AgreementType: &account.AgreementType{RecordID: 1, Name: "Cloud"}}, nil
		},
	}
	err := errors.New("the process died")
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		err = poster.Run(ctx, run)
	}()
	<-ended
	return err
}

type oneClient struct{ client psa.Client }

func (c oneClient) Client(context.Context, postgres.SellerID) (psa.Client, error) {
	return c.client, nil
}

func (f *farm) psa(seller postgres.SellerID) *tinyPSA {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.psas[seller]
}

// model is a seller with one organization. Its first contract goes to one of two agreements; for the second one an
// agreement is created.
type model struct {
	*farm
	seller postgres.SellerID
	psa    *tinyPSA
	lines  []soldLine
	// synced are the lines that are posted, as they were when that was first seen.
	synced map[string]string
}

// soldLine is a line, told from others by its price.
type soldLine struct {
	id, subscription string
	month            time.Month
	price            string
}

const farmLand = `
	INSERT INTO psa_company (seller_id, record_id, identifier, name, currency) VALUES ($1, 1, 'ACME', 'Acme', 'EUR');
	INSERT INTO psa_product (seller_id, record_id, identifier, description) VALUES ($1, 1, 'A', ''), ($1, 2, 'B', '');
	INSERT INTO psa_agreement (seller_id, record_id, name, company_id, currency) VALUES ($1, 1, 'First', 1, 'EUR'), ($1, 2, 'Second', 1, 'EUR');
	INSERT INTO vendor (seller_id, id, platform_id, name) OVERRIDING SYSTEM VALUE VALUES ($1, 1, 'V', '');
	INSERT INTO organization (seller_id, id, platform_id, name, reference_number, status, status_text, psa_company_id, mapped_at, mapped_by, excluded_from_sync)
		OVERRIDING SYSTEM VALUE VALUES ($1, 1, 'O', 'Alpha', '', 'NEW', 'New', 1, now(), '', false);
	INSERT INTO offer (seller_id, id, platform_id, name, vendor_id, psa_product_id, mapped_at, mapped_by)
		OVERRIDING SYSTEM VALUE VALUES ($1, 1, 'X', '', 1, 1, now(), '');
	INSERT INTO contract (seller_id, id, platform_id, organization_id, currency, billing_cycle_day, psa_agreement_id, mapped_at, mapped_by)
		OVERRIDING SYSTEM VALUE VALUES ($1, 1, 'C-1', 1, 'EUR', 1, 1, now(), ''), ($1, 2, 'C-2', 1, 'EUR', 1, NULL, NULL, NULL);
	INSERT INTO invoice (seller_id, id, platform_id, number, date, period, status, valid, custom, currency)
		OVERRIDING SYSTEM VALUE VALUES ($1, 4, 'I-4', '', '2026-04-20', '2026-04-01', '', true, false, 'EUR'),
			($1, 5, 'I-5', '', '2026-05-12', '2026-05-01', '', true, false, 'EUR');
	INSERT INTO invoice_period (seller_id, period, line_count, loaded_at) VALUES ($1, '2026-04-01', 1, now()), ($1, '2026-05-01', 1, now())`

func (f *farm) newModel(t *rapid.T) *model {
	m := &model{farm: f, synced: make(map[string]string), psa: newTinyPSA(
		psa.Agreement{ID: 1, Name: "First", CompanyID: 1, Currency: "EUR"}, psa.Agreement{ID: 2, Name: "Second", CompanyID: 1, Currency: "EUR"})}
	err := f.db.System().Write(context.Background(), func(ctx context.Context, tx *postgres.Tx) error {
		return tx.GetContext(ctx, &m.seller, `
			INSERT INTO seller (name, time_zone, platform_url, platform_key_sealed, platform_token_sealed)
			VALUES ('Seller', 'UTC', 'https://platform.example', '', '')
			RETURNING id`)
	})
	if err != nil {
		t.Fatal(err)
	}
	f.mu.Lock()
	f.psas[m.seller] = m.psa
	f.mu.Unlock()
	m.execute(t, strings.ReplaceAll(farmLand, "$1", m.seller.String()))
	return m
}

func (m *model) execute(t *rapid.T, statement string, args ...any) {
	err := m.db.Seller(m.seller).Write(context.Background(), func(ctx context.Context, tx *postgres.Tx) error {
		_, err := tx.ExecContext(ctx, statement, args...)
		return err
	})
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// sell adds a line of a subscription, or of none.
func (m *model) sell(t *rapid.T) {
	n := len(m.lines) + 1
	l := soldLine{
		id: fmt.Sprintf("R-%d-%d", rapid.IntRange(0, 9).Draw(t, "row"), n), price: decimal.New(int64(1000+n), -2).String(),
		month: rapid.SampledFrom([]time.Month{time.April, time.May}).Draw(t, "month"),
	}
	contract := rapid.IntRange(1, 2).Draw(t, "contract")
	charge := "ONE_TIME_FEE"
	if rapid.IntRange(0, 3).Draw(t, "kind") > 0 {
		charge = "CYCLE_FEE"
		l.subscription = fmt.Sprintf("S-%d-%d", contract, rapid.IntRange(1, 2).Draw(t, "subscription"))
	}
	first := civil.Date{Year: 2026, Month: l.month, Day: 1}
	start := first.AddDays(rapid.SampledFrom([]int{0, 0, 9}).Draw(t, "start"))
	m.lines = append(m.lines, l)
	m.execute(t, `
		INSERT INTO invoice_line (seller_id, platform_id, period, invoice_id, invoice_number, invoice_date, organization_id, contract_id, offer_id,
			subscription_id, subscription_name, description, charge_type, charge_type_text, custom, quantity, unit_price, amount, currency, invoiced_start)
		SELECT seller_id, $2, period, id, number, date, 1, $3, 1, NULLIF($4, ''), NULLIF($4, ''), $2, $5, $5, false, 1, $6::numeric, $6::numeric, currency, $7
		FROM invoice
		WHERE seller_id = $1 AND id = $8`, m.seller, l.id, contract, l.subscription, charge, l.price, start, int(l.month))
}

// remap may map the first contract to its other agreement, and the offer to its other product.
func (m *model) remap(t *rapid.T) {
	if rapid.IntRange(0, 2).Draw(t, "other agreement") == 0 {
		m.execute(t, `UPDATE contract SET psa_agreement_id = 3 - psa_agreement_id WHERE seller_id = $1 AND id = 1`, m.seller)
	}
	if rapid.IntRange(0, 3).Draw(t, "other product") == 0 {
		m.execute(t, `UPDATE offer SET psa_product_id = 3 - psa_product_id WHERE seller_id = $1`, m.seller)
	}
}

// run posts all there is while calls go as is drawn.
func (m *model) run(t *rapid.T) {
	writes := []fate{fine, fine, fine, lostBefore, lostAfter, refused, unsent, diesBefore, diesAfter}
	reads := []fate{fine, fine, fine, fine, fine, fine, fine, refused, diesBefore}
	m.psa.foretell(
		rapid.SliceOfN(rapid.SampledFrom(writes), 0, 12).Draw(t, "writes"),
		rapid.SliceOfN(rapid.SampledFrom(reads), 0, 16).Draw(t, "reads"))
	m.post(t)
	m.look(t)
}

// post makes a run over all lines and returns when it is over.
func (m *model) post(t *rapid.T) {
	var job jobs.Job
	err := m.db.Seller(m.seller).Write(context.Background(), func(ctx context.Context, tx *postgres.Tx) (err error) {
		job, _, _, err = Enqueue(ctx, tx, m.seller, "someone", nil)
		return err
	})
	if err != nil {
		t.Fatalf("ask for a run: %v", err)
	}
	deadline := time.Now().Add(30 * time.Second)
	for job.State == jobs.Queued || job.State == jobs.Running {
		err := m.db.Seller(m.seller).Read(context.Background(), func(ctx context.Context, tx *postgres.Tx) (err error) {
			job, err = jobs.Get(ctx, tx, m.seller, job.ID)
			return err
		})
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("the run is not over: %+v (%v)", job, err)
		}
		time.Sleep(time.Millisecond)
	}
}

// look makes sure that lines that are posted stay as they are.
func (m *model) look(t *rapid.T) (open int) {
	var rows []struct {
		ID    string `db:"platform_id"`
		State string `db:"state"`
		All   string `db:"whole"`
	}
	err := m.db.Seller(m.seller).Read(context.Background(), func(ctx context.Context, tx *postgres.Tx) error {
		return tx.SelectContext(ctx, &rows, `
			SELECT platform_id, state, row_to_json(l)::text AS whole
			FROM invoice_line l
			WHERE seller_id = $1`, m.seller)
	})
	if err != nil {
		t.Fatalf("read the lines: %v", err)
	}
	for _, r := range rows {
		before, posted := m.synced[r.ID]
		switch {
		case posted && before != r.All:
			t.Fatalf("a line that was posted has changed:\n%s", cmp.Diff(before, r.All))
		case r.State == "SYNCED":
			m.synced[r.ID] = r.All
		default:
			open++
		}
	}
	return open
}

// settle runs in fair weather until every line is posted.
func (m *model) settle(t *rapid.T) {
	m.psa.foretell(nil, nil)
	for range 4 {
		m.post(t)
		if m.look(t) == 0 {
			m.psa.mu.Lock()
			wrote := m.psa.wrote
			m.psa.mu.Unlock()
			m.post(t)
			m.psa.mu.Lock()
			defer m.psa.mu.Unlock()
			if m.psa.wrote != wrote {
				t.Fatalf("a run with nothing to post wrote %d times", m.psa.wrote-wrote)
			}
			return
		}
	}
	t.Fatalf("%d of %d lines are not posted after four runs in fair weather", m.look(t), len(m.lines))
}

// check looks at what the PSA has.
func (m *model) check(t *rapid.T) {
	m.psa.mu.Lock()
	defer m.psa.mu.Unlock()
	if len(m.psa.wrong) > 0 {
		t.Fatalf("%q", m.psa.wrong)
	}
	if len(m.psa.agreements) > 3 {
		t.Fatalf("the PSA has the agreements %+v, want one for C-2", m.psa.agreements)
	}
	prices, markers, lasting := make(map[string]int), make(map[string]int), make(map[string]int)
	for _, a := range m.psa.additions {
		prices[a.UnitPrice.Decimal.String()]++
		markers[a.SerialNumber]++
		if a.CancelledDate.IsZero() {
			lasting[a.InvoiceDescription]++
		}
	}
	for marker, n := range markers {
		if n > 1 {
			t.Fatalf("%d Additions bear the marker %s: %+v", n, marker, m.psa.additions)
		}
	}
	for text, n := range lasting {
		if n > 1 {
			t.Fatalf("%d Additions of %s never end: %+v", n, text, m.psa.additions)
		}
	}
	replaced := make(map[string]int)
	for _, l := range m.lines {
		n := prices[l.price]
		delete(prices, l.price)
		if n == 0 && m.hasLater(l) {
			replaced[l.subscription]++ // the Addition has the later charge now
			continue
		}
		if n != 1 {
			t.Fatalf("the line %+v is billed %d times, want once: %+v", l, n, m.psa.additions)
		}
	}
	for subscription, n := range replaced {
		if n > 1 {
			t.Fatalf("%d charges of %s gave way to later ones, want one at most: %+v", n, subscription, m.psa.additions)
		}
	}
	if len(prices) > 0 {
		t.Fatalf("these prices are nobody's: %v", prices)
	}
}

// hasLater reports whether the subscription of a line has one in a later month.
func (m *model) hasLater(l soldLine) bool {
	return l.subscription != "" && slices.ContainsFunc(m.lines, func(other soldLine) bool {
		return other.subscription == l.subscription && other.month > l.month
	})
}

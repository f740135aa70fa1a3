package mapping_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"crosswalk/internal/civil"
	"crosswalk/internal/mapping"
	"crosswalk/internal/platform"
	"crosswalk/internal/postgres"
	"crosswalk/internal/postgres/grid"
	"crosswalk/internal/postgres/postgrestest"
	"crosswalk/internal/psa"
)

// unconnected is a ConnectWise that nobody has saved credentials of, so that the mirror is believed.
type unconnected struct{}

func (unconnected) Client(context.Context, postgres.SellerID) (psa.Client, error) {
	return nil, psa.ErrNotConnected
}

// Each kind has records 1 to size, and ConnectWise records of numbers from 1 on; one number more is unknown.
const (
	size    = 3
	targets = 4
)

var (
	kinds = []mapping.Kind{mapping.KindOrganization, mapping.KindOffer, mapping.KindContract}
	today = civil.MustParseDate("2026-05-18")
)

// book is a seller in the database beside the model of it.
type book struct {
	*rapid.T
	model
	db      *postgres.DB
	service *mapping.Service
	seller  postgres.SellerID
}

func TestAnySequenceOfEditsAndRunsLeavesWhatTheModelSays(t *testing.T) {
	t.Parallel()
	db := postgrestest.Open(t, postgres.Options{})
	rapid.Check(t, func(t *rapid.T) {
		b := newBook(t, db)
		for step := range rapid.IntRange(1, 12).Draw(t, "steps") {
			b.now = b.now.Add(time.Minute)
			switch rapid.IntRange(0, 9).Draw(t, fmt.Sprintf("what step %d does", step)) {
			case 0:
				b.runAgain()
			case 1:
				b.mirrorAgain()
			default:
				b.edit()
			}
		}
		b.check()
	})
}

// newBook makes a seller with records of all kinds, unmapped as they come.
func newBook(t *rapid.T, db *postgres.DB) *book {
	b := &book{T: t, db: db, model: model{
		now:     time.Date(2026, time.May, 18, 9, 0, 0, 0, time.UTC),
		records: map[mapping.Kind]map[int64]*record{}, mirror: map[mapping.Kind]map[psa.RecordID]*mirrored{},
	}}
	b.service = mapping.NewService(db, psa.NewDirectory(unconnected{}, psa.DirectoryOptions{}), time.Minute,
		func() time.Time { return b.now },
		func(context.Context, postgres.SellerID) (civil.Date, error) { return today, nil },
		func(context.Context, *postgres.Tx, postgres.SellerID, []int64, []int64) (int, error) { return 0, nil })
	b.must(db.System().Write(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
		return tx.GetContext(ctx, &b.seller, `
			INSERT INTO seller (name, time_zone, platform_url, platform_key_sealed, platform_token_sealed)
			VALUES ('Cloud Traders', 'Europe/Riga', 'https://platform.example.com', '', '')
			RETURNING id`)
	}))
	for _, kind := range kinds {
		b.mirror[kind] = map[psa.RecordID]*mirrored{}
		for n := range psa.RecordID(targets) {
			b.mirror[kind][n+1] = &mirrored{name: fmt.Sprintf("%s target %d", kind, n+1)}
		}
		b.mirror[kind][targets].deleted = true
	}
	for n, a := range b.mirror[mapping.KindContract] {
		a.company, a.currency = n%2+1, []string{"EUR", "", "USD", "EUR"}[n-1]
	}
	b.write(func(ctx context.Context, tx *postgres.Tx) error { return b.saveMirror(ctx, tx) })
	var organizations []platform.Organization
	var offers []mapping.SeenOffer
	var contracts []platform.Contract
	for n := range size {
		id := fmt.Sprint(n + 1)
		organizations = append(organizations, platform.Organization{ID: id, Name: "Organization " + id, ReferenceNumber: id, Status: "Active"})
		offers = append(offers, mapping.SeenOffer{ID: id, Name: "Offer " + id, VendorID: "V", VendorName: "Vendor"})
		contracts = append(contracts, platform.Contract{ID: id, CustomerID: fmt.Sprint(n/2 + 1), Currency: "EUR", BillingCycleDay: 1})
	}
	b.write(func(ctx context.Context, tx *postgres.Tx) error {
		return b.saveRecords(ctx, tx, organizations, offers, contracts)
	})
	for _, kind := range kinds {
		b.records[kind] = map[int64]*record{}
		for i, id := range b.numbers(kind) {
			b.records[kind][id] = &record{id: id, platform: int64(i + 1), revision: 1, excluded: kind == mapping.KindOrganization, currency: "EUR"}
		}
	}
	for i, id := range b.numbers(mapping.KindContract) {
		b.records[mapping.KindContract][id].organization = b.numbers(mapping.KindOrganization)[i/2]
	}
	return b
}

func (b *book) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func (b *book) write(fn func(context.Context, *postgres.Tx) error) {
	b.Helper()
	b.must(b.db.Seller(b.seller).Write(b.Context(), fn))
}

// numbers returns the numbers of all records of a kind, in the order the Platform has them.
func (b *book) numbers(kind mapping.Kind) (ids []int64) {
	b.Helper()
	table := map[mapping.Kind]string{mapping.KindOrganization: "organization", mapping.KindOffer: "offer", mapping.KindContract: "contract"}[kind]
	b.must(b.db.Seller(b.seller).Read(b.Context(), func(ctx context.Context, tx *postgres.Tx) error {
		return tx.SelectContext(ctx, &ids, `SELECT id FROM `+table+` WHERE seller_id = $1 ORDER BY platform_id`, b.seller)
	}))
	return ids
}

func (b *book) saveMirror(ctx context.Context, tx *postgres.Tx) error {
	var companies []psa.Company
	var products []psa.Product
	var agreements []psa.Agreement
	gone := make(map[mapping.Kind][]psa.RecordID)
	for _, kind := range kinds {
		for number, r := range b.mirror[kind] {
			if r.deleted {
				gone[kind] = append(gone[kind], number)
			}
			switch kind {
			case mapping.KindOrganization:
				companies = append(companies, psa.Company{ID: number, Identifier: r.name, Name: r.name})
			case mapping.KindOffer:
				products = append(products, psa.Product{ID: number, Identifier: r.name, Description: r.name})
			case mapping.KindContract:
				agreements = append(agreements, b.agreement(number, today))
			}
		}
	}
	_, companyErr := psa.Companies.Save(ctx, tx, b.seller, companies)
	_, productErr := psa.Products.Save(ctx, tx, b.seller, products)
	_, agreementErr := psa.Agreements.Save(ctx, tx, b.seller, agreements)
	return cmp.Or(companyErr, productErr, agreementErr,
		psa.Companies.FlagDeleted(ctx, tx, b.seller, gone[mapping.KindOrganization]),
		psa.Products.FlagDeleted(ctx, tx, b.seller, gone[mapping.KindOffer]),
		psa.Agreements.FlagDeleted(ctx, tx, b.seller, gone[mapping.KindContract]))
}

func (b *book) saveRecords(ctx context.Context, tx *postgres.Tx, organizations []platform.Organization, offers []mapping.SeenOffer, contracts []platform.Contract) error {
	_, organizationErr := mapping.SaveOrganizations(ctx, tx, b.seller, organizations)
	_, offerErr := mapping.SaveOffers(ctx, tx, b.seller, offers)
	_, contractErr := mapping.SaveContracts(ctx, tx, b.seller, contracts)
	return cmp.Or(organizationErr, offerErr, contractErr)
}

// runAgain saves a record of each kind anew, changed upstream, as the runs do.
func (b *book) runAgain() {
	pick := func(kind mapping.Kind) *record {
		ids := slices.Sorted(maps.Keys(b.records[kind]))
		return b.records[kind][rapid.SampledFrom(ids).Draw(b.T, "which "+string(kind)+" changed")]
	}
	name := rapid.StringMatching(`[a-zé ]{1,8}`).Draw(b.T, "its new name")
	o, f, c := pick(mapping.KindOrganization), pick(mapping.KindOffer), pick(mapping.KindContract)
	c.currency = rapid.SampledFrom([]string{"EUR", "USD"}).Draw(b.T, "the contract's currency")
	c.organization = pick(mapping.KindOrganization).id
	customer := b.records[mapping.KindOrganization][c.organization].platform
	b.write(func(ctx context.Context, tx *postgres.Tx) error {
		return b.saveRecords(ctx, tx,
			[]platform.Organization{{ID: fmt.Sprint(o.platform), Name: name, ReferenceNumber: name, Status: "Blocked"}},
			[]mapping.SeenOffer{{ID: fmt.Sprint(f.platform), Name: name, ExternalID: name, VendorID: name, VendorName: name}},
			[]platform.Contract{{ID: fmt.Sprint(c.platform), CustomerID: fmt.Sprint(customer), Currency: c.currency, BillingCycleDay: 28, ContractType: name}})
	})
}

// mirrorAgain changes ConnectWise and mirrors it anew.
func (b *book) mirrorAgain() {
	kind := rapid.SampledFrom(kinds).Draw(b.T, "kind of target")
	target := b.mirror[kind][psa.RecordID(rapid.IntRange(1, targets).Draw(b.T, "target"))]
	switch {
	case kind != mapping.KindContract || rapid.Bool().Draw(b.T, "deleted or restored"):
		target.deleted = !target.deleted
	default:
		target.closed = rapid.Bool().Draw(b.T, "closed")
		target.company = psa.RecordID(rapid.IntRange(1, 2).Draw(b.T, "company"))
		target.currency = rapid.SampledFrom([]string{"", "EUR", "USD"}).Draw(b.T, "currency")
	}
	b.write(b.saveMirror)
}

// edit makes some edits of one kind at once and compares what became of them.
func (b *book) edit() {
	kind := rapid.SampledFrom(kinds).Draw(b.T, "kind")
	var edits []mapping.Edit
	var accepted []request
	want := mapping.Outcome{}
	before := len(b.history)
	for i := range rapid.IntRange(1, 4).Draw(b.T, "edits") {
		r := b.request(kind)
		edits = append(edits, r.edit())
		refused := b.apply(kind, "anna", r, accepted)
		for _, each := range refused {
			want.Refused = append(want.Refused, mapping.Refusal{Edit: i, Code: each.code, AboutTarget: each.aboutTarget})
		}
		if len(refused) == 0 {
			accepted, want.Accepted = append(accepted, r), append(want.Accepted, r.record)
		}
	}
	got, err := b.service.Edit(b.Context(), b.seller, kind, "anna", edits)
	b.must(err)
	for i := range got.Refused {
		if got.Refused[i].Message == "" {
			b.Errorf("edit %d of %s was refused without a message: %+v", i, kind, got.Refused[i])
		}
		got.Refused[i].Message = ""
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		b.Fatalf("edits %+v of %s, %d of which change something (-want +got):\n%s", edits, kind, len(b.history)-before, diff)
	}
}

// request draws an edit that may or may not be possible.
func (b *book) request(kind mapping.Kind) request {
	ids := append(slices.Sorted(maps.Keys(b.records[kind])), 987654)
	r := request{record: rapid.SampledFrom(ids).Draw(b.T, "record"), change: true}
	switch rapid.IntRange(0, 5).Draw(b.T, "edit") {
	case 0:
	default:
		r.target = psa.RecordID(rapid.IntRange(1, targets+1).Draw(b.T, "target"))
	}
	if kind == mapping.KindOrganization {
		r.change = rapid.IntRange(0, 3).Draw(b.T, "mapped or unmapped") > 0
		if rapid.Bool().Draw(b.T, "excluded or included") {
			excluded := rapid.Bool().Draw(b.T, "excluded")
			r.excluded = &excluded
		}
	}
	if known := b.records[kind][r.record]; known != nil && rapid.Bool().Draw(b.T, "with a revision") {
		expected := known.revision - rapid.IntRange(0, 1).Draw(b.T, "behind")
		r.expected = &expected
	}
	return r
}

// row is what the lists show of a record's mapping.
type row struct {
	Target   psa.RecordID
	Excluded bool
	Revision int
	MappedAt time.Time
	By       string
	Problem  string
	Required bool
}

// check compares everything that is stored with the model.
func (b *book) check() {
	want, got := make(map[mapping.Kind]map[int64]row), make(map[mapping.Kind]map[int64]row)
	wantTotals := make(map[mapping.Kind]mapping.Totals)
	for _, kind := range kinds {
		want[kind], wantTotals[kind] = make(map[int64]row), b.totals(kind)
		for id, r := range b.records[kind] {
			shown := row{Target: r.target, Excluded: r.excluded, Revision: r.revision, MappedAt: r.mappedAt}
			if r.target != 0 {
				shown.By = "anna"
			}
			if kind == mapping.KindContract {
				shown.Problem, shown.Required = b.problem(r), b.shared(r)
			}
			want[kind][id] = shown
		}
	}
	var totals mapping.AllTotals
	var changes []change
	b.must(b.db.Seller(b.seller).Read(b.Context(), func(ctx context.Context, tx *postgres.Tx) (err error) {
		if totals, err = mapping.ReadTotals(ctx, tx, b.seller); err != nil {
			return err
		}
		if err := b.read(ctx, tx, got); err != nil {
			return err
		}
		return tx.SelectContext(ctx, &changes, `
			SELECT kind, record_id, revision, changed_by, before, after
			FROM mapping_history
			WHERE seller_id = $1
			ORDER BY id`, b.seller)
	}))
	if diff := gocmp.Diff(want, got); diff != "" {
		b.Errorf("the rows (-want +got):\n%s", diff)
	}
	if diff := gocmp.Diff(wantTotals, totals.Of); diff != "" {
		b.Errorf("the totals (-want +got):\n%s", diff)
	}
	for _, list := range [][]change{b.history, changes} {
		for i := range list {
			list[i].Before, list[i].After = b.plain(list[i].Before), b.plain(list[i].After)
		}
	}
	if diff := gocmp.Diff(append([]change{}, b.history...), append([]change{}, changes...)); diff != "" {
		b.Errorf("the history (-want +got):\n%s", diff)
	}
	grown := 0
	for _, kind := range kinds {
		for _, r := range got[kind] {
			grown += r.Revision - 1
		}
	}
	if grown != len(changes) {
		b.Errorf("revisions grew by %d and the history has %d changes, want as many", grown, len(changes))
	}
}

// read reads the lists.
func (b *book) read(ctx context.Context, tx *postgres.Tx, into map[mapping.Kind]map[int64]row) error {
	all := func(columns []string) grid.Request { return grid.Request{Columns: columns, Page: grid.FirstRows(100)} }
	organizations, err := mapping.Organizations(ctx, tx, b.seller, all(mapping.OrganizationColumns))
	if err != nil {
		return err
	}
	offers, err := mapping.Offers(ctx, tx, b.seller, all(mapping.OfferColumns))
	if err != nil {
		return err
	}
	contracts, err := mapping.Contracts(ctx, tx, b.seller, today, all(mapping.ContractColumns))
	if err != nil {
		return err
	}
	for _, kind := range kinds {
		into[kind] = make(map[int64]row)
	}
	for _, o := range organizations.Rows {
		into[mapping.KindOrganization][o.ID] = row{value(o.PsaCompanyID), o.ExcludedFromSync, o.Revision, value(o.MappedAt).UTC(), value(o.MappedBy), "", false}
	}
	for _, o := range offers.Rows {
		into[mapping.KindOffer][o.ID] = row{value(o.PsaProductID), false, o.Revision, value(o.MappedAt).UTC(), value(o.MappedBy), "", false}
	}
	for _, c := range contracts.Rows {
		into[mapping.KindContract][c.ID] = row{
			value(c.PsaAgreementID), false, c.Revision, value(c.MappedAt).UTC(), value(c.MappedBy),
			string(value(c.AgreementProblem)), c.AgreementRequired,
		}
	}
	return nil
}

// plain writes JSON in one way.
func (b *book) plain(text string) string {
	var value any
	b.must(json.Unmarshal([]byte(text), &value))
	again, err := json.Marshal(value)
	b.must(err)
	return string(again)
}

func value[T any](v *T) T {
	if v == nil {
		var zero T
		return zero
	}
	return *v
}

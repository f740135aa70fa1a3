package psa

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"crosswalk/internal/postgres"
)

// ErrNotConnected means that the seller has not saved credentials.
var ErrNotConnected = errors.New("no ConnectWise credentials are saved")

// Clients finds the client of a seller. It returns ErrNotConnected where there is none.
type Clients interface {
	Client(ctx context.Context, seller postgres.SellerID) (Client, error)
}

// DirectoryOptions tune a Directory. The zero value is ready for use.
type DirectoryOptions struct {
	// Freshness is how long an answer counts as live for other requests; 0 means 5 s.
	Freshness time.Duration
	// FetchTimeout bounds one look-up that all its waiters may have given up on; 0 means 10 s.
	FetchTimeout time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// DB has the mirror that is kept up to date with what is found; nil where there is no need.
	DB *postgres.DB
	// Log takes what concerns operators; nil means slog.Default.
	Log *slog.Logger
}

// Directory verifies records live. It shares what it learns: ids asked for by many requests at once are
// asked of ConnectWise once, and an answer serves everybody for a few seconds. A look-up goes on when a
// waiter runs out of time, so the next one finds its answer. Between Start and Stop, the mirror follows what is found. It is
// safe for concurrent use.
type Directory struct {
	Companies  *Book[Company]
	Products   *Book[Product]
	Agreements *Book[Agreement]
	// AgreementsOf looks up all agreements of a company, by the company's number.
	AgreementsOf *Book[CompanyAgreements]
	// Additions lists all Additions of an agreement, by the agreement's number.
	Additions *Book[AgreementAdditions]

	follower *follower
}

// CompanyAgreements are all agreements of one company that ConnectWise has.
type CompanyAgreements struct {
	Company    RecordID
	Agreements []Agreement
	// mirrored is done when the mirror has them.
	mirrored once
}

// AgreementAdditions are all Additions of one agreement that ConnectWise has, by record number. An agreement that it does not have
// has none.
type AgreementAdditions struct {
	Agreement RecordID
	Additions []Addition
	// Asked is when ConnectWise was asked for them.
	Asked time.Time
}

// NewDirectory returns a Directory that asks the clients given.
func NewDirectory(clients Clients, options DirectoryOptions) *Directory {
	following := &follower{db: options.DB, log: cmp.Or(options.Log, slog.Default()), begun: make(chan struct{})}
	shared := bookOptions{clients: clients, freshness: options.Freshness, timeout: options.FetchTimeout, now: options.Now, follower: following}
	if shared.freshness <= 0 {
		shared.freshness = 5 * time.Second
	}
	if shared.timeout <= 0 {
		shared.timeout = 10 * time.Second
	}
	if shared.now == nil {
		shared.now = time.Now
	}
	d := &Directory{
		Companies:    newBook(shared, Client.CompaniesByID, func(c Company) RecordID { return c.ID }),
		Products:     newBook(shared, Client.ProductsByID, func(p Product) RecordID { return p.ID }),
		Agreements:   newBook(shared, Client.AgreementsByID, func(a Agreement) RecordID { return a.ID }),
		AgreementsOf: newBook(shared, agreementsOfCompanies, func(c CompanyAgreements) RecordID { return c.Company }),
		Additions:    newBook(shared, additionsOfAgreements, func(a AgreementAdditions) RecordID { return a.Agreement }),
		follower:     following,
	}
	d.Companies.gather()
	d.Products.gather()
	d.Agreements.gather()
	d.Companies.mirror, d.Products.mirror, d.Agreements.mirror = Companies, Products, Agreements
	if options.DB != nil {
		d.Agreements.has = func(ctx context.Context, seller postgres.SellerID, client Client, agreement RecordID) bool {
			return isOurs(ctx, options.DB.Seller(seller), agreement) && HasAgreement(ctx, client, agreement)
		}
	}
	d.Agreements.whole = func(a Agreement) bool { return a.CompanyID != 0 }
	return d
}

// Start lets the mirror follow what is found from now on.
func (d *Directory) Start(ctx context.Context) error { return d.follower.start(ctx) }

// Stop ends that, and waits for what is under way.
func (d *Directory) Stop(ctx context.Context) error { return d.follower.life.Stop(ctx) }

func agreementsOfCompanies(client Client, ctx context.Context, companies []RecordID) ([]CompanyAgreements, error) {
	found := make([]CompanyAgreements, len(companies))
	for i, company := range companies {
		agreements, err := client.AgreementsOfCompany(ctx, company)
		if err != nil {
			return nil, err
		}
		found[i] = CompanyAgreements{Company: company, Agreements: agreements, mirrored: newOnce()}
	}
	return found, nil
}

func additionsOfAgreements(client Client, ctx context.Context, agreements []RecordID) ([]AgreementAdditions, error) {
	found := make([]AgreementAdditions, len(agreements))
	for i, agreement := range agreements {
		asked := time.Now()
		additions, err := client.Additions(ctx, agreement)
		if err != nil && !IsNotFound(err) {
			return nil, err
		}
		slices.SortFunc(additions, func(a, b Addition) int { return cmp.Compare(a.ID, b.ID) })
		found[i] = AgreementAdditions{Agreement: agreement, Additions: additions, Asked: asked}
	}
	return found, nil
}

// Forget drops what is remembered of a seller, after its connection changed.
func (d *Directory) Forget(seller postgres.SellerID) {
	d.Companies.forget(seller)
	d.Products.forget(seller)
	d.Agreements.forget(seller)
	d.AgreementsOf.forget(seller)
	d.Additions.forget(seller)
}

// AdditionsSince returns the Additions of an agreement as they were at a time in the past or later.
func (d *Directory) AdditionsSince(
	ctx context.Context, seller postgres.SellerID, agreement RecordID, since, deadline time.Time,
) (*AgreementAdditions, error) {
	for {
		found, err := d.Additions.Look(ctx, seller, []RecordID{agreement}, deadline)
		if err != nil {
			return nil, err
		}
		if list := found[0]; !list.Asked.Before(since) { // there is an answer for every agreement
			return list, nil
		}
		d.Additions.outdate(seller, agreement, found[0])
	}
}

// Addition asks for one Addition by its number, which ConnectWise knows as soon as it has it, unlike its lists.
func (d *Directory) Addition(ctx context.Context, seller postgres.SellerID, key AdditionKey) (Addition, error) {
	client, err := d.Additions.clients.Client(ctx, seller)
	if err != nil {
		return Addition{}, err
	}
	return client.UpdateAddition(ctx, key.Agreement, key.Record, AdditionChange{}) // changes nothing: it reads
}

type bookOptions struct {
	clients            Clients
	freshness, timeout time.Duration
	now                func() time.Time
	follower           *follower
}

// Book is the directory of one kind of record.
type Book[T any] struct {
	bookOptions
	fetch func(Client, context.Context, []RecordID) ([]T, error)
	id    func(T) RecordID
	// has reports whether there is a record that fetch does not find; nil where fetch is believed.
	has func(context.Context, postgres.SellerID, Client, RecordID) bool
	// mirror follows what is found; nil where there is none.
	mirror following[T]
	// whole reports whether a record tells all that its copy needs; nil where every one does.
	whole func(T) bool

	mu      sync.Mutex
	entries map[entryKey]*entry[T]
	swept   time.Time
	// turns are held by those who write to the mirror, one for each seller.
	turns map[postgres.SellerID]chan struct{}
	// gathered are the entries that are about to be asked for; nil where each look-up is asked for by itself.
	gathered map[gatherKey]map[RecordID]*entry[T]
}

// gathering is how long ids are gathered before they are asked for: lists within a page know theirs one after the other, and pages
// of many users come together.
const gathering = 5 * time.Millisecond

// gatherKey is whose ids are asked for together, and how.
type gatherKey struct {
	seller     postgres.SellerID
	background bool
}

// gather has ids that are wanted at about the same time asked for together.
func (b *Book[T]) gather() { b.gathered = make(map[gatherKey]map[RecordID]*entry[T]) }

type entryKey struct {
	seller postgres.SellerID
	id     RecordID
}

// entry is the answer for one record, or the promise of one: done closes when the look-up it is part of ends.
type entry[T any] struct {
	done   chan struct{}
	record T
	found  bool
	err    error
	until  time.Time
}

func newBook[T any](options bookOptions, fetch func(Client, context.Context, []RecordID) ([]T, error), id func(T) RecordID) *Book[T] {
	return &Book[T]{bookOptions: options, fetch: fetch, id: id, entries: make(map[entryKey]*entry[T]), turns: make(map[postgres.SellerID]chan struct{})}
}

// Look returns the live records of ids, in their order; nil stands for one that does not exist. It
// waits until the deadline, or ctx is done, at the longest and then returns *UnavailableError, as when ConnectWise does not
// answer. Others get the same records, which nobody may change.
func (b *Book[T]) Look(ctx context.Context, seller postgres.SellerID, ids []RecordID, deadline time.Time) ([]*T, error) {
	wanted, missing := b.claim(seller, ids, false)
	if len(missing) == 0 && !slices.ContainsFunc(wanted, func(e *entry[T]) bool { return !isDone(e.done) }) {
		return b.await(ctx, wanted)
	}
	waiting, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	if b.gathered == nil {
		b.begin(waiting, seller, missing)
	} else {
		b.beginSoon(waiting, seller, missing)
	}
	return b.await(waiting, wanted)
}

// lookAnew is Look without what is known already, until ctx is done.
func (b *Book[T]) lookAnew(ctx context.Context, seller postgres.SellerID, ids []RecordID) ([]*T, error) {
	wanted, missing := b.claim(seller, ids, true)
	b.begin(ctx, seller, missing)
	return b.await(ctx, wanted)
}

// isThere reports whether there is a record that was not found.
func (b *Book[T]) isThere(ctx context.Context, seller postgres.SellerID, id RecordID) bool {
	if b.has == nil {
		return false
	}
	client, err := b.clients.Client(ctx, seller)
	return err != nil || b.has(ctx, seller, client, id)
}

// begin has entries asked for.
func (b *Book[T]) begin(ctx context.Context, seller postgres.SellerID, missing map[RecordID]*entry[T]) {
	if len(missing) > 0 {
		go b.ask(context.WithoutCancel(ctx), seller, missing)
	}
}

// beginSoon has entries asked for together with those of others. None of them is anybody else's, because nobody asks for an entry
// that is waited for.
func (b *Book[T]) beginSoon(ctx context.Context, seller postgres.SellerID, missing map[RecordID]*entry[T]) {
	if len(missing) == 0 {
		return
	}
	key := gatherKey{seller, IsBackground(ctx)}
	b.mu.Lock()
	defer b.mu.Unlock()
	if others := b.gathered[key]; others != nil {
		maps.Copy(others, missing)
		return
	}
	b.gathered[key] = missing
	time.AfterFunc(gathering, func() {
		b.mu.Lock()
		all := b.gathered[key]
		delete(b.gathered, key)
		b.mu.Unlock()
		b.ask(context.WithoutCancel(ctx), seller, all)
	})
}

// await returns what is found for entries, in their order.
func (b *Book[T]) await(ctx context.Context, wanted []*entry[T]) ([]*T, error) {
	found := make([]*T, len(wanted))
	for i, e := range wanted {
		if !isDone(e.done) {
			select {
			case <-e.done:
			case <-ctx.Done():
				return nil, &UnavailableError{Reason: "ConnectWise did not answer in time", RetryAt: b.now().Add(b.freshness), Err: ctx.Err()}
			}
		}
		if e.err != nil {
			return nil, e.err
		}
		if e.found {
			found[i] = &e.record
		}
	}
	return found, nil
}

// claim returns the entry of each id, and those that must be asked for: all of them when asking anew,
// else those that nobody is asking for and no fresh answer is known of.
func (b *Book[T]) claim(seller postgres.SellerID, ids []RecordID, anew bool) (wanted []*entry[T], missing map[RecordID]*entry[T]) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	b.sweep(now)
	wanted = make([]*entry[T], len(ids))
	for i, id := range ids {
		k := entryKey{seller, id}
		e := b.entries[k]
		if missing[id] == nil && (e == nil || anew || isDone(e.done) && !now.Before(e.until)) {
			e = &entry[T]{done: make(chan struct{})}
			b.entries[k] = e
			if missing == nil {
				missing = make(map[RecordID]*entry[T])
			}
			missing[id] = e
		}
		wanted[i] = e
	}
	return wanted, missing
}

// ask looks the records up and settles their entries. Then the mirror follows.
func (b *Book[T]) ask(ctx context.Context, seller postgres.SellerID, missing map[RecordID]*entry[T]) {
	asked := time.Now()
	fetching, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	records, err := b.fetchAll(fetching, seller, slices.Sorted(maps.Keys(missing)))
	b.settle(seller, missing, records, err)
	if err == nil && b.mirror != nil {
		b.follow(seller, newAnswer(asked, missing))
	}
}

// settle hands on what came of a look-up. A failure is handed on, too, but is not remembered.
func (b *Book[T]) settle(seller postgres.SellerID, missing map[RecordID]*entry[T], records []T, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	until := b.now().Add(b.freshness)
	for _, record := range records {
		if e := missing[b.id(record)]; e != nil {
			e.record, e.found = record, true
		}
	}
	for id, e := range missing {
		if e.err = err; err == nil {
			e.until = until
		} else if k := (entryKey{seller, id}); b.entries[k] == e {
			delete(b.entries, k)
		}
		close(e.done)
	}
}

func (b *Book[T]) fetchAll(ctx context.Context, seller postgres.SellerID, ids []RecordID) ([]T, error) {
	client, err := b.clients.Client(ctx, seller)
	if err != nil {
		return nil, err
	}
	records, err := b.fetch(client, ctx, ids)
	if err != nil && errors.Is(err, context.DeadlineExceeded) {
		return nil, &UnavailableError{Reason: "ConnectWise did not answer in time", Err: err}
	}
	return records, err
}

// sweep forgets answers that are no longer fresh, now and then.
func (b *Book[T]) sweep(now time.Time) {
	if now.Sub(b.swept) < b.freshness {
		return
	}
	b.swept = now
	maps.DeleteFunc(b.entries, func(_ entryKey, e *entry[T]) bool { return isDone(e.done) && !now.Before(e.until) })
}

// outdate forgets an answer, unless another one has taken its place.
func (b *Book[T]) outdate(seller postgres.SellerID, id RecordID, answer *T) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if k := (entryKey{seller, id}); b.entries[k] != nil && &b.entries[k].record == answer {
		delete(b.entries, k)
	}
}

func (b *Book[T]) forget(seller postgres.SellerID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	maps.DeleteFunc(b.entries, func(k entryKey, _ *entry[T]) bool { return k.seller == seller })
}

func isDone(done chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

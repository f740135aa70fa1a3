// Package loaders batches the look-ups of one operation, above all those of ConnectWise records.
//
// Every row that shows a ConnectWise record asks here; the asks of a whole page become one look-up in the
// directory, which shares it with other requests in turn. Where ConnectWise does not answer within the
// operation's time budget, the mirrored copy takes the record's place. Start reading at Set and Loader.
package loaders

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"crosswalk/internal/civil"
	"crosswalk/internal/mapping"
	"crosswalk/internal/postgres"
	"crosswalk/internal/psa"
)

// window is how long a batch waits for more rows, capacity the most rows of one.
const (
	window   = time.Millisecond
	capacity = 1000
)

// retryAfter is when to try again after an outage that says nothing about it.
const retryAfter = 5 * time.Second

// Found is a record as well as it is known now.
type Found[T any] struct {
	Record T
	// Live is true when ConnectWise was read, false when Record is the mirrored copy.
	Live bool
	// Deleted is true when ConnectWise, or else the mirror, does not have the record any more.
	Deleted bool
}

// Set holds the loaders of one operation. Make a new one for each: answers are kept as long as it lives.
type Set struct {
	Companies  *Records[psa.Company]
	Products   *Records[psa.Product]
	Agreements *Records[psa.Agreement]
	// AdditionsOf lists the Additions of agreements, Additions finds single ones of ours in such lists. There is no
	// mirror of them.
	AdditionsOf *Loader[psa.RecordID, AdditionList]
	Additions   *Loader[psa.AdditionKey, Found[psa.Addition]]
	// Posted reads Additions of ours as they were written last, by our own numbers.
	Posted *Loader[int64, psa.Addition]
	// Organizations, Offers and Contracts read the rows that others belong to.
	Organizations *Rows[mapping.Organization]
	Offers        *Rows[mapping.Offer]
	Contracts     *Rows[mapping.Contract]

	// ctx is the operation's.
	ctx       context.Context
	db        *postgres.DB
	directory *psa.Directory
	seller    postgres.SellerID
	today     func() (civil.Date, error)
	deadline  time.Time
	// listings are held by those who list Additions.
	listings *semaphore.Weighted

	mu      sync.Mutex
	outcome Outcome
	// writtenOn is when Additions of agreements were written last, as far as somebody asked: lists are to be newer.
	writtenOn map[psa.RecordID]time.Time
}

// Outcome says how ConnectWise behaved towards one operation.
type Outcome struct {
	// Asked is true when ConnectWise was needed at all.
	Asked bool
	// Available is false when it gave no usable answer.
	Available bool
	// RetryAt is when the next try makes sense, after an outage.
	RetryAt time.Time
}

// NewSet returns the loaders of one operation of seller, whose date today tells. Look-ups take until deadline at the longest; ctx
// is the operation's, and ends them all.
func NewSet(ctx context.Context, db *postgres.DB, directory *psa.Directory, seller postgres.SellerID, today func() (civil.Date, error), deadline time.Time) *Set {
	s := &Set{ctx: ctx, db: db, directory: directory, seller: seller, today: today, deadline: deadline, listings: semaphore.NewWeighted(listingsAtATime), writtenOn: make(map[psa.RecordID]time.Time)}
	s.Companies = newLoader(s, companies.lookUp)
	s.Products = newLoader(s, products.lookUp)
	s.Agreements = newLoader(s, agreements.lookUp)
	s.AdditionsOf = newLoader(s, listAdditions)
	s.Additions = newLoader(s, findAdditions)
	s.Posted = newLoader(s, readPosted)
	s.Organizations = newLoader(s, readOrganizations)
	s.Offers = newLoader(s, readOffers)
	s.Contracts = newLoader(s, readContracts)
	return s
}

// RefreshAgreementsOf mirrors the agreements of a company as they are now, or were moments ago; live is false when ConnectWise
// does not answer in time.
func (s *Set) RefreshAgreementsOf(ctx context.Context, company psa.RecordID) (live bool, err error) {
	return s.note(s.directory.RefreshAgreementsOf(ctx, s.db.Seller(s.seller), company, s.deadline))
}

// Deadline is when the operation has no more time for ConnectWise.
func (s *Set) Deadline() time.Time { return s.deadline }

// Outcome returns how ConnectWise behaved so far.
func (s *Set) Outcome() Outcome {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.outcome
}

// kind says how records of one kind are read.
type kind[T any] struct {
	book    func(*psa.Directory) *psa.Book[T]
	mirror  func(context.Context, *postgres.Tx, postgres.SellerID, []psa.RecordID) (map[psa.RecordID]T, error)
	deleted func(*T) bool
}

var (
	companies = kind[psa.Company]{
		func(d *psa.Directory) *psa.Book[psa.Company] { return d.Companies }, psa.Companies.Find, func(c *psa.Company) bool { return c.Deleted },
	}
	products = kind[psa.Product]{
		func(d *psa.Directory) *psa.Book[psa.Product] { return d.Products }, psa.Products.Find, func(p *psa.Product) bool { return p.Deleted },
	}
	agreements = kind[psa.Agreement]{
		func(d *psa.Directory) *psa.Book[psa.Agreement] { return d.Agreements }, psa.Agreements.Find, func(a *psa.Agreement) bool { return a.Deleted },
	}
)

// lookUp asks ConnectWise, and the mirror for what ConnectWise did not give.
func (k kind[T]) lookUp(ctx context.Context, s *Set, ids []psa.RecordID) ([]Found[T], error) {
	live, err := k.book(s.directory).Look(ctx, s.seller, ids, s.deadline)
	available, err := s.note(err)
	if err != nil {
		return nil, err
	}
	found := make([]Found[T], len(ids))
	var others []psa.RecordID
	for i := range ids {
		if available && live[i] != nil {
			found[i] = Found[T]{Record: *live[i], Live: true, Deleted: k.deleted(live[i])}
		} else {
			others = append(others, ids[i])
		}
	}
	if len(others) == 0 {
		return found, nil
	}
	var copies map[psa.RecordID]T
	err = s.db.Seller(s.seller).ReadOne(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		copies, err = k.mirror(ctx, tx, s.seller, others)
		return err
	})
	for i, id := range ids {
		if available && live[i] != nil {
			continue
		}
		// A record that a complete answer does not hold is gone; we still know what it was called.
		record := copies[id]
		found[i] = Found[T]{Record: record, Live: available, Deleted: available || k.deleted(&record)}
	}
	return found, err
}

// note remembers how ConnectWise behaved. An outage is not an error here: rows fall back to the mirror.
func (s *Set) note(err error) (available bool, _ error) {
	var unavailable *psa.UnavailableError
	outage := errors.As(err, &unavailable)
	if err != nil && !outage {
		var refused *psa.RefusedError
		if !errors.As(err, &refused) && !errors.Is(err, psa.ErrNotConnected) {
			return false, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.outcome.Asked {
		s.outcome = Outcome{Asked: true, Available: true}
	}
	if err != nil {
		s.outcome.Available = false
		retryAt := time.Now().Add(retryAfter)
		if outage && !unavailable.RetryAt.IsZero() {
			retryAt = unavailable.RetryAt
		}
		if retryAt.After(s.outcome.RetryAt) {
			s.outcome.RetryAt = retryAt
		}
	}
	return err == nil, nil
}

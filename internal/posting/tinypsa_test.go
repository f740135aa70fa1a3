package posting

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"crosswalk/internal/civil"
	"crosswalk/internal/psa"
)

// fate is what happens to a call.
type fate string

const (
	fine fate = "fine"
	// unsent never reaches the PSA, and the caller knows.
	unsent fate = "unsent"
	// lostBefore and lostAfter lose the answer of a write that was not made or was.
	lostBefore fate = "lost before"
	lostAfter  fate = "lost after"
	refused    fate = "refused"
	// diesBefore and diesAfter end the caller, as a crash does, before the PSA has the call or after it dealt with it.
	diesBefore fate = "dies before"
	diesAfter  fate = "dies after"
)

// tinyPSA keeps agreements and their Additions. It is safe for concurrent use.
type tinyPSA struct {
	mu         sync.Mutex
	agreements []psa.Agreement
	additions  []psa.Addition
	// unlisted are new records: the first list that each belongs on lags, and does not show it.
	unlisted map[string]bool
	// writeFates and readFates befall the next calls, one each.
	writeFates, readFates []fate
	writing               map[psa.RecordID]int
	// wrong is what callers did that they must not.
	wrong []string
	wrote int
}

func newTinyPSA(agreements ...psa.Agreement) *tinyPSA {
	return &tinyPSA{agreements: agreements, unlisted: make(map[string]bool), writing: make(map[psa.RecordID]int)}
}

// foretell sets what happens to the next calls.
func (s *tinyPSA) foretell(writes, reads []fate) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writeFates, s.readFates = writes, reads
}

func next(fates *[]fate) fate {
	if len(*fates) == 0 {
		return fine
	}
	first := (*fates)[0]
	*fates = (*fates)[1:]
	return first
}

// isShown reports whether a list shows a record.
func (s *tinyPSA) isShown(record string) bool {
	lags := s.unlisted[record]
	delete(s.unlisted, record)
	return !lags
}

// tinyClient is the connection of one process to a tinyPSA. The methods that posting does not use are missing.
type tinyClient struct {
	psa.Client
	psa *tinyPSA
	// bury is called when the process dies.
	bury func()

	mu   sync.Mutex
	dead bool
}

// die ends the process that makes the call: its goroutines end with their next call.
func (c *tinyClient) die() {
	c.mu.Lock()
	first := !c.dead
	c.dead = true
	c.mu.Unlock()
	if first {
		c.bury()
	}
	runtime.Goexit()
}

func (c *tinyClient) live() {
	c.mu.Lock()
	dead := c.dead
	c.mu.Unlock()
	if dead {
		runtime.Goexit()
	}
}

// read does a read as is its fate.
func (c *tinyClient) read(do func(*tinyPSA) error) error {
	c.live()
	c.psa.mu.Lock()
	now := next(&c.psa.readFates)
	if now == diesBefore {
		c.psa.mu.Unlock()
		c.die()
	}
	defer c.psa.mu.Unlock()
	if now == refused {
		return &psa.UnavailableError{Reason: "Not allowed", Unauthorized: true}
	}
	return do(c.psa)
}

var errLost = &psa.UnconfirmedError{Err: errors.New("connection reset")}

// write does a write to an agreement as is its fate. do is called with the PSA locked.
func (c *tinyClient) write(agreement psa.RecordID, do func(*tinyPSA) error) error {
	c.live()
	c.psa.mu.Lock()
	now := next(&c.psa.writeFates)
	c.psa.writing[agreement]++
	if agreement != 0 && c.psa.writing[agreement] > 1 {
		c.psa.wrong = append(c.psa.wrong, fmt.Sprintf("two writes to agreement %d at a time", agreement))
	}
	c.psa.mu.Unlock()
	runtime.Gosched() // for those who would write meanwhile
	c.psa.mu.Lock()
	c.psa.writing[agreement]--
	var err error
	switch now {
	case fine, lostAfter, diesAfter:
		if err = do(c.psa); err == nil {
			c.psa.wrote++
		}
	}
	c.psa.mu.Unlock()
	switch now {
	case diesBefore, diesAfter:
		c.die()
	case lostBefore, lostAfter:
		return errLost
	case unsent:
		return &psa.UnavailableError{Reason: "Not allowed", Unauthorized: true}
	case refused:
		return &psa.RefusedError{Status: 400, Code: "InvalidObject", Message: "No."}
	}
	return err
}

func notFound() error { return &psa.RefusedError{Status: 404, Code: "NotFound", Message: "Not found."} }

func (s *tinyPSA) agreement(id psa.RecordID) (psa.Agreement, bool) {
	i := slices.IndexFunc(s.agreements, func(a psa.Agreement) bool { return a.ID == id })
	if i < 0 {
		return psa.Agreement{}, false
	}
	return s.agreements[i], true
}

func (s *tinyPSA) shownAgreements(is func(psa.Agreement) bool) (found []psa.Agreement) {
	for _, a := range s.agreements {
		if is(a) && s.isShown(fmt.Sprint("agreement ", a.ID)) {
			found = append(found, a)
		}
	}
	return found
}

func (c *tinyClient) SystemInfo(context.Context) (info psa.SystemInfo, err error) {
	err = c.read(func(*tinyPSA) error { return nil })
	return info, err
}

func (c *tinyClient) Agreements(_ context.Context, yield func([]psa.Agreement) error) error {
	return c.read(func(s *tinyPSA) error { return yield(s.shownAgreements(func(psa.Agreement) bool { return true })) })
}

func (c *tinyClient) AgreementsOfCompany(_ context.Context, company psa.RecordID) (found []psa.Agreement, err error) {
	err = c.read(func(s *tinyPSA) error {
		found = s.shownAgreements(func(a psa.Agreement) bool { return a.CompanyID == company })
		return nil
	})
	return found, err
}

func (c *tinyClient) AgreementsByID(_ context.Context, ids []psa.RecordID) (found []psa.Agreement, err error) {
	err = c.read(func(s *tinyPSA) error {
		found = s.shownAgreements(func(a psa.Agreement) bool { return slices.Contains(ids, a.ID) })
		return nil
	})
	return found, err
}

func (c *tinyClient) CompaniesByID(_ context.Context, ids []psa.RecordID) (found []psa.Company, err error) {
	err = c.read(func(*tinyPSA) error {
		for _, id := range ids {
			found = append(found, psa.Company{ID: id, DefaultContact: 1, Currency: "EUR"})
		}
		return nil
	})
	return found, err
}

func (c *tinyClient) Additions(_ context.Context, agreement psa.RecordID) (found []psa.Addition, err error) {
	err = c.read(func(s *tinyPSA) error {
		if _, exists := s.agreement(agreement); !exists {
			return notFound()
		}
		for _, a := range s.additions {
			if a.AgreementID == agreement && s.isShown(fmt.Sprint("addition ", a.ID)) {
				found = append(found, a)
			}
		}
		return nil
	})
	return found, err
}

func (c *tinyClient) CreateAgreement(_ context.Context, a psa.NewAgreement) (created psa.Agreement, err error) {
	err = c.write(0, func(s *tinyPSA) error {
		created = psa.Agreement{
			ID: psa.RecordID(len(s.agreements) + 1), Name: a.Name, TypeID: a.TypeID, CompanyID: a.CompanyID, StartDate: a.StartDate,
			BillStartDate: a.BillStartDate, Currency: a.Currency,
		}
		s.agreements = append(s.agreements, created)
		s.unlisted[fmt.Sprint("agreement ", created.ID)] = true
		return nil
	})
	return created, err
}

func (c *tinyClient) CreateAddition(_ context.Context, agreement psa.RecordID, a psa.NewAddition) (created psa.Addition, err error) {
	err = c.write(agreement, func(s *tinyPSA) error {
		if _, exists := s.agreement(agreement); !exists {
			return notFound()
		}
		created = psa.Addition{
			ID: psa.RecordID(len(s.additions) + 1), AgreementID: agreement, ProductID: a.ProductID, InvoiceDescription: a.InvoiceDescription,
			SerialNumber: a.SerialNumber, Quantity: a.Quantity, UnitPrice: a.UnitPrice, UnitCost: a.UnitCost,
			EffectiveDate: a.EffectiveDate, CancelledDate: a.CancelledDate, BillCustomer: a.BillCustomer,
		}
		s.additions = append(s.additions, created)
		s.unlisted[fmt.Sprint("addition ", created.ID)] = true
		return nil
	})
	return created, err
}

func (c *tinyClient) UpdateAddition(_ context.Context, agreement, addition psa.RecordID, change psa.AdditionChange) (changed psa.Addition, err error) {
	do := func(s *tinyPSA) error {
		if addition < 1 || int(addition) > len(s.additions) || s.additions[addition-1].AgreementID != agreement {
			return notFound()
		}
		apply(change, &s.additions[addition-1])
		changed = s.additions[addition-1]
		return nil
	}
	if change == (psa.AdditionChange{}) {
		err = c.read(do)
	} else {
		err = c.write(agreement, do)
	}
	return changed, err
}

// apply makes a change to an Addition.
func apply(change psa.AdditionChange, a *psa.Addition) {
	if change.Quantity != nil {
		a.Quantity = *change.Quantity
	}
	if change.UnitPrice != nil {
		a.UnitPrice.Decimal, a.UnitPrice.Valid = *change.UnitPrice, true
	}
	if change.UnitCost != nil {
		a.UnitCost.Decimal, a.UnitCost.Valid = *change.UnitCost, true
	}
	set := func(day *civil.Date, to *civil.Date) {
		if to != nil {
			*day = *to
		}
	}
	set(&a.EffectiveDate, change.EffectiveDate)
	set(&a.CancelledDate, change.CancelledDate)
	if change.InvoiceDescription != nil {
		a.InvoiceDescription = *change.InvoiceDescription
	}
}

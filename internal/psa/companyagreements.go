package psa

import (
	"context"
	"fmt"
	"time"

	"crosswalk/internal/postgres"
)

// RefreshAgreementsOf mirrors the agreements of one company as ConnectWise has them now, or had them moments ago: an answer is
// asked for and written once. ConnectWise has until deadline to answer; the error is *UnavailableError when it did not, and the
// mirror is then as it was.
func (d *Directory) RefreshAgreementsOf(ctx context.Context, db *postgres.SellerDB, company RecordID, deadline time.Time) error {
	found, err := d.AgreementsOf.Look(ctx, db.ID(), []RecordID{company}, deadline)
	if err != nil {
		return err
	}
	listed := found[0] // there is an answer for every company, if an empty one
	return listed.mirrored.do(ctx, func() error { return d.mirrorAgreements(ctx, db, listed, deadline) })
}

// mirrorAgreements writes all agreements of a company to the mirror.
func (d *Directory) mirrorAgreements(ctx context.Context, db *postgres.SellerDB, listed *CompanyAgreements, deadline time.Time) error {
	var others []RecordID
	err := db.Write(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		if _, err := Agreements.Save(ctx, tx, db.ID(), listed.Agreements); err != nil {
			return err
		}
		var err error
		others, err = unlistedAgreements(ctx, tx, db.ID(), listed.Company, listed.Agreements)
		return err
	})
	if err != nil || len(others) == 0 {
		return err
	}
	// They may be gone, with another company now, or newer than the answer.
	waiting, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	said := Confirm(waiting, d.Agreements, Agreements, db.ID(), others)
	return db.Write(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		_, _, err := said.Settle(ctx, tx, db.ID(), nil)
		return err
	})
}

// once lets callers do something one after the other until one of them has done it.
type once chan struct{}

func newOnce() once {
	o := make(once, 1)
	o <- struct{}{}
	return o
}

func (o once) do(ctx context.Context, something func() error) error {
	select {
	case _, undone := <-o:
		if !undone {
			return nil
		}
		if err := something(); err != nil {
			o <- struct{}{} // for the next
			return err
		}
		close(o)
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// unlistedAgreements returns the mirrored agreements of a company that are not among those listed.
func unlistedAgreements(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID, company RecordID, listed []Agreement) ([]RecordID, error) {
	ids := make([]RecordID, len(listed))
	for i, a := range listed {
		ids[i] = a.ID
	}
	var others []RecordID
	err := tx.SelectContext(ctx, &others, `
		SELECT record_id
		FROM psa_agreement
		WHERE seller_id = $1
			AND company_id = $2
			AND record_id <> ALL($3)
			AND NOT deleted`,
		seller, company, ids)
	if err != nil {
		return nil, fmt.Errorf("find agreements of company %d that are not listed: %w", company, err)
	}
	return others, nil
}

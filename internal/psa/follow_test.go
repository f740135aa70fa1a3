package psa_test

import (
	"context"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"crosswalk/internal/postgres"
	"crosswalk/internal/postgres/postgrestest"
	"crosswalk/internal/psa"
)

// client is one that nothing is asked of but what a test has in place of it.
type client = psa.Client

// shop is a ConnectWise whose answer waits before it is given.
type shop struct {
	client
	answer []psa.Agreement
	// asked is closed when the answer is known, and given when it may come.
	asked, given chan struct{}
	// hidden are the agreements that its searches do not show yet.
	hidden []psa.RecordID
}

func (s *shop) Client(context.Context, postgres.SellerID) (psa.Client, error) { return s, nil }

func (s *shop) AgreementsByID(context.Context, []psa.RecordID) ([]psa.Agreement, error) {
	close(s.asked)
	<-s.given
	return s.answer, nil
}

func (s *shop) Additions(_ context.Context, agreement psa.RecordID) ([]psa.Addition, error) {
	if slices.Contains(s.hidden, agreement) {
		return nil, nil
	}
	return nil, &psa.RefusedError{Status: 404}
}

// openSeller opens a database with a seller.
func openSeller(t *testing.T) (*postgres.DB, *postgres.SellerDB) {
	t.Helper()
	db, err := postgres.Open(t.Context(), postgrestest.New(t), postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	var id postgres.SellerID
	err = db.System().Write(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
		return tx.GetContext(ctx, &id, `
			INSERT INTO seller (name, time_zone, platform_url, platform_key_sealed, platform_token_sealed)
			VALUES ('A', 'UTC', 'https://a.example', '', '') RETURNING id`)
	})
	if err != nil {
		t.Fatal(err)
	}
	return db, db.Seller(id)
}

func save(t *testing.T, db *postgres.SellerDB, agreements ...psa.Agreement) {
	t.Helper()
	err := db.Write(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
		_, err := psa.Agreements.Save(ctx, tx, db.ID(), agreements)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// saveLongAgo saves agreements as they were an hour ago. Answers of the same moment are no match for a copy.
func saveLongAgo(t *testing.T, db *postgres.SellerDB, agreements ...psa.Agreement) {
	t.Helper()
	save(t, db, agreements...)
	err := db.Write(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE psa_agreement SET mirrored_at = now() - interval '1 hour' WHERE seller_id = $1`, db.ID())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// names returns what the mirror calls agreements; those that are gone have an exclamation mark.
func names(t *testing.T, db *postgres.SellerDB) map[psa.RecordID]string {
	t.Helper()
	names := make(map[psa.RecordID]string)
	err := db.Read(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
		copies, err := psa.Agreements.Find(ctx, tx, db.ID(), []psa.RecordID{1, 2, 3, 4, 5, 6, 7, 8})
		for id, a := range copies {
			names[id] = a.Name
			if a.Deleted {
				names[id] += "!"
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// agreement is one of company 1 that changed last at an hour of some day.
func agreement(id psa.RecordID, name string, hour int) psa.Agreement {
	return psa.Agreement{ID: id, Name: name, CompanyID: 1, LastUpdated: time.Date(2026, time.May, 18, hour, 0, 0, 0, time.UTC)}
}

func TestTheMirrorFollowsALookUpWhereItKnowsNoBetter(t *testing.T) {
	t.Parallel()
	pool, db := openSeller(t)
	for id := range psa.RecordID(7) {
		saveLongAgo(t, db, agreement(id+1, "old", 9))
	}
	err := db.Write(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
		_, err := tx.ExecContext(ctx, `
			WITH o AS (
				INSERT INTO organization (seller_id, platform_id, name, reference_number, status, status_text)
				VALUES ($1, 'O', 'O', '1', 'ACTIVE', 'Active') RETURNING id
			), c AS (
				INSERT INTO contract (seller_id, platform_id, organization_id, currency, billing_cycle_day)
				SELECT $1, 'C', id, 'EUR', 1 FROM o RETURNING id
			)
			INSERT INTO created_agreement (seller_id, contract_id, company_id, name, agreement_id, state)
			SELECT $1, id, 1, 'O C', 6, 'DONE' FROM c`, db.ID())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	incomplete := agreement(4, "without a company", 10)
	incomplete.CompanyID = 0
	s := &shop{
		answer: []psa.Agreement{
			agreement(1, "new", 10), agreement(2, "old", 9), agreement(3, "of a lagging search", 8), incomplete, agreement(8, "never copied", 10),
		},
		asked: make(chan struct{}), given: make(chan struct{}), hidden: []psa.RecordID{6},
	}
	d := psa.NewDirectory(s, psa.DirectoryOptions{DB: pool})
	if err := d.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Stop(context.Background()) })
	looked := make(chan error, 1)
	go func() {
		_, err := d.Agreements.Look(t.Context(), db.ID(), []psa.RecordID{1, 2, 3, 4, 5, 6, 7, 8}, time.Now().Add(time.Minute))
		looked <- err
	}()
	<-s.asked
	// These are learnt after ConnectWise was asked.
	save(t, db, agreement(2, "changed since", 9), agreement(7, "created since", 9))
	close(s.given)
	if err := <-looked; err != nil {
		t.Fatal(err)
	}
	want := map[psa.RecordID]string{1: "new", 2: "changed since", 3: "old", 4: "old", 5: "old!", 6: "old", 7: "created since"}
	wantNames(t, db, want)
}

func TestTheMirrorFollowsWithoutWaitingForWhoWritesARecord(t *testing.T) {
	t.Parallel()
	pool, db := openSeller(t)
	saveLongAgo(t, db, agreement(1, "old", 9), agreement(2, "old", 9))
	s := &shop{answer: []psa.Agreement{agreement(1, "new", 10), agreement(2, "new", 10)}, asked: make(chan struct{}), given: make(chan struct{})}
	close(s.given)
	d := psa.NewDirectory(s, psa.DirectoryOptions{DB: pool})
	if err := d.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Stop(context.Background()) })
	err := db.Write(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
		if _, err := psa.Agreements.Save(ctx, tx, db.ID(), []psa.Agreement{agreement(1, "being written", 9)}); err != nil {
			return err
		}
		if _, err := d.Agreements.Look(ctx, db.ID(), []psa.RecordID{1, 2}, time.Now().Add(time.Minute)); err != nil {
			return err
		}
		wantNames(t, db, map[psa.RecordID]string{1: "old", 2: "new"})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	wantNames(t, db, map[psa.RecordID]string{1: "being written", 2: "new"})
}

func TestAStoppedDirectoryLeavesTheMirrorAlone(t *testing.T) {
	t.Parallel()
	pool, db := openSeller(t)
	saveLongAgo(t, db, agreement(1, "old", 9))
	s := &shop{answer: []psa.Agreement{agreement(1, "new", 10)}, asked: make(chan struct{}), given: make(chan struct{})}
	close(s.given)
	d := psa.NewDirectory(s, psa.DirectoryOptions{DB: pool})
	if err := d.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := d.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	found, err := d.Agreements.Look(t.Context(), db.ID(), []psa.RecordID{1}, time.Now().Add(time.Minute))
	if err != nil || found[0].Name != "new" {
		t.Fatalf("a look-up after the stop found %v, %v", found, err)
	}
	wantNames(t, db, map[psa.RecordID]string{1: "old"})
}

// wantNames waits until the mirror is as wanted.
func wantNames(t *testing.T, db *postgres.SellerDB, want map[psa.RecordID]string) {
	t.Helper()
	patience := time.After(time.Minute)
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for {
		diff := gocmp.Diff(want, names(t, db))
		if diff == "" {
			return
		}
		select {
		case <-again.C:
		case <-patience:
			t.Fatalf("the mirror has (-want +got):\n%s", diff)
		}
	}
}

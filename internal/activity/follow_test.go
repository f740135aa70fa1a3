package activity_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"crosswalk/internal/activity"
	"crosswalk/internal/postgres"
)

// follower reads the log from mark to mark.
type follower struct {
	db     *postgres.DB
	seller postgres.SellerID
	mark   activity.Mark
}

func follow(t *testing.T, db *postgres.DB, seller postgres.SellerID) *follower {
	t.Helper()
	f := &follower{db: db, seller: seller}
	read(t, db, seller, func(ctx context.Context, tx *postgres.Tx) (err error) {
		f.mark, err = activity.Now(ctx, tx)
		return err
	})
	return f
}

// next returns the titles of the entries committed since the last call.
func (f *follower) next(ctx context.Context) (titles []string, err error) {
	err = f.db.Seller(f.seller).Read(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		ids, now, err := activity.Since(ctx, tx, f.seller, f.mark)
		if err != nil {
			return err
		}
		f.mark, titles = now, nil
		for _, id := range ids {
			var title string
			if err := tx.GetContext(ctx, &title, `SELECT title FROM log_entry WHERE seller_id = $1 AND id = $2`, f.seller, id); err != nil {
				return err
			}
			titles = append(titles, title)
		}
		return nil
	})
	return titles, err
}

func (f *follower) expect(t *testing.T, want ...string) {
	t.Helper()
	got, err := f.next(t.Context())
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("the entries since the last mark are %q (%v), want %q", got, err, want)
	}
}

// pending is a transaction that logs and can be kept waiting.
type pending struct {
	log  chan string
	done chan error
}

// begin begins a transaction that logs what is sent to log and commits when that is closed.
func begin(ctx context.Context, db *postgres.DB, seller postgres.SellerID) *pending {
	p := &pending{log: make(chan string), done: make(chan error, 1)}
	go func() {
		p.done <- db.Seller(seller).Write(ctx, func(ctx context.Context, tx *postgres.Tx) error {
			for title := range p.log {
				entry := activity.Entry{Level: activity.Info, Code: activity.JobFailed, Title: title}
				if err := activity.Log(ctx, tx, seller, entry); err != nil {
					return err
				}
			}
			return nil
		})
	}()
	return p
}

func (p *pending) commit() error {
	close(p.log)
	return <-p.done
}

func TestEntriesAreFoundOnceTheyAreCommittedInWhateverOrder(t *testing.T) {
	t.Parallel()
	db, seller := open(t)
	activityLog(t, db, seller, "before")
	f := follow(t, db, seller)
	f.expect(t)
	early := begin(t.Context(), db, seller)
	early.log <- "written first"
	early.log <- "written second" // the first one is written when this one is taken
	activityLog(t, db, seller, "committed first")
	f.expect(t, "committed first")
	activityLog(t, db, seller, "committed second")
	f.expect(t, "committed second")
	f.expect(t)
	if err := early.commit(); err != nil {
		t.Fatalf("commit: %v", err)
	}
	f.expect(t, "written first", "written second")
	f.expect(t)
}

func activityLog(t *testing.T, db *postgres.DB, seller postgres.SellerID, title string) {
	t.Helper()
	write(t, db, seller, func(ctx context.Context, tx *postgres.Tx) error {
		return activity.Log(ctx, tx, seller, activity.Entry{Level: activity.Info, Code: activity.JobFailed, Title: title})
	})
}

func TestGoingFromMarkToMarkFindsEveryEntryOnce(t *testing.T) {
	t.Parallel()
	db, seller := open(t)
	rapid.Check(t, func(t *rapid.T) {
		ctx := context.Background()
		f := &follower{db: db, seller: seller}
		err := db.Seller(seller).Read(ctx, func(ctx context.Context, tx *postgres.Tx) (err error) {
			f.mark, err = activity.Now(ctx, tx)
			return err
		})
		if err != nil {
			t.Fatalf("Now: %v", err)
		}
		var want, got []string
		var running []*pending
		written := make(map[*pending][]string)
		commit := func(i int) {
			p := running[i]
			running = slices.Delete(running, i, i+1)
			if err := p.commit(); err != nil {
				t.Fatalf("commit: %v", err)
			}
			want = append(want, written[p]...)
		}
		read := func() {
			found, err := f.next(ctx)
			if err != nil {
				t.Fatalf("Since: %v", err)
			}
			got = append(got, found...)
		}
		for step := range rapid.IntRange(1, 15).Draw(t, "steps") {
			switch action := rapid.IntRange(0, 3).Draw(t, "action"); {
			case action == 0 && len(running) < 3:
				running = append(running, begin(ctx, db, seller))
			case action == 1 && len(running) > 0:
				p := running[rapid.IntRange(0, len(running)-1).Draw(t, "writer")]
				title := fmt.Sprint(step)
				p.log <- title
				written[p] = append(written[p], title)
			case action == 2 && len(running) > 0:
				commit(rapid.IntRange(0, len(running)-1).Draw(t, "committer"))
			default:
				read()
			}
		}
		for len(running) > 0 {
			commit(0)
		}
		read()
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Fatalf("found %q, want %q, each once", got, want)
		}
	})
}

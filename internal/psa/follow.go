package psa

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"crosswalk/internal/postgres"
	"crosswalk/internal/startstop"
)

const (
	// followTime bounds how long the mirror may take to follow one answer, its turn included.
	followTime = 10 * time.Second
	// mostLookedFor bounds how many missing records are looked for once more after one answer, where each costs a call, and
	// lookingTime for how long.
	mostLookedFor = 20
	lookingTime   = followTime / 2
)

// follower is the life of what lets mirrors follow look-ups.
type follower struct {
	db   *postgres.DB
	log  *slog.Logger
	life startstop.Service
	// begun is closed once what is found is followed.
	begun chan struct{}

	mu sync.Mutex
	// ctx is what following goes on under; nil before its start and after its end.
	ctx       context.Context
	following sync.WaitGroup
}

func (f *follower) start(ctx context.Context) error {
	if err := f.life.Start(ctx, f.run); err != nil {
		return err
	}
	<-f.begun
	return nil
}

func (f *follower) run(ctx context.Context) {
	f.mu.Lock()
	f.ctx = ctx
	f.mu.Unlock()
	close(f.begun)
	<-ctx.Done()
	f.mu.Lock()
	f.ctx = nil
	f.mu.Unlock()
	f.following.Wait()
}

// enter returns what to follow one answer under, and how to end that; nil where nothing is followed.
func (f *follower) enter() (context.Context, func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ctx == nil || f.db == nil {
		return nil, nil
	}
	f.following.Add(1)
	ctx, cancel := context.WithTimeout(f.ctx, followTime)
	return ctx, func() {
		cancel()
		f.following.Done()
	}
}

// following is a mirror as far as it follows look-ups.
type following[T any] interface {
	follow(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID, records []T, age time.Duration) error
	followGone(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID, ids []RecordID, age time.Duration) error
	standing(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID, ids []RecordID, most int) ([]RecordID, error)
}

// answer is what ConnectWise answered, by record number.
type answer[T any] struct {
	asked time.Time
	found []T
	gone  []RecordID
}

func newAnswer[T any](asked time.Time, settled map[RecordID]*entry[T]) answer[T] {
	a := answer[T]{asked: asked}
	for _, id := range slices.Sorted(maps.Keys(settled)) {
		if e := settled[id]; e.found {
			a.found = append(a.found, e.record)
		} else {
			a.gone = append(a.gone, id)
		}
	}
	return a
}

// follow lets the mirror follow an answer. Answers about one seller's records of a kind take turns. What cannot be written now is
// written when it is looked up again.
func (b *Book[T]) follow(seller postgres.SellerID, a answer[T]) {
	ctx, leave := b.follower.enter()
	if ctx == nil {
		return
	}
	defer leave()
	turn := b.turn(seller)
	select {
	case turn <- struct{}{}:
		defer func() { <-turn }()
	case <-ctx.Done():
		return
	}
	if err := b.write(ctx, seller, a); err != nil {
		level := slog.LevelWarn
		if ctx.Err() != nil {
			level = slog.LevelDebug
		}
		b.follower.log.Log(ctx, level, "the mirror did not follow a look-up", "seller", seller.String(), "error", err)
	}
}

func (b *Book[T]) turn(seller postgres.SellerID) chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	turn := b.turns[seller]
	if turn == nil {
		turn = make(chan struct{}, 1)
		b.turns[seller] = turn
	}
	return turn
}

func (b *Book[T]) write(ctx context.Context, seller postgres.SellerID, a answer[T]) error {
	db := b.follower.db.Seller(seller)
	if b.has != nil && len(a.gone) > 0 {
		var missing []RecordID
		err := db.ReadOne(ctx, func(ctx context.Context, tx *postgres.Tx) (err error) {
			missing, err = b.mirror.standing(ctx, tx, seller, a.gone, mostLookedFor)
			return err
		})
		if err != nil {
			return err
		}
		looking, cancel := context.WithTimeout(Background(ctx), lookingTime)
		defer cancel()
		a.gone = slices.DeleteFunc(missing, func(id RecordID) bool { return b.isThere(looking, seller, id) })
	}
	if b.whole != nil {
		a.found = slices.DeleteFunc(a.found, func(record T) bool { return !b.whole(record) })
	}
	if len(a.found)+len(a.gone) == 0 {
		return nil
	}
	return db.Write(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		// The transaction has begun, so that its own time less this age is no later than when ConnectWise was asked.
		age := time.Since(a.asked)
		if err := b.mirror.follow(ctx, tx, seller, a.found, age); err != nil {
			return err
		}
		return b.mirror.followGone(ctx, tx, seller, a.gone, age)
	})
}

// olderCopies are the copies that an answer of the age $3 tells of, locked. Those that were made since ConnectWise was asked, or
// that come from a later change there, know better. So does who is writing one right now: nobody is waited for, and nobody can wait
// for this in a circle. There is nothing to insert, so that no record of a former ConnectWise comes back.
const olderCopies = `
			AND m.mirrored_at < now() - make_interval(secs => $3)
		ORDER BY m.record_id
		FOR NO KEY UPDATE OF m SKIP LOCKED`

// follow changes the copies that differ from what ConnectWise answered some time ago.
func (m *Mirror[T, R]) follow(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID, records []T, age time.Duration) error {
	if len(records) == 0 {
		return nil
	}
	data, types, err := m.encode(records)
	if err != nil {
		return err
	}
	updates := make([]string, len(m.columns))
	for i, c := range m.columns {
		updates[i] = c.name + " = told." + c.name
	}
	_, err = tx.ExecContext(ctx, `
		WITH told AS (
			SELECT `+m.names("r.")+`
			FROM json_to_recordset($2) AS r (`+types+`)
			JOIN `+m.table+` m ON m.seller_id = $1 AND m.record_id = r.record_id
			WHERE (`+m.names("m.")+`) IS DISTINCT FROM (`+m.names("r.")+`)
				AND (m.last_updated > r.last_updated) IS NOT TRUE`+olderCopies+`
		)
		UPDATE `+m.table+` AS m
		SET `+strings.Join(updates, ", ")+`, mirrored_at = now()
		FROM told
		WHERE m.seller_id = $1
			AND m.record_id = told.record_id`,
		seller, data, age.Seconds())
	if err != nil {
		return fmt.Errorf("follow %s: %w", m.noun, err)
	}
	return nil
}

// followGone marks the copies of records as deleted that ConnectWise did not have some time ago.
func (m *Mirror[T, R]) followGone(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID, ids []RecordID, age time.Duration) error {
	if len(ids) == 0 {
		return nil
	}
	_, err := tx.ExecContext(ctx, `
		WITH told AS (
			SELECT m.record_id
			FROM `+m.table+` m
			WHERE m.seller_id = $1
				AND m.record_id = ANY($2)
				AND NOT m.deleted`+olderCopies+`
		)
		UPDATE `+m.table+` AS m
		SET deleted = true, mirrored_at = now()
		FROM told
		WHERE m.seller_id = $1
			AND m.record_id = told.record_id`,
		seller, ids, age.Seconds())
	if err != nil {
		return fmt.Errorf("follow %s that are gone: %w", m.noun, err)
	}
	return nil
}

// standing returns the records of ids whose copies are not marked as deleted, the first few of them.
func (m *Mirror[T, R]) standing(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID, ids []RecordID, most int) ([]RecordID, error) {
	var found []RecordID
	err := tx.SelectContext(ctx, &found, `
		SELECT record_id
		FROM `+m.table+`
		WHERE seller_id = $1
			AND record_id = ANY($2)
			AND NOT deleted
		ORDER BY record_id
		LIMIT $3`,
		seller, ids, most)
	if err != nil {
		return nil, fmt.Errorf("find %s that are gone: %w", m.noun, err)
	}
	return found, nil
}

package loaders

import (
	"context"
	"sync"

	"github.com/graph-gophers/dataloader/v7"

	"crosswalk/internal/psa"
)

// Loader looks up the ConnectWise records of one kind for one operation.
type Loader[T any] struct {
	*dataloader.Loader[psa.RecordID, Found[T]]
	lookUp func([]psa.RecordID) (map[psa.RecordID]Found[T], error)

	mu        sync.Mutex
	announced []psa.RecordID
	lookUps   map[psa.RecordID]*lookedUp[T]
}

// lookedUp is one look-up and, once done is closed, what came of it.
type lookedUp[T any] struct {
	done  chan struct{}
	found map[psa.RecordID]Found[T]
	err   error
}

// newLoader returns a loader whose batches run with the operation's context rather than that of the row
// that happened to ask first.
func newLoader[T any](ctx context.Context, s *Set, k kind[T]) *Loader[T] {
	l := &Loader[T]{
		lookUp:  func(ids []psa.RecordID) (map[psa.RecordID]Found[T], error) { return lookUp(ctx, s, k, ids) },
		lookUps: make(map[psa.RecordID]*lookedUp[T]),
	}
	l.Loader = dataloader.NewBatchedLoader(l.batch,
		dataloader.WithWait[psa.RecordID, Found[T]](window),
		dataloader.WithBatchCapacity[psa.RecordID, Found[T]](capacity))
	return l
}

// Announce names records that the rows of a page may ask for. The first row to ask has all of them looked up,
// so that a page costs as few calls as its ids allow, however its asks are spread over time, and fails once
// where ConnectWise fails. Where no row asks, nothing is looked up.
func (l *Loader[T]) Announce(ids ...psa.RecordID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.announced = append(l.announced, ids...)
}

// batch answers the asks of a moment. The look-ups they are part of may have been begun by an earlier batch.
func (l *Loader[T]) batch(_ context.Context, ids []psa.RecordID) []*dataloader.Result[Found[T]] {
	asked := l.ask(ids)
	results := make([]*dataloader.Result[Found[T]], len(ids))
	for i, id := range ids {
		<-asked[i].done
		results[i] = &dataloader.Result[Found[T]]{Data: asked[i].found[id], Error: asked[i].err}
	}
	return results
}

// ask returns the look-up that each id is part of, and makes the one of those that no batch has asked for yet.
func (l *Loader[T]) ask(ids []psa.RecordID) []*lookedUp[T] {
	mine := &lookedUp[T]{done: make(chan struct{})}
	defer close(mine.done)
	asked, missing := l.claim(ids, mine)
	if len(missing) > 0 {
		mine.found, mine.err = l.lookUp(missing)
	}
	return asked
}

// claim makes the ids without a look-up part of mine, and with them all that were announced.
func (l *Loader[T]) claim(ids []psa.RecordID, mine *lookedUp[T]) (asked []*lookedUp[T], missing []psa.RecordID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range append(l.announced, ids...) {
		if l.lookUps[id] == nil {
			l.lookUps[id] = mine
			missing = append(missing, id)
		}
	}
	l.announced = nil
	for _, id := range ids {
		asked = append(asked, l.lookUps[id])
	}
	return asked, missing
}

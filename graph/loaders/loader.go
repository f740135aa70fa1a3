package loaders

import (
	"context"
	"sync"

	"github.com/graph-gophers/dataloader/v7"
	"go.opentelemetry.io/otel/trace"

	"crosswalk/internal/psa"
)

// Loader looks up the things of one kind, V by K, for one operation. Most operations need few of the kinds there are, so that
// a loader costs next to nothing until it is asked.
type Loader[K comparable, V any] struct {
	// batched collects the asks of a moment, once somebody asks.
	batched *dataloader.Loader[K, V]
	begin   sync.Once
	// ctx is the operation's, rather than that of the row that happens to ask first.
	ctx    context.Context
	lookUp func(context.Context, []K) (map[K]V, error)

	mu        sync.Mutex
	announced []K
	lookUps   map[K]*lookedUp[K, V]
}

// Records looks up ConnectWise records of one kind, by number.
type Records[T any] = Loader[psa.RecordID, Found[T]]

// Rows looks up rows of ours that other rows belong to, by number.
type Rows[T any] = Loader[int64, T]

// lookedUp is one look-up and, once done is closed, what came of it.
type lookedUp[K comparable, V any] struct {
	done  chan struct{}
	found map[K]V
	err   error
}

func newLoader[K comparable, V any](ctx context.Context, lookUp func(context.Context, []K) (map[K]V, error)) *Loader[K, V] {
	return &Loader[K, V]{ctx: ctx, lookUp: lookUp}
}

// Load asks for one thing, and returns what waits for it. Asks of the same moment are one look-up.
func (l *Loader[K, V]) Load(ctx context.Context, id K) func() (V, error) {
	l.begin.Do(func() {
		l.batched = dataloader.NewBatchedLoader(l.batch, dataloader.WithWait[K, V](window), dataloader.WithBatchCapacity[K, V](capacity))
	})
	return l.batched.Load(ctx, id)
}

// Announce names what the rows of a page may ask for. The first row to ask has all of it looked up, so that a
// page costs one read, or as few calls as its ids allow, however its asks are spread over time, and fails once
// where ConnectWise fails. Where no row asks, nothing is looked up.
func (l *Loader[K, V]) Announce(ids ...K) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.announced = append(l.announced, ids...)
}

// batch answers the asks of a moment. The look-ups they are part of may have been begun by an earlier batch. In
// traces, a look-up belongs to the row that asked first.
func (l *Loader[K, V]) batch(row context.Context, ids []K) []*dataloader.Result[V] {
	asked := l.ask(trace.ContextWithSpan(l.ctx, trace.SpanFromContext(row)), ids)
	results := make([]*dataloader.Result[V], len(ids))
	for i, id := range ids {
		<-asked[i].done
		results[i] = &dataloader.Result[V]{Data: asked[i].found[id], Error: asked[i].err}
	}
	return results
}

// LoadAll returns what is found for ids, in their order, without waiting for others to ask.
func (l *Loader[K, V]) LoadAll(ctx context.Context, ids []K) ([]V, error) {
	asked := l.ask(trace.ContextWithSpan(l.ctx, trace.SpanFromContext(ctx)), ids)
	found := make([]V, len(ids))
	for i, id := range ids {
		<-asked[i].done
		if asked[i].err != nil {
			return nil, asked[i].err
		}
		found[i] = asked[i].found[id]
	}
	return found, nil
}

// ask returns the look-up that each id is part of, and makes the one of those that no batch has asked for yet.
func (l *Loader[K, V]) ask(ctx context.Context, ids []K) []*lookedUp[K, V] {
	mine := &lookedUp[K, V]{done: make(chan struct{})}
	defer close(mine.done)
	asked, missing := l.claim(ids, mine)
	if len(missing) > 0 {
		mine.found, mine.err = l.lookUp(ctx, missing)
	}
	return asked
}

// claim makes the ids without a look-up part of mine, and with them all that were announced.
func (l *Loader[K, V]) claim(ids []K, mine *lookedUp[K, V]) (asked []*lookedUp[K, V], missing []K) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lookUps == nil {
		l.lookUps = make(map[K]*lookedUp[K, V], max(len(l.announced), len(ids)))
	}
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

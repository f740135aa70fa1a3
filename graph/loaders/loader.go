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
	set     *Set
	// lookUp returns what is found for ids, in their order; the zero value where there is nothing.
	lookUp func(context.Context, *Set, []K) ([]V, error)

	mu        sync.Mutex
	announced []K
	asked     map[K]place[V]
}

// Records looks up ConnectWise records of one kind, by number.
type Records[T any] = Loader[psa.RecordID, Found[T]]

// Rows looks up rows of ours that other rows belong to, by number.
type Rows[T any] = Loader[int64, T]

// lookedUp is one look-up and, once done is closed, what came of it.
type lookedUp[V any] struct {
	done  chan struct{}
	found []V
	err   error
}

// place is where in a look-up something is found.
type place[V any] struct {
	*lookedUp[V]
	at int
}

// wait returns what was found, which others get, too.
func (p place[V]) wait() (*V, error) {
	<-p.done
	if p.err != nil {
		return nil, p.err
	}
	return &p.found[p.at], nil
}

func newLoader[K comparable, V any](set *Set, lookUp func(context.Context, *Set, []K) ([]V, error)) *Loader[K, V] {
	return &Loader[K, V]{set: set, lookUp: lookUp}
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
	results := make([]*dataloader.Result[V], len(ids))
	for i, asked := range l.ask(row, ids) {
		results[i] = &dataloader.Result[V]{}
		if found, err := asked.wait(); err != nil {
			results[i].Error = err
		} else {
			results[i].Data = *found
		}
	}
	return results
}

// LoadAll returns what is found for ids, in their order, without waiting for others to ask. Nobody may change it.
func (l *Loader[K, V]) LoadAll(ctx context.Context, ids []K) ([]*V, error) {
	all := make([]*V, len(ids))
	for i, asked := range l.ask(ctx, ids) {
		var err error
		if all[i], err = asked.wait(); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// ask returns the place of each id, and makes the look-up of those that nobody has asked for yet, for the operation, whoever's
// row happens to be the first.
func (l *Loader[K, V]) ask(row context.Context, ids []K) []place[V] {
	mine := &lookedUp[V]{done: make(chan struct{})}
	defer close(mine.done)
	places, missing := l.claim(ids, mine)
	if len(missing) > 0 {
		mine.found, mine.err = l.lookUp(trace.ContextWithSpan(l.set.ctx, trace.SpanFromContext(row)), l.set, missing)
	}
	return places
}

// claim makes the ids that nobody has asked for part of mine, and with them all that were announced.
func (l *Loader[K, V]) claim(ids []K, mine *lookedUp[V]) (places []place[V], missing []K) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.asked == nil {
		l.asked = make(map[K]place[V], max(len(l.announced), len(ids)))
	}
	claim := func(id K) place[V] {
		known, ok := l.asked[id]
		if !ok {
			known = place[V]{mine, len(missing)}
			l.asked[id] = known
			missing = append(missing, id)
		}
		return known
	}
	for _, id := range l.announced {
		claim(id)
	}
	l.announced = nil
	places = make([]place[V], len(ids))
	for i, id := range ids {
		places[i] = claim(id)
	}
	return places, missing
}

// inOrder returns what was found for ids in their order.
func inOrder[K comparable, V any](ids []K, found map[K]V) []V {
	all := make([]V, len(ids))
	for i, id := range ids {
		all[i] = found[id]
	}
	return all
}

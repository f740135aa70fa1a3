package notify

import "sync"

// Watchers tell those who watch something when it may have changed. What K names is announced on one channel;
// however many watch, one subscription serves them. They are safe for concurrent use.
type Watchers[K comparable] struct {
	subscribe func() (payloads <-chan string, unsubscribe func())
	key       func(payload string) (K, error)

	mu          sync.Mutex
	watching    map[K]map[chan struct{}]struct{}
	unsubscribe func()
}

// NewWatchers returns watchers of what is announced on a channel. key tells from a payload what it is about;
// a payload it cannot read may be about anything.
func NewWatchers[K comparable](listener *Listener, channel string, key func(payload string) (K, error)) *Watchers[K] {
	return &Watchers[K]{
		subscribe: func() (<-chan string, func()) { return listener.Subscribe(channel) },
		key:       key,
		watching:  make(map[K]map[chan struct{}]struct{}),
	}
}

// Watch returns a channel that has a value when key may have changed since the last one was taken, however
// often that was, and a function that ends the watch. Whatever commits after Watch has returned leaves a value,
// late where the connection was lost; there may be values without a change.
func (w *Watchers[K]) Watch(key K) (changed <-chan struct{}, stop func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.watching) == 0 {
		payloads, unsubscribe := w.subscribe()
		w.unsubscribe = unsubscribe
		go w.pass(payloads)
	}
	if w.watching[key] == nil {
		w.watching[key] = make(map[chan struct{}]struct{})
	}
	own := make(chan struct{}, 1)
	w.watching[key][own] = struct{}{}
	return own, sync.OnceFunc(func() { w.stop(key, own) })
}

func (w *Watchers[K]) stop(key K, own chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.watching[key], own)
	if len(w.watching[key]) == 0 {
		delete(w.watching, key)
	}
	if len(w.watching) == 0 {
		w.unsubscribe()
	}
}

// pass goes on until the subscription ends.
func (w *Watchers[K]) pass(payloads <-chan string) {
	for payload := range payloads {
		key, err := w.key(payload)
		if payload == Missed || err != nil {
			w.signalAll()
			continue
		}
		w.mu.Lock()
		for watcher := range w.watching[key] {
			signal(watcher)
		}
		w.mu.Unlock()
	}
}

func (w *Watchers[K]) signalAll() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, watchers := range w.watching {
		for watcher := range watchers {
			signal(watcher)
		}
	}
}

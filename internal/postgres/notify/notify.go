// Package notify brings PostgreSQL's notifications to whoever wants them in this process.
//
// One Listener holds one connection, outside the pool, and hands what arrives on a channel to every
// subscriber of that channel. It promises that nothing is missed silently: where notifications may have been
// lost, because listening only began, the connection broke or a subscriber did not keep up, the subscriber
// gets Missed and looks at everything. It does not know what any payload means. Start reading at Listener.
package notify

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/lib/pq"

	"crosswalk/internal/postgres"
	"crosswalk/internal/startstop"
)

// Missed is the payload that says: there may have been notifications nobody saw, look at everything.
const Missed = ""

const (
	pingEvery = 15 * time.Second
	// patience is how long connecting, and each statement, may take before the connection is given up.
	patience     = 10 * time.Second
	maxReconnect = 5 * time.Second
	// subscriberBuffer is how far a subscriber may be behind before what it has not read becomes one Missed.
	subscriberBuffer = 64
)

// Listener receives notifications while it runs and reconnects when it must. It is safe for concurrent use.
type Listener struct {
	dsn  string
	log  *slog.Logger
	life startstop.Service
	// wanted has a value when a channel may have been subscribed to that the connection does not listen to.
	wanted chan struct{}

	mu          sync.Mutex
	subscribers map[string]map[*subscriber]struct{}
	listening   map[string]bool // on the present connection; empty while there is none
	stopped     bool
}

// NewListener returns a listener for the database of db. A nil log means slog.Default.
func NewListener(db *postgres.DB, log *slog.Logger) *Listener {
	return newListener(db.DSN(), log)
}

func newListener(dsn string, log *slog.Logger) *Listener {
	return &Listener{
		dsn:         dsn,
		log:         cmp.Or(log, slog.Default()),
		wanted:      make(chan struct{}, 1),
		subscribers: make(map[string]map[*subscriber]struct{}),
		listening:   make(map[string]bool),
	}
}

// Start begins to connect and returns at once; a database that is away is waited for.
func (l *Listener) Start(ctx context.Context) error { return l.life.Start(ctx, l.run) }

// Stop closes the connection and the channels of all subscribers.
func (l *Listener) Stop(ctx context.Context) error { return l.life.Stop(ctx) }

// Subscribe returns the payloads that arrive on the channel, and a function that ends the subscription. The
// first value is Missed and comes when listening has begun: from then on nothing is lost without another
// Missed. The returned channel is closed when the subscription ends or the listener stops. Subscribe may be
// called before Start.
func (l *Listener) Subscribe(channel string) (payloads <-chan string, unsubscribe func()) {
	s := &subscriber{payloads: make(chan string, subscriberBuffer)}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped {
		close(s.payloads)
		return s.payloads, func() {}
	}
	if l.subscribers[channel] == nil {
		l.subscribers[channel] = make(map[*subscriber]struct{})
	}
	l.subscribers[channel][s] = struct{}{}
	if l.listening[channel] {
		s.offer(Missed)
	} else {
		signal(l.wanted)
	}
	return s.payloads, func() { l.unsubscribe(channel, s) }
}

func (l *Listener) unsubscribe(channel string, s *subscriber) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, subscribed := l.subscribers[channel][s]; subscribed {
		delete(l.subscribers[channel], s)
		close(s.payloads)
	}
}

// run keeps a connection until ctx ends.
func (l *Listener) run(ctx context.Context) {
	defer l.closeSubscribers()
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval = 50*time.Millisecond, maxReconnect
	for {
		err := l.listen(ctx, wait.Reset)
		if ctx.Err() != nil {
			return
		}
		pause := wait.NextBackOff()
		l.log.WarnContext(ctx, "listening for notifications was interrupted", "error", err, "retry_in", pause)
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// listen holds one connection until it breaks or ctx ends, and calls ready when it listens.
//
// It uses pq's ListenerConn rather than its Listener because the latter cannot be closed while it waits for a
// server that has gone silent.
func (l *Listener) listen(ctx context.Context, ready func()) error {
	arriving := make(chan *pq.Notification, subscriberBuffer)
	conn, err := connect(ctx, l.dsn, arriving)
	if err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for n := range arriving {
			l.deliver(n.Channel, n.Extra)
		}
	}()
	defer func() {
		_ = conn.Close()
		<-ended
		l.mu.Lock()
		clear(l.listening)
		l.mu.Unlock()
	}()
	ping := time.NewTicker(pingEvery)
	defer ping.Stop()
	for {
		if err := l.listenToWanted(ctx, conn); err != nil {
			return err
		}
		ready()
		select {
		case <-ctx.Done():
			return nil
		case <-ended:
			return fmt.Errorf("the connection broke: %w", conn.Err())
		case <-l.wanted:
		case <-ping.C:
			if err := execute(ctx, conn, ""); err != nil {
				return fmt.Errorf("ping: %w", err)
			}
		}
	}
}

// listenToWanted listens to every channel somebody subscribed to that conn does not listen to yet. A channel
// once listened to stays so while the connection lives.
func (l *Listener) listenToWanted(ctx context.Context, conn *pq.ListenerConn) error {
	for _, channel := range l.unheard() {
		if err := execute(ctx, conn, "LISTEN "+pq.QuoteIdentifier(channel)); err != nil {
			return fmt.Errorf("listen to %s: %w", channel, err)
		}
		l.mu.Lock()
		l.listening[channel] = true
		for s := range l.subscribers[channel] {
			s.offer(Missed)
		}
		l.mu.Unlock()
	}
	return nil
}

func (l *Listener) unheard() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var channels []string
	for channel, subscribers := range l.subscribers {
		if len(subscribers) > 0 && !l.listening[channel] {
			channels = append(channels, channel)
		}
	}
	return channels
}

func (l *Listener) deliver(channel, payload string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.listening[channel] {
		return // the Missed that is about to be sent stands for it
	}
	for s := range l.subscribers[channel] {
		s.offer(payload)
	}
}

func (l *Listener) closeSubscribers() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stopped = true
	for _, subscribers := range l.subscribers {
		for s := range subscribers {
			close(s.payloads)
		}
	}
	clear(l.subscribers)
}

// subscriber is used under the listener's lock, which makes offer its only sender.
type subscriber struct{ payloads chan string }

// offer never blocks: where there is no room, one Missed replaces everything the subscriber has not read.
func (s *subscriber) offer(payload string) {
	select {
	case s.payloads <- payload:
		return
	default:
	}
	for {
		select {
		case <-s.payloads:
		default:
			s.payloads <- Missed
			return
		}
	}
}

// connect opens a connection that sends what arrives to arriving and closes it at its end. The driver cannot
// be told to hurry, so a connection that comes too late is closed when it comes.
func connect(ctx context.Context, dsn string, arriving chan<- *pq.Notification) (*pq.ListenerConn, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	type result struct {
		conn *pq.ListenerConn
		err  error
	}
	opened := make(chan result, 1)
	go func() {
		conn, err := pq.NewListenerConn(dsn, arriving)
		opened <- result{conn, err}
	}()
	select {
	case r := <-opened:
		if r.err != nil {
			return nil, fmt.Errorf("connect: %w", r.err)
		}
		return r.conn, nil
	case <-ctx.Done():
		go func() {
			if r := <-opened; r.err == nil {
				_ = r.conn.Close()
			}
		}()
		return nil, fmt.Errorf("connect: %w", ctx.Err())
	}
}

// execute runs one statement. A connection that does not answer in time is closed.
func execute(ctx context.Context, conn *pq.ListenerConn, statement string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	keep := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer keep()
	_, err := conn.ExecSimpleQuery(statement)
	return err
}

// signal leaves a value in a channel of room one, unless there is one already.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

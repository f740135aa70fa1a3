package connectwise

import (
	"context"
	"sync"

	"crosswalk/internal/postgres"
	"crosswalk/internal/psa"
)

// Settings finds how to reach a seller's ConnectWise as it is saved now, with a revision that grows
// whenever that changes. It returns psa.ErrNotConnected where nothing is saved.
type Settings func(ctx context.Context, seller postgres.SellerID) (config Config, revision int, err error)

// Pool keeps one Client for each seller, because a client's rate limit and circuit breaker only work when
// every call goes through them. It implements psa.Clients and is safe for concurrent use.
type Pool struct {
	settings Settings

	mu      sync.Mutex
	clients map[postgres.SellerID]*pooled
}

type pooled struct {
	*Client
	revision int
}

// NewPool returns a Pool over the settings.
func NewPool(settings Settings) *Pool {
	return &Pool{settings: settings, clients: make(map[postgres.SellerID]*pooled)}
}

// Client returns the seller's client for the connection as it is saved now. One that this server cannot use, because it may not reach
// such addresses, is as good as a ConnectWise that does not answer.
func (p *Pool) Client(ctx context.Context, seller postgres.SellerID) (psa.Client, error) {
	config, revision, err := p.settings(ctx, seller)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	current := p.clients[seller]
	if current != nil && current.revision >= revision {
		return current.Client, nil
	}
	client, err := NewClient(config)
	if err != nil {
		return nil, &psa.UnavailableError{Reason: "The saved ConnectWise connection cannot be used by this server", Err: err}
	}
	if current != nil {
		current.Close()
	}
	p.clients[seller] = &pooled{Client: client, revision: revision}
	return client, nil
}

// Health returns what is known of the seller's ConnectWise; before the first call nothing is, and that is healthy.
func (p *Pool) Health(seller postgres.SellerID) psa.Health {
	p.mu.Lock()
	defer p.mu.Unlock()
	if current := p.clients[seller]; current != nil {
		return current.Health()
	}
	return psa.Health{Circuit: psa.CircuitClosed}
}

// Circuits counts the clients by the state of their circuit breakers. A seller whose ConnectWise nobody has asked
// for is not counted.
func (p *Pool) Circuits() map[psa.Circuit]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	counts := make(map[psa.Circuit]int)
	for _, client := range p.clients {
		counts[client.Health().Circuit]++
	}
	return counts
}

// Close ends every client's idle connections.
func (p *Pool) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, client := range p.clients {
		client.Close()
	}
	clear(p.clients)
}

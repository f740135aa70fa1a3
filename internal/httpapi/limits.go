package httpapi

import (
	"cmp"
	"time"
)

// Limits bound what one caller and one request may cost. A zero value means
// the default; to lift a limit, set a very large number.
type Limits struct {
	// BodyBytes bounds the body of a request and a WebSocket message: 4 MiB.
	BodyBytes int64
	// Tokens bounds the length of a document in lexical tokens: 15,000.
	Tokens int
	// Depth bounds how deep fields may be nested, introspection aside: 15.
	Depth int
	// Aliases bounds how many fields may be renamed: 100.
	Aliases int
	// Directives bounds how many directives a document may hold: 50.
	Directives int
	// Cost bounds what Config.Cost says of an operation: 250,000.
	Cost int
	// ExecutionTime bounds a query or mutation, not a subscription: 30 s.
	ExecutionTime time.Duration
	// ConcurrentOperations bounds how many queries and mutations of one token
	// run at a time: as many as come.
	ConcurrentOperations int
	// OperationsPerMinute bounds how many operations one token may send: as
	// many as it likes. So many may come at once; then they are let in at this
	// pace.
	OperationsPerMinute int
	// Subscriptions bounds how many subscriptions of one token are open at a
	// time: 20.
	Subscriptions int
	// CachedDocuments is how many parsed documents are remembered, and how many
	// texts for those who send hashes: 1,000 of each.
	CachedDocuments int
	// StreamTrust is how long a stream goes on before its token is checked again: 5 s.
	StreamTrust time.Duration
}

// unlimited is more than anything that is counted.
const unlimited = 1 << 30

func (l Limits) withDefaults() Limits {
	return Limits{
		BodyBytes:            cmp.Or(l.BodyBytes, 4<<20),
		Tokens:               cmp.Or(l.Tokens, 15_000),
		Depth:                cmp.Or(l.Depth, 15),
		Aliases:              cmp.Or(l.Aliases, 100),
		Directives:           cmp.Or(l.Directives, 50),
		Cost:                 cmp.Or(l.Cost, 250_000),
		ExecutionTime:        cmp.Or(l.ExecutionTime, 30*time.Second),
		ConcurrentOperations: cmp.Or(l.ConcurrentOperations, unlimited),
		OperationsPerMinute:  cmp.Or(l.OperationsPerMinute, unlimited),
		Subscriptions:        cmp.Or(l.Subscriptions, 20),
		CachedDocuments:      cmp.Or(l.CachedDocuments, 1000),
		StreamTrust:          cmp.Or(l.StreamTrust, 5*time.Second),
	}
}

// Limit names a bound that a request went beyond. Errors name it in
// extensions.limit.
type Limit string

// The limits there are. Batch and repeats are not in Limits: they are the same
// everywhere.
const (
	LimitBody                 Limit = "body"
	LimitBatch                Limit = "batch"
	LimitTokens               Limit = "tokens"
	LimitDepth                Limit = "depth"
	LimitAliases              Limit = "aliases"
	LimitDirectives           Limit = "directives"
	LimitRepeats              Limit = "repeats"
	LimitCost                 Limit = "cost"
	LimitExecutionTime        Limit = "executionTime"
	LimitConcurrentOperations Limit = "concurrentOperations"
	LimitOperationsPerMinute  Limit = "operationsPerMinute"
	LimitSubscriptions        Limit = "subscriptions"
)

// Observer is told what the limits do, for metrics. Its methods are called by
// many goroutines at once and must not block.
type Observer interface {
	// LimitReached is called once for every operation that a limit refuses or
	// stops.
	LimitReached(limit Limit)
}

// unobserved is the Observer where nobody wants to know.
type unobserved struct{}

func (unobserved) LimitReached(Limit) {}

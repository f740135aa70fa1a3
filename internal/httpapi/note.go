package httpapi

import (
	"context"
	"log/slog"
	"slices"
	"sync"

	"github.com/99designs/gqlgen/graphql"

	"crosswalk/internal/account"
)

// note collects, while a request is served, what its line in the access log
// says. A nil note takes everything and keeps nothing.
type note struct {
	mu        sync.Mutex
	who       *account.Identity
	operation string
	kind      string
	codes     []string
	hidden    int
}

type noteKey struct{}

func withNote(ctx context.Context, n *note) context.Context {
	return context.WithValue(ctx, noteKey{}, n)
}

func noteOf(ctx context.Context) *note {
	n, _ := ctx.Value(noteKey{}).(*note)
	return n
}

// comesFrom keeps who asks.
func (n *note) comesFrom(identity account.Identity) {
	if n == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.who = &identity
}

// runs keeps what is executed; on a WebSocket, the latest.
func (n *note) runs(operation *graphql.OperationContext) {
	if n == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.operation = shorten(operation.Operation.Name, maxQuoted)
	n.kind = string(operation.Operation.Operation)
}

// failed keeps the code of an error, each once.
func (n *note) failed(code string) {
	if n == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if !slices.Contains(n.codes, code) {
		n.codes = append(n.codes, code)
	}
}

// maxHiddenErrors is how many errors of one request are logged in full.
const maxHiddenErrors = 5

func (n *note) mayLogHidden() bool {
	if n == nil {
		return true
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hidden++
	return n.hidden <= maxHiddenErrors
}

// attributes is what was kept, for the log.
func (n *note) attributes() []slog.Attr {
	n.mu.Lock()
	defer n.mu.Unlock()
	var attributes []slog.Attr
	if n.kind != "" {
		attributes = append(attributes, slog.String("operation", n.operation), slog.String("operation_type", n.kind))
	}
	attributes = append(attributes, n.callerLocked()...)
	if len(n.codes) > 0 {
		attributes = append(attributes, slog.Any("errors", n.codes))
	}
	return attributes
}

// caller is who asks, for the log.
func (n *note) caller() []slog.Attr {
	if n == nil {
		return nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.callerLocked()
}

func (n *note) callerLocked() []slog.Attr {
	if n.who == nil {
		return nil
	}
	return []slog.Attr{slog.String("seller", n.who.Seller.String()), slog.String("subject", n.who.Subject)}
}

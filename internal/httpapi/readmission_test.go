package httpapi_test

import (
	"context"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"crosswalk/internal/account"
	"crosswalk/internal/httpapi"
)

// revocable knows the tokens that tokens knows until they are revoked, and somebody else by them afterwards if there is one.
type revocable struct {
	tokens
	revoked atomic.Bool
	heir    *account.Identity
}

func (r *revocable) Authenticate(ctx context.Context, token string) (account.Identity, error) {
	switch {
	case !r.revoked.Load():
		return r.tokens.Authenticate(ctx, token)
	case r.heir != nil:
		return *r.heir, nil
	}
	return account.Identity{}, account.ErrUnauthenticated
}

func TestAnOperationOverAnOpenWebSocketNeedsAValidTokenStill(t *testing.T) {
	t.Parallel()
	for name, heir := range map[string]*account.Identity{
		"revoked":       nil,
		"somebody else": {Seller: 8, Subject: "eve@example.com", TokenID: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			authenticator := &revocable{heir: heir}
			gateway := newGateway(t, func(config *httpapi.Config) {
				config.Authenticator = authenticator
				config.Limits.StreamTrust = time.Hour
			})
			socket := gateway.connect(t, `{"token":"`+goodToken+`"}`)
			socket.hears("connection_ack")
			socket.subscribe("1", "{ viewer { subject } }")
			socket.hears(`next {"data"`)
			socket.hears("complete")
			authenticator.revoked.Store(true)
			socket.subscribe("2", "{ viewer { subject } }")
			socket.hears(`error [{"message":"The token`)
		})
	}
}

func TestAWebSocketHasOnlySoManyOperationsAtOnce(t *testing.T) {
	t.Parallel()
	gateway := newGateway(t, func(config *httpapi.Config) { config.Limits.Subscriptions = 1_000 })
	socket := gateway.connect(t, `{"token":"`+goodToken+`"}`)
	socket.hears("connection_ack")
	for i := range 101 {
		socket.subscribe(strconv.Itoa(i), "subscription { count }")
	}
	socket.isClosed(websocket.StatusTryAgainLater)
}

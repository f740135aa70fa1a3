package httpapi

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"crosswalk/internal/account"
)

// gate lets in whoever shows a valid token.
type gate struct {
	authenticator Authenticator
	// patience bounds how long the authenticator may take.
	patience time.Duration
	// trust is how long a token that was valid is taken to be so.
	trust time.Duration
}

// admit returns ctx with who holds the token. Its error is Coded as
// UNAUTHENTICATED for callers who need another token.
func (g gate) admit(ctx context.Context, token string) (context.Context, error) {
	if token == "" {
		return nil, refuse(codeUnauthenticated, "Send a token, in the header Authorization: Bearer <token>.")
	}
	identity, known := g.authenticator.Known(token)
	if !known {
		var err error
		if identity, err = g.authenticate(ctx, token); err != nil {
			return nil, err
		}
	}
	noteOf(ctx).comesFrom(identity)
	ctx = context.WithValue(ctx, tokenKey{}, token)
	return account.WithIdentity(ctx, identity), nil
}

// authenticate has a token looked up. Its error is as admit's.
func (g gate) authenticate(ctx context.Context, token string) (account.Identity, error) {
	limited, cancel := context.WithTimeoutCause(ctx, g.patience, errTooSlow)
	defer cancel()
	identity, err := g.authenticator.Authenticate(limited, token)
	var explained *account.UnauthenticatedError
	var undecided *account.UndecidedError
	var coded Coded
	switch {
	case errors.As(err, &explained):
		return identity, refuse(codeUnauthenticated, "%s", explained.Reason)
	case errors.Is(err, account.ErrUnauthenticated):
		return identity, refuse(codeUnauthenticated, badToken)
	case errors.As(err, &coded):
		return identity, err
	case err != nil && errors.Is(context.Cause(limited), errTooSlow):
		return identity, refuse(codeTimeout, "Checking the token took too long. Try again in a moment.")
	case errors.As(err, &undecided):
		return identity, fmt.Errorf("%w (%w)", refuse(codeUnavailable, "%s", undecided.Reason), undecided.Err)
	}
	return identity, err
}

const badToken = "The token is unknown, expired or revoked."

// tokenKey is what an admitted context has its token under.
type tokenKey struct{}

// errTokenEnded is the cause of a stream's end whose token is no longer valid.
var errTokenEnded = fmt.Errorf("the token is no longer valid: %w", context.Canceled)

// whileAdmitted returns a context that ends with ctx or, with errTokenEnded as the cause, soon after the token
// that ctx was admitted with has stopped being valid or being the same caller's. Before it ends for that reason,
// it calls ending. While nobody can tell whether the token is valid, it is.
func (g gate) whileAdmitted(ctx context.Context, ending func()) context.Context {
	token, _ := ctx.Value(tokenKey{}).(string)
	admitted, _ := account.IdentityFrom(ctx)
	admitted.SetUp = false // it may be undone while the stream lasts
	guarded, end := context.WithCancelCause(account.WithIdentity(ctx, admitted))
	go func() {
		defer end(nil)
		again := time.NewTicker(g.trust)
		defer again.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-again.C:
			}
			limited, cancel := context.WithTimeout(ctx, g.patience)
			now, err := g.authenticator.Authenticate(limited, token)
			cancel()
			if errors.Is(err, account.ErrUnauthenticated) || err == nil && !now.IsSameCaller(admitted) {
				ending()
				end(errTokenEnded)
				return
			}
		}
	}()
	return guarded
}

// readmission asks again whether the token of a WebSocket is valid, with every operation that comes by it: one that was revoked is
// not taken any more, however long the connection still lasts. It is one of gqlgen's hooks.
type readmission struct {
	gate    gate
	present *presenter
}

var _ graphql.OperationParameterMutator = readmission{}

func (readmission) ExtensionName() string                   { return "Readmission" }
func (readmission) Validate(graphql.ExecutableSchema) error { return nil }

// MutateOperationParameters is called with every operation before it is read.
func (a readmission) MutateOperationParameters(ctx context.Context, _ *graphql.RawParams) *gqlerror.Error {
	if ctx.Value(socketKey{}) == nil {
		return nil
	}
	token, _ := ctx.Value(tokenKey{}).(string)
	now, err := a.gate.admit(ctx, token)
	if err == nil {
		before, _ := account.IdentityFrom(ctx)
		if is, _ := account.IdentityFrom(now); !is.IsSameCaller(before) {
			err = refuse(codeUnauthenticated, "The token stands for somebody else by now. Connect again.")
		}
	}
	if err != nil {
		return a.present.present(ctx, err)
	}
	return nil
}

// authenticated lets only callers with a valid token through to next. Others
// get 401 and an answer in GraphQL's form; nothing is executed for them. A
// WebSocket without the header may go on: its first message carries the token.
func (g *graphQL) authenticated(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		authorization := r.Header.Get("Authorization")
		if r.Method == http.MethodOptions || authorization == "" && isWebSocket(r) {
			next.ServeHTTP(w, r)
			return
		}
		ctx, err := g.gate.admit(r.Context(), tokenIn(authorization))
		if err == nil {
			next.ServeHTTP(w, r.WithContext(ctx))
			return
		}
		var refused *refusal
		if errors.As(err, &refused) && refused.code == codeUnauthenticated {
			w.Header().Set("WWW-Authenticate", challenge(authorization))
		}
		g.refuse(w, r, accepted(r.Header).orJSON(), err)
	})
}

// challenge is what a 401 tells a client to do.
func challenge(authorization string) string {
	if authorization == "" {
		return `Bearer realm="crosswalk"`
	}
	return `Bearer realm="crosswalk", error="invalid_token"`
}

func isAuthenticated(ctx context.Context) bool {
	_, ok := account.IdentityFrom(ctx)
	return ok
}

// tokenIn is the token in an Authorization header: what follows Bearer, or
// what Basic, the only scheme some reporting tools have, holds as password or,
// without one, as user. Empty if there is none.
func tokenIn(authorization string) string {
	scheme, credentials, _ := strings.Cut(strings.TrimSpace(authorization), " ")
	credentials = strings.TrimSpace(credentials)
	switch strings.ToLower(scheme) {
	case "bearer":
		return credentials
	case "basic":
		decoded, err := base64.StdEncoding.DecodeString(credentials)
		if err != nil {
			return ""
		}
		user, password, _ := strings.Cut(string(decoded), ":")
		if password == "" {
			return user
		}
		return password
	}
	return ""
}

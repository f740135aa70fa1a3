package httpapi

import (
	"context"
	"math"
	"strconv"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler/lru"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"golang.org/x/time/rate"

	"crosswalk/internal/account"
)

// fairUse keeps one token from taking what others need: it bounds how many
// operations it sends, and how many are under way. It is one of gqlgen's
// hooks. Each replica counts for itself.
type fairUse struct {
	limits  Limits
	present *presenter
	usage   *usage
}

var (
	_ graphql.OperationParameterMutator = fairUse{}
	_ graphql.OperationInterceptor      = fairUse{}
)

func (fairUse) ExtensionName() string                   { return "FairUse" }
func (fairUse) Validate(graphql.ExecutableSchema) error { return nil }

// MutateOperationParameters is called with every operation before it is read.
func (f fairUse) MutateOperationParameters(ctx context.Context, _ *graphql.RawParams) *gqlerror.Error {
	if f.limits.OperationsPerMinute >= unlimited {
		return nil
	}
	wait := f.usage.wait(ctx, tokenID(ctx), f.limits.OperationsPerMinute)
	if wait <= 0 {
		return nil
	}
	return f.present.present(ctx, rateLimited(LimitOperationsPerMinute, wait,
		"This token has sent more operations a minute than are allowed, which is %d.", f.limits.OperationsPerMinute))
}

// concurrencyPause is after how long to try again where too much is under way;
// most operations take less.
const concurrencyPause = time.Second

func rateLimited(limit Limit, wait time.Duration, format string, args ...any) *refusal {
	seconds := max(int(math.Ceil(wait.Seconds())), 1)
	refused := reached(limit, format+" Try again in %d s.", append(args, seconds)...)
	refused.code = codeRateLimited
	refused.extensions[retryAfter] = seconds
	return refused
}

// retryAfter is the extension that says after how many seconds to try again.
const retryAfter = "retryAfter"

// InterceptOperation is called with every operation that is to be executed.
func (f fairUse) InterceptOperation(ctx context.Context, next graphql.OperationHandler) graphql.ResponseHandler {
	subscribes := graphql.GetOperationContext(ctx).Operation.Operation == ast.Subscription
	of := underWay{token: tokenID(ctx), subscription: subscribes}
	limit := f.limits.ConcurrentOperations
	if subscribes {
		limit = f.limits.Subscriptions
	}
	if !f.usage.begin(of, limit) {
		return graphql.OneShot(f.present.response(ctx, tooManyUnderWay(subscribes, limit)))
	}
	end := sync.OnceFunc(func() { f.usage.end(of) })
	forget := context.AfterFunc(ctx, end)
	responses := next(ctx)
	return func(ctx context.Context) *graphql.Response {
		response := responses(ctx)
		if response == nil || !subscribes {
			forget()
			end()
		}
		return response
	}
}

func tooManyUnderWay(subscribes bool, limit int) *refusal {
	if subscribes {
		return reached(LimitSubscriptions, "This token has as many subscriptions open as are allowed, which is %d.", limit)
	}
	return rateLimited(LimitConcurrentOperations, concurrencyPause,
		"This token has as many operations under way as are allowed, which is %d.", limit)
}

func tokenID(ctx context.Context) int64 {
	identity, _ := account.IdentityFrom(ctx)
	return identity.TokenID
}

// underWay is what is counted: subscriptions of a token, or everything else.
type underWay struct {
	token        int64
	subscription bool
}

// maxPaced is of how many tokens it is remembered how fast they sent.
const maxPaced = 10_000

// usage is what tokens have under way and how fast they send.
type usage struct {
	mu    sync.Mutex
	count map[underWay]int
	pace  *lru.LRU[*rate.Limiter]
}

func newUsage() *usage {
	return &usage{count: map[underWay]int{}, pace: lru.New[*rate.Limiter](maxPaced)}
}

// begin counts one more, unless there are as many as limit.
func (u *usage) begin(of underWay, limit int) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.count[of] >= limit {
		return false
	}
	u.count[of]++
	return true
}

func (u *usage) end(of underWay) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.count[of]--; u.count[of] <= 0 {
		delete(u.count, of)
	}
}

// wait takes one more operation of a token down and returns 0, or returns how
// long it is too early for it.
func (u *usage) wait(ctx context.Context, token int64, perMinute int) time.Duration {
	u.mu.Lock()
	defer u.mu.Unlock()
	key := strconv.FormatInt(token, 10)
	pace, known := u.pace.Get(ctx, key)
	if !known {
		pace = rate.NewLimiter(rate.Limit(float64(perMinute)/60), perMinute)
		u.pace.Add(ctx, key, pace)
	}
	now := time.Now()
	reservation := pace.ReserveN(now, 1)
	wait := reservation.DelayFrom(now)
	if wait > 0 {
		reservation.CancelAt(now)
	}
	return wait
}

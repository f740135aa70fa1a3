package psa

import "context"

type backgroundKey struct{}

// Background marks the calls made under ctx as work nobody is waiting for: a Client then tries reads more
// often and sits out the pauses the PSA asks for, where a call for a person gives up soon.
func Background(ctx context.Context) context.Context {
	return context.WithValue(ctx, backgroundKey{}, true)
}

// IsBackground reports whether ctx was marked by Background.
func IsBackground(ctx context.Context) bool {
	marked, _ := ctx.Value(backgroundKey{}).(bool)
	return marked
}

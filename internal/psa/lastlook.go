package psa

import "context"

type lastLookKey struct{}

// WithLastLook has look called when the turn of a call made under ctx has come, right before it is sent, however long it had to wait
// for that. If look fails the call is not sent, and fails with *NotSentError.
func WithLastLook(ctx context.Context, look func() error) context.Context {
	return context.WithValue(ctx, lastLookKey{}, look)
}

// LastLook is called by a Client right before it sends.
func LastLook(ctx context.Context) error {
	look, wanted := ctx.Value(lastLookKey{}).(func() error)
	if !wanted {
		return nil
	}
	if err := look(); err != nil {
		return &NotSentError{Err: err}
	}
	return nil
}

// NotSentError is the error of a call that its caller did not want any more when its turn had come.
type NotSentError struct{ Err error }

func (e *NotSentError) Error() string {
	return "the call to ConnectWise was not sent: " + e.Err.Error()
}

// Unwrap returns why.
func (e *NotSentError) Unwrap() error { return e.Err }

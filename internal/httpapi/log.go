package httpapi

import (
	"context"
	"log/slog"
)

// Logger returns a logger whose lines say as request_id which request they were
// written for, where the context they are written with tells.
func Logger(log *slog.Logger) *slog.Logger {
	if _, tells := log.Handler().(requestLog); tells {
		return log
	}
	return slog.New(requestLog{log.Handler()})
}

// requestLog is the handler of such a logger.
type requestLog struct{ slog.Handler }

// Handle adds the request's id.
func (l requestLog) Handle(ctx context.Context, record slog.Record) error {
	if id := requestID(ctx); id != "" {
		record = record.Clone()
		record.AddAttrs(slog.String("request_id", id))
	}
	return l.Handler.Handle(ctx, record)
}

// WithAttrs returns a handler whose lines have these attributes, too.
func (l requestLog) WithAttrs(attributes []slog.Attr) slog.Handler {
	return requestLog{l.Handler.WithAttrs(attributes)}
}

// WithGroup returns a handler whose lines have what follows in a group.
func (l requestLog) WithGroup(name string) slog.Handler {
	return requestLog{l.Handler.WithGroup(name)}
}

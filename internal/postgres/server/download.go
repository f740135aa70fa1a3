package server

import (
	"context"
	"log/slog"
)

func download(ctx context.Context, user account, log *slog.Logger) (Installation, error) {
	return Installation{}, errNotFound
}

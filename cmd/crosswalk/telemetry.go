package main

import (
	"context"
	"log/slog"
	"os"
	"time"

	"crosswalk/internal/telemetry"
)

// sendTime is how long the last spans may take to be sent.
const sendTime = 5 * time.Second

// startTelemetry returns what watches a gateway, with traces if the standard variables of OpenTelemetry ask for them,
// and what to call when the gateway has stopped.
func startTelemetry(ctx context.Context, log *slog.Logger) (*telemetry.Telemetry, func(), error) {
	telemetry.LogTo(log)
	exporter, err := telemetry.Exporter(ctx, os.Getenv)
	if err != nil {
		return nil, nil, err
	}
	watch := telemetry.New(telemetry.Options{Exporter: exporter, Log: log})
	return watch, func() {
		sending, cancel := context.WithTimeout(context.WithoutCancel(ctx), sendTime)
		defer cancel()
		if err := watch.Close(sending); err != nil {
			log.Warn("the last spans were not sent", "error", err)
		}
	}, nil
}

package startstop_test

import (
	"context"
	"errors"
	"testing"

	"crosswalk/internal/startstop"
)

func TestServiceRunsOnceBetweenStartAndStop(t *testing.T) {
	t.Parallel()
	var service startstop.Service
	starts, ended := make(chan struct{}, 2), make(chan struct{})
	run := func(ctx context.Context) {
		starts <- struct{}{}
		<-ctx.Done()
		close(ended)
	}
	starting, cancel := context.WithCancel(t.Context())
	for range 2 {
		if err := service.Start(starting, run); err != nil {
			t.Fatalf("Start: %v", err)
		}
	}
	<-starts
	cancel()
	select {
	case <-ended:
		t.Fatal("the service ended with the context it was started with; want it to wait for Stop")
	default:
	}
	for range 2 {
		if err := service.Stop(t.Context()); err != nil {
			t.Fatalf("Stop: %v", err)
		}
	}
	select {
	case <-ended:
	default:
		t.Error("Stop returned before the service had ended")
	}
	if len(starts) != 0 {
		t.Error("the service ran twice")
	}
	if err := service.Start(t.Context(), run); !errors.Is(err, startstop.ErrStopped) {
		t.Errorf("Start after Stop: %v, want ErrStopped", err)
	}
}

func TestStopWaitsNoLongerThanItsContext(t *testing.T) {
	t.Parallel()
	var service startstop.Service
	release := make(chan struct{})
	if err := service.Start(t.Context(), func(context.Context) { <-release }); err != nil {
		t.Fatalf("Start: %v", err)
	}
	impatient, cancel := context.WithCancel(t.Context())
	cancel()
	if err := service.Stop(impatient); !errors.Is(err, context.Canceled) {
		t.Errorf("Stop of a service that does not end: %v, want context.Canceled", err)
	}
	close(release)
	if err := service.Stop(t.Context()); err != nil {
		t.Errorf("Stop after it ended: %v", err)
	}
}

func TestStopWithoutStartDoesNothing(t *testing.T) {
	t.Parallel()
	var service startstop.Service
	if err := service.Stop(t.Context()); err != nil {
		t.Errorf("Stop: %v", err)
	}
}

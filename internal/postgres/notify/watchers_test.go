package notify_test

import (
	"strconv"
	"testing"
	"time"

	"crosswalk/internal/postgres/notify"
)

func TestWatchersAreToldOfTheirOwn(t *testing.T) {
	t.Parallel()
	db, listener := startListener(t)
	watchers := notify.NewWatchers(listener, "numbers", strconv.Atoi)
	first, stopFirst := watchers.Watch(1)
	expectChange(t, first) // listening began
	same, stopSame := watchers.Watch(1)
	other, stopOther := watchers.Watch(2)
	defer stopSame()
	send(t, db, "numbers", "1")
	expectChange(t, first)
	expectChange(t, same)
	if len(other) != 0 {
		t.Error("the watcher of 2 was told of 1")
	}
	for range 3 {
		send(t, db, "numbers", "2")
	}
	expectChange(t, other)
	send(t, db, "numbers", "what nobody can read")
	for _, changed := range []<-chan struct{}{first, same, other} {
		expectChange(t, changed)
	}
	stopFirst()
	stopFirst()
	stopOther()
	send(t, db, "numbers", "1")
	expectChange(t, same)
	if len(first) != 0 {
		t.Error("a watcher that has stopped was told")
	}
}

func TestWatchersBeginAgainAfterTheLastHasStopped(t *testing.T) {
	t.Parallel()
	db, listener := startListener(t)
	watchers := notify.NewWatchers(listener, "numbers", strconv.Atoi)
	for range 3 {
		changed, stop := watchers.Watch(7)
		expectChange(t, changed)
		send(t, db, "numbers", "7")
		expectChange(t, changed)
		stop()
	}
}

func expectChange(t *testing.T, changed <-chan struct{}) {
	t.Helper()
	select {
	case <-changed:
	case <-time.After(patience):
		t.Fatalf("waited %s to be told of a change", patience)
	}
}

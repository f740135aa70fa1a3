package postgres_test

import (
	"testing"

	"crosswalk/internal/postgres"
	"crosswalk/internal/postgres/postgrestest"
)

func TestTheServerNoticesSoonThatAClientsMachineIsGone(t *testing.T) {
	t.Parallel()
	db := postgrestest.Open(t, postgres.Options{MaxConnections: 1})
	var overTCP bool
	var seconds int
	err := db.Pool().QueryRowContext(t.Context(), `
		SELECT inet_server_addr() IS NOT NULL, current_setting('tcp_keepalives_idle')::int
			+ current_setting('tcp_keepalives_interval')::int * current_setting('tcp_keepalives_count')::int`).Scan(&overTCP, &seconds)
	if err != nil {
		t.Fatalf("read the settings: %v", err)
	}
	if overTCP && seconds != 30 {
		t.Errorf("a session whose machine is gone lasts %d s, and its locks with it; want 30 s", seconds)
	}
}

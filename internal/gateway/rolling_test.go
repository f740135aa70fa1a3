package gateway_test

import (
	"net/http"
	"testing"

	"crosswalk/internal/gateway/gatewaytest"
	"crosswalk/internal/postgres"
)

func TestAReplicaServesOnWhenANewerVersionHasMigrated(t *testing.T) {
	t.Parallel()
	w := gatewaytest.Start(t, gatewaytest.Options{})
	w.AddCustomer("Alpha", "1", "Active")
	owner, err := postgres.OpenAsOwner(t.Context(), w.DB.DSN(), postgres.Options{MaxConnections: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { owner.Close() })
	change := func(statement string) {
		t.Helper()
		if _, err := owner.Pool().ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	change(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, true)`)
	wantProbes(t, w.Seller, "after a newer version has migrated", http.StatusOK, "ready")
	w.Sync(t)
	if got := names(organizations(t, w.Seller)); len(got) != 1 {
		t.Errorf("after a newer version has migrated a run imported %q, want Alpha", got)
	}
	change(`DELETE FROM goose_db_version WHERE version_id >= (SELECT max(version_id) FROM goose_db_version WHERE version_id < 99999)`)
	wantProbes(t, w.Seller, "with a migration missing", http.StatusServiceUnavailable, "run crosswalk migrate up")
}

package gateway_test

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"crosswalk/internal/gateway/gatewaytest"
	"crosswalk/internal/postgres"
	simconnectwise "crosswalk/internal/simulator/connectwise"
)

// crashProcess is how replicas run that are killed, or frozen for longer than their lease.
var crashProcess = gatewaytest.ProcessOptions{
	Lease: time.Second, SettleDelay: 300 * time.Millisecond, RetryPause: 5 * time.Millisecond, CallsPerMinute: 100_000,
}

// crashWrite is a write to ConnectWise that a replica is killed over.
type crashWrite struct {
	method string
	// path is the end of the write's path, or "/additions/" with a number after it.
	path string
	// prepare has everything ready for a run that makes the write.
	prepare func(*testing.T, crashDesk)
	// decided is the row that must be free when the write is decided on, and noted the one when its outcome is stored.
	decided, noted string
	// check looks at what ConnectWise has in the end.
	check func(*testing.T, crashDesk)
}

const (
	lineRow         = `SELECT id FROM invoice_line WHERE platform_id = 'R-2' FOR UPDATE`
	writeRow        = `SELECT w.id FROM addition_write w JOIN invoice_line l ON l.id = w.line_id WHERE l.platform_id = 'R-2' FOR UPDATE OF w`
	organizationRow = `SELECT id FROM organization WHERE name = 'Alpha' FOR UPDATE`
	agreementRow    = `SELECT contract_id FROM created_agreement FOR UPDATE`
)

// crashWrites are the writes of each kind. All of them are for the line R-2.
func crashWrites() map[string]crashWrite {
	return map[string]crashWrite{
		"an Addition is created": {
			method: http.MethodPost, path: "/additions", decided: lineRow, noted: writeRow,
			prepare: func(t *testing.T, d crashDesk) {
				billTo(d.World, "1", date(3), ofSubscription(cycle("R-2"), "S-1", "CycleFee", date(1), 7))
				d.load(t)
				d.toCloud(t)
			},
			check: func(t *testing.T, d crashDesk) { wantOneOfSeven(t, d, d.cloud, "2026-05-01") },
		},
		"an Addition is changed": {
			method: http.MethodPatch, path: "/additions/", decided: lineRow, noted: writeRow,
			prepare: func(t *testing.T, d crashDesk) {
				billTo(d.World, "1", april(3), ofSubscription(cycle("R-1"), "S-1", "CycleFee", april(1), 5))
				billTo(d.World, "1", date(3), ofSubscription(cycle("R-2"), "S-1", "CycleFee", date(1), 7))
				d.load(t, "PREVIOUS_MONTH")
				d.toCloud(t)
				wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 1})
				loadLines(t, d.Seller)
			},
			check: func(t *testing.T, d crashDesk) { wantOneOfSeven(t, d, d.cloud, "2026-04-01") },
		},
		"an agreement is created": {
			method: http.MethodPost, path: "/finance/agreements", decided: organizationRow, noted: agreementRow,
			prepare: func(t *testing.T, d crashDesk) {
				billTo(d.World, "1", date(3), ofSubscription(cycle("R-2"), "S-1", "CycleFee", date(1), 7))
				d.load(t)
			},
			check: func(t *testing.T, d crashDesk) {
				var created []simconnectwise.Agreement
				for _, a := range d.ConnectWise.Agreements() {
					if a.Name == "Alpha C-1" {
						created = append(created, a)
					}
				}
				if len(created) != 1 {
					t.Fatalf("%d agreements were created, want one: %+v", len(created), created)
				}
				wantOneOfSeven(t, d, created[0].ID, "2026-05-01")
			},
		},
	}
}

// wantOneOfSeven makes sure that the subscription S-1 has one Addition anywhere, on an agreement, with what R-2 charges.
func wantOneOfSeven(t *testing.T, d crashDesk, agreement int, effective string) {
	t.Helper()
	all := d.ConnectWise.AllAdditions()
	want := billed{
		Agreement: agreement, Product: d.seat, Text: "Plan S-1 - CycleFee", Quantity: "7", Price: "10", Effective: effective, BillCustomer: "Billable",
	}
	if len(all) != 1 || seen(all[0]) != want {
		t.Errorf("ConnectWise has the Additions %+v, want one, %+v", all, want)
	}
}

// crashPoints are the moments at which a replica is killed over a write. Each function returns when the replica has
// come to it, and then what is to be undone after the kill.
func crashPoints() map[string]func(*testing.T, crashDesk, crashWrite) (undo func()) {
	return map[string]func(*testing.T, crashDesk, crashWrite) func(){
		"before it is noted": func(t *testing.T, d crashDesk, w crashWrite) func() {
			held := d.hold(t, w.decided)
			startPosting(t, d.Seller, nil)
			held.awaitBlocked(t)
			return held.release
		},
		"before ConnectWise has it": func(t *testing.T, d crashDesk, w crashWrite) func() {
			caught := d.ambush.lay(w, swallow)
			startPosting(t, d.Seller, nil)
			caught.await(t)
			return func() {}
		},
		"before it is answered": func(t *testing.T, d crashDesk, w crashWrite) func() {
			caught := d.ambush.lay(w, holdAnswer)
			startPosting(t, d.Seller, nil)
			caught.await(t)
			return func() {}
		},
		"before the answer is stored": func(t *testing.T, d crashDesk, w crashWrite) func() {
			caught := d.ambush.lay(w, holdAnswer)
			startPosting(t, d.Seller, nil)
			caught.await(t)
			held := d.hold(t, w.noted)
			caught.release()
			held.awaitBlocked(t)
			return held.release
		},
	}
}

func TestCrash_AWriteIsMadeOnceWheneverItsReplicaIsKilled(t *testing.T) {
	t.Parallel()
	for what, write := range crashWrites() {
		for when, come := range crashPoints() {
			t.Run(what+", "+when, func(t *testing.T) {
				t.Parallel()
				d := startCrashDesk(t)
				write.prepare(t, d)

				undo := come(t, d, write)
				survivor := d.ProcessWith(t, crashProcess)
				d.doomed.Kill()
				undo()

				people := d.On(survivor.Replica)
				job := awaitPosting(t, d.World, people)
				if job.State != "SUCCEEDED" {
					t.Errorf("the other replica ended the run as %s (%v)", job.State, deref(job.Error))
				}
				if line := postedLines(t, people, may)["R-2"]; line.SyncStatus != "SYNCED" {
					t.Errorf("the line is %+v with error %+v, want it SYNCED", line, line.SyncError)
				}
				write.check(t, d)
				d.ambush.overlaps.wantNone(t)
				wantPosted(t, people, nil, "SUCCEEDED", counts{})
				write.check(t, d)
			})
		}
	}
}

func TestCrash_AReplicaThatWakesAfterItsLeaseHasNotWrittenTwice(t *testing.T) {
	t.Parallel()
	for what, write := range crashWrites() {
		for when, do := range map[string]ambushAction{"has not reached ConnectWise": holdRequest, "is not answered": holdAnswer} {
			t.Run(what+", which "+when, func(t *testing.T) {
				t.Parallel()
				d := startCrashDesk(t)
				write.prepare(t, d)
				caught := d.ambush.lay(write, do)
				startPosting(t, d.Seller, nil)
				caught.await(t)
				other := d.ProcessWith(t, crashProcess)
				people := d.On(other.Replica)

				d.doomed.Freeze(t)
				gatewaytest.Eventually(t, "the other replica takes the run over", func() bool {
					return strings.Contains(workerOf(t, d.World), "/"+strconv.Itoa(other.ID())+"/")
				})
				caught.release()
				d.doomed.Thaw(t)

				if job := awaitPosting(t, d.World, people); job.State != "SUCCEEDED" {
					t.Errorf("the other replica ended the run as %s (%v)", job.State, deref(job.Error))
				}
				if line := postedLines(t, people, may)["R-2"]; line.SyncStatus != "SYNCED" {
					t.Errorf("the line is %+v with error %+v, want it SYNCED", line, line.SyncError)
				}
				write.check(t, d)
				d.ambush.overlaps.wantNone(t)
			})
		}
	}
}

// crashDesk is a desk with a replica that is going to be killed or frozen.
type crashDesk struct {
	desk
	doomed *gatewaytest.Process
	ambush *ambush
}

func startCrashDesk(t *testing.T) crashDesk {
	t.Helper()
	d := crashDesk{ambush: &ambush{}}
	w := gatewaytest.Start(t, gatewaytest.Options{WithoutGateway: true, BeforeConnectWise: d.ambush.before})
	t.Cleanup(d.ambush.end)
	d.doomed = w.ProcessWith(t, crashProcess)
	w.Seller = w.On(d.doomed.Replica)
	d.desk = deskOf(t, w)
	return d
}

// awaitPosting returns the latest run of posting once it is over.
func awaitPosting(t *testing.T, w *gatewaytest.World, people *gatewaytest.Seller) gatewaytest.Job {
	t.Helper()
	var id int64
	query(t, w, &id, `SELECT max(id) FROM job WHERE kind = 'SYNC_INVOICE_LINES'`)
	return people.WaitForJob(t, nodeID("Job", id))
}

// workerOf names who works on the run of posting that is not over.
func workerOf(t *testing.T, w *gatewaytest.World) string {
	t.Helper()
	var worker string
	query(t, w, &worker, `SELECT coalesce(max(worker), '') FROM job WHERE kind = 'SYNC_INVOICE_LINES' AND state = 'RUNNING'`)
	return worker
}

func query(t *testing.T, w *gatewaytest.World, into any, statement string, args ...any) {
	t.Helper()
	err := w.DB.Seller(w.ID).Read(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
		return tx.GetContext(ctx, into, statement, args...)
	})
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// heldRow is a row that the test keeps from others.
type heldRow struct {
	world   *gatewaytest.World
	session int
	release func()
}

// hold locks a row until release, or the end of the test.
func (d crashDesk) hold(t *testing.T, lock string) heldRow {
	t.Helper()
	sessions, done, over := make(chan int, 1), make(chan struct{}), make(chan error, 1)
	go func() {
		over <- d.DB.Seller(d.ID).Write(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
			var rows []int64
			if err := tx.SelectContext(ctx, &rows, lock); err != nil {
				return err
			}
			var session int
			if err := tx.GetContext(ctx, &session, `SELECT pg_backend_pid()`); err != nil {
				return err
			}
			if len(rows) != 1 {
				return fmt.Errorf("found %d rows", len(rows))
			}
			sessions <- session
			<-done
			return nil
		})
	}()
	var once sync.Once
	held := heldRow{world: d.World, release: func() { once.Do(func() { close(done); <-over }) }}
	select {
	case held.session = <-sessions:
	case err := <-over:
		t.Fatalf("hold the row of %s: %v", lock, err)
	}
	t.Cleanup(held.release)
	return held
}

// awaitBlocked returns when somebody waits for the row.
func (h heldRow) awaitBlocked(t *testing.T) {
	t.Helper()
	gatewaytest.Eventually(t, "a replica waits for a row", func() bool {
		var waiting int
		query(t, h.world, &waiting, `SELECT count(*) FROM pg_stat_activity WHERE $1::int = ANY(pg_blocking_pids(pid))`, h.session)
		return waiting > 0
	})
}

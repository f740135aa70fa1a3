package mapping

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"crosswalk/internal/activity"
	"crosswalk/internal/postgres"
	"crosswalk/internal/psa"
)

// Service changes mappings.
type Service struct {
	db        *postgres.DB
	directory *psa.Directory
	budget    time.Duration
	now       func() time.Time
}

// NewService returns a Service that verifies what is mapped to with directory and waits for its answer no
// longer than budget.
func NewService(db *postgres.DB, directory *psa.Directory, budget time.Duration, now func() time.Time) *Service {
	return &Service{db: db, directory: directory, budget: budget, now: now}
}

// Outcome is what became of edits.
type Outcome struct {
	// Accepted are the records of the edits that hold now, in the order given, those that held before included.
	Accepted []int64
	Refused  []Refusal
}

// Edit makes the edits it can, in one transaction, and names those it refuses. An edit that is fulfilled
// already succeeds and changes nothing, whatever revision it expects, so that sending it twice is harmless.
// A record may be mapped only to a ConnectWise record that exists; while ConnectWise does not answer, the
// mirror is believed.
func (s *Service) Edit(ctx context.Context, seller postgres.SellerID, kind Kind, by string, edits []Edit) (Outcome, error) {
	found := s.verify(ctx, seller, edits)
	var outcome Outcome
	err := s.db.Seller(seller).Write(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		e := editing{tx: tx, seller: seller, kind: kind, spec: kinds[kind], by: by, now: s.now()}
		var err error
		outcome, err = e.run(ctx, found, edits)
		return err
	})
	if err != nil {
		return Outcome{}, fmt.Errorf("edit %s mappings: %w", kind, err)
	}
	return outcome, nil
}

// verification is what ConnectWise said of the records that edits point at.
type verification struct {
	asked     []psa.RecordID
	answered  bool
	companies map[psa.RecordID]psa.Company
}

func (s *Service) verify(ctx context.Context, seller postgres.SellerID, edits []Edit) verification {
	var v verification
	for _, e := range edits {
		if e.Target.record != 0 && !slices.Contains(v.asked, e.Target.record) {
			v.asked = append(v.asked, e.Target.record)
		}
	}
	if len(v.asked) == 0 {
		return v
	}
	ctx, cancel := context.WithTimeout(ctx, s.budget)
	defer cancel()
	companies, err := s.directory.ConfirmCompanies(ctx, seller, v.asked)
	v.companies, v.answered = companies, err == nil
	return v
}

// editing is one transaction of edits.
type editing struct {
	tx     *postgres.Tx
	seller postgres.SellerID
	kind   Kind
	spec   kindSpec
	by     string
	now    time.Time

	targets map[psa.RecordID]psa.Company
	changes []activity.Change
	entries []activity.Entry
}

// state is the stored mapping of one record.
type state struct {
	ID       int64         `db:"id"`
	Name     string        `db:"name"`
	Target   *psa.RecordID `db:"target"`
	Excluded bool          `db:"excluded"`
	Revision int           `db:"revision"`
	changed  bool
	remapped bool
}

// snapshot is a state as the history keeps it.
type snapshot struct {
	Target   *psa.RecordID `json:"target"`
	Name     string        `json:"targetName,omitempty"`
	Excluded *bool         `json:"excluded,omitempty"`
}

func (e *editing) run(ctx context.Context, found verification, edits []Edit) (Outcome, error) {
	states, err := e.lock(ctx, edits)
	if err != nil {
		return Outcome{}, err
	}
	if err := e.readTargets(ctx, found, states); err != nil {
		return Outcome{}, err
	}
	var outcome Outcome
	for i, edit := range edits {
		if refusal := e.apply(i, edit, states[edit.Record]); refusal != nil {
			outcome.Refused = append(outcome.Refused, *refusal)
		} else {
			outcome.Accepted = append(outcome.Accepted, edit.Record)
		}
	}
	if err := e.store(ctx, states); err != nil {
		return Outcome{}, err
	}
	return outcome, errors.Join(
		activity.Record(ctx, e.tx, e.seller, e.by, e.changes...),
		activity.Log(ctx, e.tx, e.seller, e.entries...),
	)
}

// lock reads the records and keeps others from changing them, in id order so that two bulk edits queue up.
func (e *editing) lock(ctx context.Context, edits []Edit) (map[int64]*state, error) {
	ids := make([]int64, len(edits))
	for i, edit := range edits {
		ids[i] = edit.Record
	}
	excluded := "false"
	if e.spec.excludable {
		excluded = "excluded_from_sync"
	}
	var rows []*state
	err := e.tx.SelectContext(ctx, &rows, `
		SELECT id, name, `+e.spec.target+` AS target, `+excluded+` AS excluded, revision
		FROM `+e.spec.table+`
		WHERE seller_id = $1
			AND id = ANY($2)
		ORDER BY id
		FOR NO KEY UPDATE`,
		e.seller, ids)
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	states := make(map[int64]*state, len(rows))
	for _, row := range rows {
		states[row.ID] = row
	}
	return states, nil
}

// readTargets learns the ConnectWise records that are pointed at, before and after. What ConnectWise just
// answered is copied into the mirror first, so that the mirror knows a record at least as well as the mapping.
func (e *editing) readTargets(ctx context.Context, found verification, states map[int64]*state) error {
	var live []psa.Company
	var gone []psa.RecordID
	for _, id := range found.asked {
		if c, ok := found.companies[id]; ok {
			live = append(live, c)
		} else if found.answered {
			gone = append(gone, id)
		}
	}
	if _, err := psa.SaveCompanies(ctx, e.tx, e.seller, live); err != nil {
		return err
	}
	if err := psa.FlagDeletedCompanies(ctx, e.tx, e.seller, gone); err != nil {
		return err
	}
	ids := slices.Clone(found.asked)
	for _, s := range states {
		if s.Target != nil {
			ids = append(ids, *s.Target)
		}
	}
	var err error
	e.targets, err = psa.MirroredCompanies(ctx, e.tx, e.seller, ids)
	for _, id := range gone {
		if _, mirrored := e.targets[id]; !mirrored && err == nil {
			e.targets[id] = psa.Company{ID: id, Deleted: true}
		}
	}
	return err
}

// apply makes one edit on the state, or refuses it.
func (e *editing) apply(i int, edit Edit, s *state) *Refusal {
	if s == nil {
		return refuse(i, NotFound, "There is no such %s. Refresh the list and try again.", e.spec.noun)
	}
	before := e.snapshot(s)
	after := *s
	if edit.Target.change {
		after.Target = nil
		if edit.Target.record != 0 {
			after.Target = &edit.Target.record
		}
	}
	if edit.Excluded != nil {
		after.Excluded = *edit.Excluded
	}
	remapped := !sameTarget(s.Target, after.Target)
	if !remapped && after.Excluded == s.Excluded {
		return nil
	}
	if edit.ExpectedRevision != nil && *edit.ExpectedRevision != s.Revision {
		return refuse(i, Conflict, "%s was changed by someone else: it is at revision %d, not %d. Look at the current values and save again.",
			s.Name, s.Revision, *edit.ExpectedRevision)
	}
	if remapped && after.Target != nil {
		if refusal := e.checkTarget(i, *after.Target); refusal != nil {
			return refusal
		}
	}
	after.Revision++
	after.changed, after.remapped = true, s.remapped || remapped
	*s = after
	e.note(before, s, remapped)
	return nil
}

func (e *editing) checkTarget(i int, id psa.RecordID) *Refusal {
	target, known := e.targets[id]
	var refusal *Refusal
	switch {
	case !known:
		refusal = refuse(i, PsaUnavailable, "ConnectWise does not answer, and this %s is not known yet. Try again in a few minutes.", e.spec.other)
	case target.Deleted:
		refusal = refuse(i, NotFound, "ConnectWise no longer has this %s. Choose another one.", e.spec.other)
	default:
		return nil
	}
	refusal.AboutTarget = true
	return refusal
}

func sameTarget(a, b *psa.RecordID) bool {
	return a == b || a != nil && b != nil && *a == *b
}

func (e *editing) snapshot(s *state) snapshot {
	shot := snapshot{Target: s.Target}
	if s.Target != nil {
		shot.Name = e.targets[*s.Target].Name
	}
	if e.spec.excludable {
		excluded := s.Excluded
		shot.Excluded = &excluded
	}
	return shot
}

// note adds the change to the history and to the log.
func (e *editing) note(before snapshot, s *state, remapped bool) {
	after := e.snapshot(s)
	e.changes = append(e.changes, activity.Change{
		Kind: string(e.kind), RecordID: s.ID, Revision: s.Revision, Before: before, After: after,
	})
	entry := activity.Entry{
		Level:   activity.Info,
		Details: "By " + e.by + ".",
		Subject: &activity.Subject{Kind: string(e.kind), ID: s.ID},
	}
	switch {
	case remapped && after.Target == nil:
		entry.Code = activity.MappingRemoved
		entry.Title = fmt.Sprintf("%s is no longer mapped to %s", s.Name, before.Name)
	case remapped:
		entry.Code = activity.MappingChanged
		entry.Title = fmt.Sprintf("%s is mapped to %s", s.Name, after.Name)
		if before.Target != nil {
			entry.Details = fmt.Sprintf("It was mapped to %s. By %s.", before.Name, e.by)
		}
	case s.Excluded:
		entry.Code = activity.ExclusionChanged
		entry.Title = s.Name + " is excluded from sync"
	default:
		entry.Code = activity.ExclusionChanged
		entry.Title = s.Name + " is no longer excluded from sync"
	}
	e.entries = append(e.entries, entry)
}

// store writes the changed states in one statement.
func (e *editing) store(ctx context.Context, states map[int64]*state) error {
	var ids, targets []int64
	var excluded, remapped []bool
	var revisions []int64
	for _, s := range states {
		if !s.changed {
			continue
		}
		var target int64
		if s.Target != nil {
			target = int64(*s.Target)
		}
		ids, targets = append(ids, s.ID), append(targets, target)
		excluded, remapped = append(excluded, s.Excluded), append(remapped, s.remapped)
		revisions = append(revisions, int64(s.Revision))
	}
	if len(ids) == 0 {
		return nil
	}
	exclusion := ""
	if e.spec.excludable {
		exclusion = "excluded_from_sync = n.excluded,"
	}
	_, err := e.tx.ExecContext(ctx, `
		UPDATE `+e.spec.table+` AS r
		SET `+e.spec.target+` = NULLIF(n.target, 0),
			`+exclusion+`
			revision = n.revision,
			mapped_at = CASE WHEN NOT n.remapped THEN r.mapped_at WHEN n.target <> 0 THEN $7::timestamptz END,
			mapped_by = CASE WHEN NOT n.remapped THEN r.mapped_by WHEN n.target <> 0 THEN $8 END,
			updated_at = $7::timestamptz
		FROM unnest($2::bigint[], $3::int[], $4::boolean[], $5::boolean[], $6::int[])
			AS n (id, target, excluded, remapped, revision)
		WHERE r.seller_id = $1
			AND r.id = n.id`,
		e.seller, ids, targets, excluded, remapped, revisions, e.now, e.by)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return nil
}

package mapping

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"crosswalk/internal/activity"
	"crosswalk/internal/civil"
	"crosswalk/internal/postgres"
	"crosswalk/internal/psa"
)

// Today returns the date it is for a seller.
type Today func(ctx context.Context, seller postgres.SellerID) (civil.Date, error)

// Service changes mappings.
type Service struct {
	db        *postgres.DB
	directory *psa.Directory
	budget    time.Duration
	now       func() time.Time
	today     Today
	reach     Reach
}

// Reach tells how many lines a change of contracts' agreements reaches, in its transaction, and makes the
// lines follow it.
type Reach func(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID, mapped, unmapped []int64) (int, error)

// NewService returns a Service that verifies what is mapped to with directory and waits for its answer no
// longer than budget. Changes are stamped with now; whether an agreement has ended is judged by today; reach
// is told of contracts whose agreement changed.
func NewService(db *postgres.DB, directory *psa.Directory, budget time.Duration, now func() time.Time, today Today, reach Reach) *Service {
	return &Service{db: db, directory: directory, budget: budget, now: now, today: today, reach: reach}
}

// Outcome is what became of edits.
type Outcome struct {
	// Accepted are the records of the edits that hold now, in the order given, those that held before included.
	Accepted []int64
	// Refused is all that speaks against the other edits, in the order given.
	Refused []Refusal
	// Reached is how many unsynced lines follow contracts that were changed.
	Reached int
}

// Edit makes the edits it can, in one transaction, and names those it refuses. An edit that is fulfilled
// already succeeds and changes nothing, whatever revision it expects, so that sending it twice is harmless. One that
// contradicts an earlier one of the same record is refused.
// A record may be mapped only to a ConnectWise record that exists; while ConnectWise does not answer, the
// mirror is believed.
func (s *Service) Edit(ctx context.Context, seller postgres.SellerID, kind Kind, by string, edits []Edit) (Outcome, error) {
	if len(edits) == 0 {
		return Outcome{}, nil
	}
	today, err := s.today(ctx, seller)
	if err != nil {
		return Outcome{}, err
	}
	spec := kinds[kind]
	said := s.confirm(ctx, spec, seller, edits)
	var outcome Outcome
	err = s.db.Seller(seller).Write(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		e := editing{tx: tx, seller: seller, kind: kind, kindSpec: spec, by: by, now: s.now(), today: today, reach: s.reach}
		var err error
		outcome, err = e.run(ctx, said, edits)
		return err
	})
	if err != nil {
		return Outcome{}, fmt.Errorf("edit %s mappings: %w", kind, err)
	}
	return outcome, nil
}

// confirm asks ConnectWise for the records that edits point at, each once, within the budget.
func (s *Service) confirm(ctx context.Context, spec kindSpec, seller postgres.SellerID, edits []Edit) confirmation {
	var ids []psa.RecordID
	for _, e := range edits {
		if e.Target.record != 0 {
			ids = append(ids, e.Target.record)
		}
	}
	slices.Sort(ids)
	ctx, cancel := context.WithTimeout(ctx, s.budget)
	defer cancel()
	return spec.targets.confirm(ctx, s.directory, seller, slices.Compact(ids))
}

// editing is one transaction of edits.
type editing struct {
	tx     *postgres.Tx
	seller postgres.SellerID
	kind   Kind
	kindSpec
	by    string
	now   time.Time
	today civil.Date
	reach Reach

	records map[psa.RecordID]target
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
	// Company and Currency are what the target must agree with, where the kind has them.
	Company  *psa.RecordID `db:"company"`
	Currency *string       `db:"currency"`
	changed  bool
	remapped bool
	// targetAsked and excludedAsked are true once an edit has been accepted that says what they shall be.
	targetAsked, excludedAsked bool
}

// snapshot is a state as the history keeps it.
type snapshot struct {
	Target   *psa.RecordID `json:"target"`
	Name     string        `json:"targetName,omitempty"`
	Excluded *bool         `json:"excluded,omitempty"`
}

func (e *editing) run(ctx context.Context, said confirmation, edits []Edit) (Outcome, error) {
	states, err := e.lock(ctx, edits)
	if err != nil {
		return Outcome{}, err
	}
	var before []psa.RecordID
	for _, s := range states {
		if s.Target != nil {
			before = append(before, *s.Target)
		}
	}
	if e.records, err = said.settle(ctx, e.tx, e.seller, before); err != nil {
		return Outcome{}, err
	}
	var outcome Outcome
	for i, edit := range edits {
		if refused := e.apply(i, edit, states[edit.Record]); len(refused) > 0 {
			outcome.Refused = append(outcome.Refused, refused...)
		} else {
			outcome.Accepted = append(outcome.Accepted, edit.Record)
		}
	}
	if err := e.store(ctx, states); err != nil {
		return Outcome{}, err
	}
	if outcome.Reached, err = e.follow(ctx, states); err != nil {
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
	var rows []*state
	err := e.tx.SelectContext(ctx, &rows, `
		SELECT r.id, r.`+e.name+` AS name, r.`+e.target+` AS target, `+e.excluded+` AS excluded, r.revision,
			`+e.company+` AS company, `+e.currency+` AS currency
		FROM `+e.table+` r
		WHERE r.seller_id = $1
			AND r.id = ANY($2)
		ORDER BY r.id
		FOR NO KEY UPDATE OF r`,
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

// apply makes one edit on the state, or returns all that speaks against it.
func (e *editing) apply(i int, edit Edit, s *state) []Refusal {
	if s == nil {
		missing := refuse(i, NotFound, "There is no such %s. Refresh the list and try again.", e.noun)
		return append([]Refusal{missing}, e.checkTarget(i, edit.Target.record, nil)...)
	}
	before := e.snapshot(s)
	after := *s
	if edit.Target.change {
		after.Target, after.targetAsked = nil, true
		if edit.Target.record != 0 {
			after.Target = &edit.Target.record
		}
	}
	if edit.Excluded != nil {
		after.Excluded, after.excludedAsked = *edit.Excluded, true
	}
	remapped, switched := !sameTarget(s.Target, after.Target), after.Excluded != s.Excluded
	if !remapped && !switched {
		*s = after
		return nil
	}
	var refused []Refusal
	switch {
	case edit.ExpectedRevision != nil && *edit.ExpectedRevision != s.Revision:
		refused = append(refused, refuse(i, Conflict, "%s was changed by someone else: it is at revision %d, not %d. Look at the current values and save again.",
			s.Name, s.Revision, *edit.ExpectedRevision))
	case remapped && s.targetAsked || switched && s.excludedAsked:
		refused = append(refused, refuse(i, Invalid, "%s is in the list more than once, with different values. The first were saved: if they are not the right ones, save the others by themselves.", s.Name))
	}
	if remapped {
		refused = append(refused, e.checkTarget(i, edit.Target.record, &after)...)
	}
	if len(refused) > 0 {
		return refused
	}
	after.Revision++
	after.changed, after.remapped = true, s.remapped || remapped
	*s = after
	e.note(before, s, remapped)
	return nil
}

// checkTarget refuses a record to map to that does not exist any more, or does not fit the state, if there is one. There
// is nothing to say against 0, which is none.
func (e *editing) checkTarget(i int, number psa.RecordID, s *state) (refused []Refusal) {
	if number == 0 {
		return nil
	}
	record, known := e.records[number]
	switch {
	case !known:
		refused = append(refused, refuse(i, PsaUnavailable, "ConnectWise does not answer, and this %s is not known yet. Try again in a few minutes.", e.other))
	case record.deleted:
		refused = append(refused, refuse(i, NotFound, "ConnectWise no longer has this %s. Choose another one.", e.other))
	case e.fits != nil:
		for _, m := range e.fits(s, record, e.today) {
			refused = append(refused, refuse(i, m.code, "%s", m.message))
		}
	}
	for at := range refused {
		refused[at].AboutTarget = true
	}
	return refused
}

func sameTarget(a, b *psa.RecordID) bool {
	return a == b || a != nil && b != nil && *a == *b
}

func (e *editing) snapshot(s *state) snapshot {
	shot := snapshot{Target: s.Target}
	if s.Target != nil {
		shot.Name = e.records[*s.Target].name
	}
	if e.excludable() {
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

// follow makes lines follow contracts whose agreement changed, and returns how many lines that reaches.
func (e *editing) follow(ctx context.Context, states map[int64]*state) (int, error) {
	if e.kind != KindContract {
		return 0, nil
	}
	var mapped, unmapped []int64
	for _, s := range states {
		switch {
		case s.remapped && s.Target != nil:
			mapped = append(mapped, s.ID)
		case s.remapped:
			unmapped = append(unmapped, s.ID)
		}
	}
	return e.reach(ctx, e.tx, e.seller, mapped, unmapped)
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
	if e.excludable() {
		exclusion = e.excluded + " = n.excluded,"
	}
	_, err := e.tx.ExecContext(ctx, `
		UPDATE `+e.table+` AS r
		SET `+e.target+` = NULLIF(n.target, 0),
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

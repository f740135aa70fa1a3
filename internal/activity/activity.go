// Package activity keeps what happened: the log people read for 30 days, and the mapping history, which is
// kept for good.
//
// Both are written in the transaction of what they tell of, so neither tells of something that did not
// happen. The package knows sellers and nothing else of the business: a log entry names its subject loosely,
// by kind and number, and a change carries whatever JSON its writer understands. Start reading at Log and
// Record; catalogue.go lists the codes.
package activity

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"crosswalk/internal/postgres"
)

// Level says how much an entry matters.
type Level string

// The levels. Info tells, Warning says that something was left undone, Error that something failed.
const (
	Info    Level = "INFO"
	Warning Level = "WARNING"
	Error   Level = "ERROR"
)

// Subject names the record an entry is about. The entry may outlive the record.
type Subject struct {
	Kind string
	ID   int64
}

// Entry is one line of the log.
type Entry struct {
	Level Level
	Code  Code
	// Title is a short sentence or phrase for a list.
	Title string
	// Details says more; empty if there is nothing more to say.
	Details string
	// Subject is nil for an entry about no record in particular.
	Subject *Subject
	// JobID is the background run that wrote the entry, 0 outside one.
	JobID int64
}

// Log writes entries, in order, in the caller's transaction, and announces them on LogChannel when it
// commits.
func Log(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID, entries ...Entry) error {
	if len(entries) == 0 {
		return nil
	}
	var columns entryColumns
	for _, entry := range entries {
		columns.add(entry)
	}
	var written []writtenEntry
	err := tx.SelectContext(ctx, &written, `
		INSERT INTO log_entry (seller_id, level, code, title, details, subject_kind, subject_id, job_id)
		SELECT $1, level, code, title, nullif(details, ''),
			nullif(subject_kind, ''), CASE WHEN subject_kind <> '' THEN subject_id END, nullif(job_id, 0)
		FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::bigint[])
			WITH ORDINALITY AS entry (level, code, title, details, subject_kind, subject_id, job_id, position)
		ORDER BY position
		RETURNING id, level`,
		seller, columns.level, columns.code, columns.title, columns.details,
		columns.subjectKind, columns.subjectID, columns.jobID)
	if err != nil {
		return fmt.Errorf("write %s: %w", Count(len(entries), "log entry", "log entries"), err)
	}
	return announce(ctx, tx, seller, written)
}

// entryColumns holds entries by column, as one statement takes them.
type entryColumns struct {
	level, code, title, details, subjectKind []string
	subjectID, jobID                         []int64
}

func (c *entryColumns) add(entry Entry) {
	var subject Subject
	if entry.Subject != nil {
		subject = *entry.Subject
	}
	c.level = append(c.level, string(entry.Level))
	c.code = append(c.code, string(entry.Code))
	c.title = append(c.title, storable(entry.Title))
	c.details = append(c.details, storable(entry.Details))
	c.subjectKind = append(c.subjectKind, subject.Kind)
	c.subjectID = append(c.subjectID, subject.ID)
	c.jobID = append(c.jobID, entry.JobID)
}

// storable drops what PostgreSQL cannot keep in a text. Entries quote other systems, and a stray byte of
// theirs must not undo the transaction that tells of it.
func storable(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "")
}

// Change is one step in the life of a mapping.
type Change struct {
	// Kind and RecordID name the record that was changed.
	Kind     string
	RecordID int64
	// Revision is the record's revision after the change.
	Revision int
	// Before and After are the state of the mapping, kept as JSON.
	Before, After any
}

// Record writes changes, in order, to the mapping history in the caller's transaction. by names who made
// them.
func Record(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID, by string, changes ...Change) error {
	if len(changes) == 0 {
		return nil
	}
	var (
		kinds, before, after []string
		recordIDs, revisions []int64
	)
	for _, change := range changes {
		beforeJSON, err := json.Marshal(change.Before)
		if err != nil {
			return fmt.Errorf("record what %s %d was before: %w", change.Kind, change.RecordID, err)
		}
		afterJSON, err := json.Marshal(change.After)
		if err != nil {
			return fmt.Errorf("record what %s %d is now: %w", change.Kind, change.RecordID, err)
		}
		kinds = append(kinds, change.Kind)
		recordIDs = append(recordIDs, change.RecordID)
		revisions = append(revisions, int64(change.Revision))
		before = append(before, string(beforeJSON))
		after = append(after, string(afterJSON))
	}
	_, err := tx.ExecContext(ctx, `
		INSERT INTO mapping_history (seller_id, kind, record_id, revision, changed_by, before, after)
		SELECT $1, kind, record_id, revision, $2, before::jsonb, after::jsonb
		FROM unnest($3::text[], $4::bigint[], $5::int[], $6::text[], $7::text[])
			WITH ORDINALITY AS change (kind, record_id, revision, before, after, position)
		ORDER BY position`,
		seller, by, kinds, recordIDs, revisions, before, after)
	if err != nil {
		return fmt.Errorf("record %s in the mapping history: %w", Count(len(changes), "change", "changes"), err)
	}
	return nil
}

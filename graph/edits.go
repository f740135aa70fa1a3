package graph

import (
	"context"
	"slices"
	"strconv"

	"crosswalk/graph/model"
	"crosswalk/internal/mapping"
	"crosswalk/internal/postgres"
	"crosswalk/internal/postgres/grid"
	"crosswalk/internal/psa"
)

// editedKind says how the inputs of one kind of mapping call their parts, and how its rows are read.
type editedKind[N any] struct {
	kind                    mapping.Kind
	recordType, recordField string
	targetType, targetField string
	byID                    byIDFunc[N]
}

// byIDFunc returns the rows with these numbers that exist, in their order.
type byIDFunc[N any] func(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID, ids []int64) ([]*N, error)

// requestedEdit is an edit as a client sent it: its records still node ids.
type requestedEdit struct {
	mapping.Edit
	record string
	target *string
}

// inputShape says where in the input the edits are, for the paths of refusals.
type inputShape struct{ list string }

// single is the shape of an input that is one edit; bulk that of one with a list of them.
var single = inputShape{}

func bulk(list string) inputShape { return inputShape{list} }

func (s inputShape) path(index int, field string) []string {
	switch s.list {
	case "":
		return []string{field}
	case "mappings":
		return []string{s.list, strconv.Itoa(index), field}
	}
	return []string{s.list, strconv.Itoa(index)}
}

// editRows makes the edits and returns the rows to show with what was refused: those that hold now and, for a
// single edit that was refused, that row as it is.
func editRows[N any](ctx context.Context, r *Resolver, kind editedKind[N], requests []requestedEdit, in inputShape) ([]*N, mapping.Outcome, []*model.UserError, error) {
	ids, outcome, refused, err := edit(ctx, r, kind, requests, in)
	shown := []*N{}
	if err != nil || len(ids) == 0 {
		return shown, outcome, refused, err
	}
	err = r.read(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		shown, err = kind.byID(ctx, tx, seller(ctx), ids)
		return err
	})
	return shown, outcome, refused, err
}

// edit makes the edits and returns the numbers of the rows to show with what was refused.
func edit[N any](ctx context.Context, r *Resolver, kind editedKind[N], requests []requestedEdit, in inputShape) ([]int64, mapping.Outcome, []*model.UserError, error) {
	refused, err := r.refuseWithoutSetup(ctx)
	if err != nil || refused != nil {
		return nil, mapping.Outcome{}, refused, err
	}
	if len(requests) > maxItems {
		return nil, mapping.Outcome{}, []*model.UserError{userError(model.UserErrorCodeTooMany, tooMany(len(requests)), in.list)}, nil
	}
	problems := make([][]*model.UserError, len(requests))
	var edits []mapping.Edit
	var positions []int
	var record int64 // of the last request, which is the only one of a single edit
	for i, request := range requests {
		var edit mapping.Edit
		if edit, problems[i] = kind.parse(request, i, in); len(problems[i]) == 0 {
			edits, positions = append(edits, edit), append(positions, i)
		}
		record = edit.Record
	}
	outcome, err := r.Mapping.Edit(ctx, seller(ctx), kind.kind, identity(ctx).Subject, edits)
	if err != nil {
		return nil, mapping.Outcome{}, nil, err
	}
	for _, refusal := range outcome.Refused {
		i := positions[refusal.Edit]
		problems[i] = append(problems[i], kind.refusal(refusal, i, in))
	}
	shown := outcome.Accepted
	if in == single && record != 0 {
		shown = []int64{record}
	}
	return shown, outcome, append([]*model.UserError{}, slices.Concat(problems...)...), nil
}

// refusal tells the client what was refused and where in its input.
func (k editedKind[N]) refusal(refusal mapping.Refusal, index int, in inputShape) *model.UserError {
	field := k.recordField
	if refusal.AboutTarget {
		field = k.targetField
	} else if refusal.Code == mapping.Conflict {
		field = "expectedRevision"
	}
	return userError(model.UserErrorCode(refusal.Code), refusal.Message, in.path(index, field)...)
}

// parse reads the node ids of an edit and names every one that is not of the right type.
func (k editedKind[N]) parse(request requestedEdit, index int, in inputShape) (mapping.Edit, []*model.UserError) {
	var problems []*model.UserError
	edit := request.Edit
	var err error
	if edit.Record, err = parseID(k.recordType, request.record); err != nil {
		problems = append(problems, userError(model.UserErrorCodeInvalid, err.Error(), in.path(index, k.recordField)...))
	}
	if request.target != nil {
		target, err := parseID(k.targetType, *request.target)
		if err != nil {
			problems = append(problems, userError(model.UserErrorCodeInvalid, err.Error(), in.path(index, k.targetField)...))
		}
		edit.Target = mapping.MapTo(psa.RecordID(target))
	}
	return edit, problems
}

// inOrder shows rows that were read by number in the order of the numbers.
func inOrder[T grid.Positioned, N any](ids []int64, result *grid.Result[T], err error, number func(T) int64, show func(T) *N) ([]*N, error) {
	if err != nil {
		return nil, err
	}
	found := make(map[int64]*N, len(result.Rows))
	for _, row := range result.Rows {
		found[number(row)] = show(row)
	}
	ordered := make([]*N, 0, len(ids))
	for _, id := range ids {
		if record := found[id]; record != nil {
			ordered = append(ordered, record)
		}
	}
	return ordered, nil
}

func first[T any](records []*T) *T {
	if len(records) == 0 {
		return nil
	}
	return records[0]
}

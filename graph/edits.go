package graph

import (
	"context"
	"slices"
	"strconv"

	"crosswalk/graph/model"
	"crosswalk/internal/mapping"
	"crosswalk/internal/psa"
)

// editedKind says how the inputs of one kind of mapping call their parts.
type editedKind struct {
	kind                    mapping.Kind
	recordType, recordField string
	targetType, targetField string
}

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

// edit makes the edits and returns the records to show with what was refused. Of a single edit that was
// refused, the record is shown as it is.
func (r *Resolver) edit(ctx context.Context, kind editedKind, requests []requestedEdit, in inputShape) ([]int64, []*model.UserError, error) {
	refused, err := r.refuseWithoutSetup(ctx)
	if err != nil || refused != nil {
		return nil, refused, err
	}
	if len(requests) > maxItems {
		return nil, []*model.UserError{userError(model.UserErrorCodeTooMany, tooMany(len(requests)), in.list)}, nil
	}
	problems := make([][]*model.UserError, len(requests))
	var edits []mapping.Edit
	var positions []int
	for i, request := range requests {
		var edit mapping.Edit
		if edit, problems[i] = kind.parse(request, i, in); len(problems[i]) == 0 {
			edits, positions = append(edits, edit), append(positions, i)
		}
	}
	outcome, err := r.Mapping.Edit(ctx, seller(ctx), kind.kind, identity(ctx).Subject, edits)
	if err != nil {
		return nil, nil, err
	}
	for _, refusal := range outcome.Refused {
		i := positions[refusal.Edit]
		problems[i] = append(problems[i], kind.refusal(refusal, i, in))
	}
	shown := outcome.Accepted
	if in == single && len(edits) == 1 {
		shown = []int64{edits[0].Record}
	}
	return shown, append([]*model.UserError{}, slices.Concat(problems...)...), nil
}

// refusal tells the client what was refused and where in its input.
func (k editedKind) refusal(refusal mapping.Refusal, index int, in inputShape) *model.UserError {
	field := k.recordField
	if refusal.AboutTarget {
		field = k.targetField
	} else if refusal.Code == mapping.Conflict {
		field = "expectedRevision"
	}
	return userError(model.UserErrorCode(refusal.Code), refusal.Message, in.path(index, field)...)
}

// parse reads the node ids of an edit and names every one that is not of the right type.
func (k editedKind) parse(request requestedEdit, index int, in inputShape) (mapping.Edit, []*model.UserError) {
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

package graph

import (
	"context"
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
	refused = []*model.UserError{}
	var edits []mapping.Edit
	var positions []int
	for i, request := range requests {
		edit, problems := kind.parse(request, i, in)
		if len(problems) > 0 {
			refused = append(refused, problems...)
			continue
		}
		edits, positions = append(edits, edit), append(positions, i)
	}
	outcome, err := r.Mapping.Edit(ctx, seller(ctx), kind.kind, identity(ctx).Subject, edits)
	if err != nil {
		return nil, nil, err
	}
	for _, refusal := range outcome.Refused {
		field := kind.recordField
		if refusal.AboutTarget {
			field = kind.targetField
		} else if refusal.Code == mapping.Conflict {
			field = "expectedRevision"
		}
		path := in.path(positions[refusal.Edit], field)
		refused = append(refused, userError(model.UserErrorCode(refusal.Code), refusal.Message, path...))
	}
	shown := outcome.Accepted
	if in == single && len(edits) == 1 {
		shown = []int64{edits[0].Record}
	}
	return shown, refused, nil
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

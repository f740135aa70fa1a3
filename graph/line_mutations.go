package graph

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/99designs/gqlgen/graphql"

	"crosswalk/graph/model"
	"crosswalk/internal/activity"
	"crosswalk/internal/civil"
	"crosswalk/internal/invoicing"
	"crosswalk/internal/invoicing/rule"
	"crosswalk/internal/postgres"
	"crosswalk/internal/postgres/grid"
	"crosswalk/internal/posting"
	"crosswalk/internal/psa"
)

// LoadInvoiceLines starts the run that loads lines of calendar months.
func (r *mutationResolver) LoadInvoiceLines(ctx context.Context, input model.LoadInvoiceLinesInput) (*model.JobPayload, error) {
	if len(input.Periods) == 0 {
		message := "Choose at least one month to load: CURRENT_MONTH, PREVIOUS_MONTH or both."
		return &model.JobPayload{UserErrors: []*model.UserError{userError(model.UserErrorCodeInvalid, message, "periods")}}, nil
	}
	var periods []rule.LoadPeriod
	for _, p := range input.Periods {
		if !slices.Contains(periods, rule.LoadPeriod(p)) {
			periods = append(periods, rule.LoadPeriod(p))
		}
	}
	slices.Sort(periods)
	return r.enqueue(ctx, model.JobKindLoadInvoiceLines, invoicing.Load{Periods: periods})
}

// SyncInvoiceLines starts the run that posts lines.
func (r *mutationResolver) SyncInvoiceLines(ctx context.Context, input *model.SyncInvoiceLinesInput) (*model.JobPayload, error) {
	refused, err := r.refuseWithoutSetup(ctx)
	if err != nil || refused != nil {
		return &model.JobPayload{UserErrors: refused}, err
	}
	selected, refused, err := r.selectLines(ctx, input)
	if err != nil {
		return nil, err
	}
	payload := &model.JobPayload{UserErrors: append([]*model.UserError{}, refused...)}
	if len(refused) > 0 && (selected == nil || len(selected.IDs) == 0) {
		return payload, nil
	}
	err = r.DB.Seller(seller(ctx)).Write(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		job, started, same, err := posting.Enqueue(ctx, tx, seller(ctx), identity(ctx).Subject, selected)
		payload.Job, payload.Started = jobNode(job), started
		if err == nil && !same {
			payload.UserErrors = append(payload.UserErrors, userError(model.UserErrorCodeJobRunning, otherRun))
		}
		return err
	})
	if message, ok := inputProblem(err); ok {
		return &model.JobPayload{UserErrors: []*model.UserError{userError(model.UserErrorCodeInvalid, message, "matching")}}, nil
	}
	if err != nil {
		return nil, err
	}
	return payload, nil
}

// selectLines reads which lines to post; nil stands for all. What it refuses it names.
func (r *Resolver) selectLines(ctx context.Context, input *model.SyncInvoiceLinesInput) (*posting.Selection, []*model.UserError, error) {
	if input == nil || input.Ids.Value() == nil && input.Matching.Value() == nil {
		return nil, nil, nil
	}
	ids, matching := input.Ids.Value(), input.Matching.Value()
	switch {
	case ids != nil && matching != nil:
		message := "Give ids or matching, not both: the lines to post are named one way or the other. Without either, all lines are posted."
		return nil, []*model.UserError{userError(model.UserErrorCodeInvalid, message)}, nil
	case len(ids) > maxItems:
		return nil, []*model.UserError{userError(model.UserErrorCodeTooMany, tooMany(len(ids)), "ids")}, nil
	case ids != nil:
		return r.selectByIDs(ctx, ids)
	}
	asked, err := json.Marshal(matching)
	if err != nil {
		return nil, nil, fmt.Errorf("read the selection: %w", err)
	}
	selected := &posting.Selection{Asked: digest(asked)}
	var month *civil.YearMonth
	selected.View, month, err = r.lineView(ctx, &matching.Period)
	if err == nil {
		selected.Where, err = lineList{search: matching.Search.Value()}.condition(seller(ctx), month, matching.Filter.Value())
	}
	if message, ok := inputProblem(err); ok {
		return nil, []*model.UserError{userError(model.UserErrorCodeInvalid, message, "matching")}, nil
	}
	return selected, nil, err
}

func (r *Resolver) selectByIDs(ctx context.Context, ids []string) (*posting.Selection, []*model.UserError, error) {
	var refused []*model.UserError
	numbers := make([]int64, len(ids))
	for i, id := range ids {
		number, err := parseID(typeInvoiceLine, id)
		if err != nil {
			refused = append(refused, userError(model.UserErrorCodeInvalid, err.Error(), "ids", strconv.Itoa(i)))
		}
		numbers[i] = number
	}
	known, err := r.knownLines(ctx, numbers)
	if err != nil {
		return nil, nil, err
	}
	for i, number := range numbers {
		if number != 0 && !slices.Contains(known, number) {
			refused = append(refused, userError(model.UserErrorCodeNotFound, invoicing.Messages[invoicing.NotFound], "ids", strconv.Itoa(i)))
		}
	}
	if len(ids) == 0 {
		refused = append(refused, userError(model.UserErrorCodeInvalid, "Name at least one line, or leave ids out to post all lines.", "ids"))
	}
	return &posting.Selection{Asked: digest([]byte(fmt.Sprint(known))), IDs: known}, refused, nil
}

// knownLines returns those of the numbers that lines have, in order, each once.
func (r *Resolver) knownLines(ctx context.Context, numbers []int64) (known []int64, err error) {
	err = r.read(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		known, err = invoicing.Known(ctx, tx, seller(ctx), numbers)
		return err
	})
	return known, err
}

// digest identifies what was asked for.
func digest(asked []byte) string {
	sum := sha256.Sum256(asked)
	return hex.EncodeToString(sum[:16])
}

// lineEdit reads the members that the single and the bulk edit have in common, and names those that are not right.
func lineEdit(agreement graphql.Omittable[*string], start, end graphql.Omittable[*civil.Date]) (invoicing.Edit, []*model.UserError) {
	edit := invoicing.Edit{Start: given(start), End: given(end)}
	id, isGiven := agreement.ValueOK()
	edit.Agreement.Given = isGiven
	if id == nil {
		return edit, nil
	}
	number, err := parseID(typePsaAgreement, *id)
	if err != nil {
		return edit, []*model.UserError{userError(model.UserErrorCodeInvalid, err.Error(), "psaAgreementId")}
	}
	record := psa.RecordID(number)
	edit.Agreement.Value = &record
	return edit, nil
}

func given[T any](value graphql.Omittable[*T]) invoicing.Field[T] {
	v, isGiven := value.ValueOK()
	return invoicing.Field[T]{Given: isGiven, Value: v}
}

// refusedField is the input member that a refusal is about.
func refusedField(code invoicing.RefusalCode, edit invoicing.Edit) string {
	switch code {
	case invoicing.NotOfCompany, invoicing.Closed, invoicing.CurrencyMismatch, invoicing.PsaUnavailable:
		return "psaAgreementId"
	case invoicing.Invalid:
		if edit.End.Given {
			return "chargeEndDate"
		}
		return "chargeStartDate"
	case invoicing.Stale:
		return "expectedRevision"
	}
	return "invoiceLineId"
}

// refusalCode is what clients are told for a refusal.
func refusalCode(code invoicing.RefusalCode) model.UserErrorCode {
	if code == invoicing.Stale {
		return model.UserErrorCodeConflict
	}
	return model.UserErrorCode(code)
}

// UpdateInvoiceLine changes one line.
func (r *mutationResolver) UpdateInvoiceLine(ctx context.Context, input model.UpdateInvoiceLineInput) (*model.UpdateInvoiceLinePayload, error) {
	refused, err := r.refuseWithoutSetup(ctx)
	if err != nil || refused != nil {
		return &model.UpdateInvoiceLinePayload{UserErrors: refused}, err
	}
	edit, refused := lineEdit(input.PsaAgreementID, input.ChargeStartDate, input.ChargeEndDate)
	edit.ExpectedRevision = input.ExpectedRevision.Value()
	number, err := parseID(typeInvoiceLine, input.InvoiceLineID)
	if err != nil {
		refused = append(refused, userError(model.UserErrorCodeInvalid, err.Error(), "invoiceLineId"))
	}
	payload := &model.UpdateInvoiceLinePayload{UserErrors: append([]*model.UserError{}, refused...)}
	if len(refused) == 0 {
		outcome, err := r.Invoicing.EditLines(ctx, seller(ctx), identity(ctx).Subject, []int64{number}, edit)
		if err != nil {
			return nil, err
		}
		payload.UserErrors = append(payload.UserErrors, wholeRefusal(outcome)...)
		for _, code := range refusalCodes(outcome) {
			payload.UserErrors = append(payload.UserErrors, userError(refusalCode(code), invoicing.Messages[code], refusedField(code, edit)))
		}
	}
	if number == 0 {
		return payload, nil
	}
	lines, err := r.linesByNumber(ctx, []int64{number})
	payload.InvoiceLine = first(lines)
	return payload, err
}

// refusalCodes returns what lines were refused for, each code once.
func refusalCodes(outcome invoicing.Outcome) []invoicing.RefusalCode {
	codes := make([]invoicing.RefusalCode, 0, len(outcome.Counts))
	for code := range outcome.Counts {
		codes = append(codes, code)
	}
	slices.Sort(codes)
	return codes
}

// wholeRefusal says why no line could have an edit, if so; that is always about its agreement.
func wholeRefusal(outcome invoicing.Outcome) []*model.UserError {
	if outcome.Whole == "" {
		return nil
	}
	message := invoicing.Messages[outcome.Whole]
	if outcome.Whole == invoicing.NotFound {
		message = "ConnectWise no longer has this agreement. Choose another one."
	}
	return []*model.UserError{userError(model.UserErrorCode(outcome.Whole), message, "psaAgreementId")}
}

// linesByNumber returns the lines with these numbers that exist, in their order.
func (r *Resolver) linesByNumber(ctx context.Context, numbers []int64) ([]*model.InvoiceLine, error) {
	byID, err := r.linesByID(ctx)
	if err != nil {
		return nil, err
	}
	var lines []*model.InvoiceLine
	err = r.read(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		lines, err = byID(ctx, tx, seller(ctx), numbers)
		return err
	})
	return lines, err
}

func (r *Resolver) linesByID(ctx context.Context) (byIDFunc[model.InvoiceLine], error) {
	today, err := todayOf(ctx)
	view := invoicing.View{SetupComplete: true, Today: today}
	return func(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID, ids []int64) ([]*model.InvoiceLine, error) {
		result, err := invoicing.Lines(ctx, tx, seller, view, grid.ByNumber(allLineColumns(), ids))
		if err == nil {
			announceLines(ctx, result.Rows)
		}
		return inOrder(ids, result, err, func(l invoicing.Line) int64 { return l.ID }, invoiceLine)
	}, err
}

// allLineColumns are the columns of every field.
func allLineColumns() []string {
	columns := slices.Clone(lineBasics)
	for _, column := range lineFields {
		if !slices.Contains(columns, column) {
			columns = append(columns, column)
		}
	}
	return columns
}

// BulkUpdateInvoiceLines changes many lines.
func (r *mutationResolver) BulkUpdateInvoiceLines(ctx context.Context, input model.BulkUpdateInvoiceLinesInput) (*model.BulkUpdateInvoiceLinesPayload, error) {
	refused, err := r.refuseWithoutSetup(ctx)
	if err != nil || refused != nil {
		return &model.BulkUpdateInvoiceLinesPayload{UserErrors: refused}, err
	}
	edit, refused := lineEdit(input.PsaAgreementID, input.ChargeStartDate, input.ChargeEndDate)
	ids, byIDs := input.Ids.Value(), input.Ids.Value() != nil
	selected := input.Matching.Value()
	if byIDs == (selected != nil) {
		refused = append(refused, userError(model.UserErrorCodeInvalid, "Give either ids or matching: the lines to change are named one way or the other."))
	}
	if len(ids) > maxItems {
		refused = append(refused, userError(model.UserErrorCodeTooMany, tooMany(len(ids)), "ids"))
	}
	if len(refused) > 0 {
		return &model.BulkUpdateInvoiceLinesPayload{UserErrors: refused}, nil
	}
	if byIDs {
		return r.bulkByIDs(ctx, ids, edit)
	}
	return r.bulkMatching(ctx, *selected, edit)
}

func (r *Resolver) bulkByIDs(ctx context.Context, ids []string, edit invoicing.Edit) (*model.BulkUpdateInvoiceLinesPayload, error) {
	payload := &model.BulkUpdateInvoiceLinesPayload{UserErrors: []*model.UserError{}}
	positions := make(map[int64]int, len(ids))
	var numbers []int64
	for i, id := range ids {
		number, err := parseID(typeInvoiceLine, id)
		if err != nil {
			payload.Failed++
			payload.UserErrors = append(payload.UserErrors, userError(model.UserErrorCodeInvalid, err.Error(), "ids", strconv.Itoa(i)))
			continue
		}
		if _, repeated := positions[number]; !repeated {
			positions[number] = i
			numbers = append(numbers, number)
		}
	}
	outcome, err := r.Invoicing.EditLines(ctx, seller(ctx), identity(ctx).Subject, numbers, edit)
	if err != nil {
		return nil, err
	}
	payload.UserErrors = append(payload.UserErrors, wholeRefusal(outcome)...)
	slices.SortStableFunc(outcome.Refused, func(a, b invoicing.Refusal) int { return positions[a.Line] - positions[b.Line] })
	for _, refusal := range outcome.Refused {
		if goesWithoutSaying(refusal.Code, outcome) {
			continue
		}
		payload.UserErrors = append(payload.UserErrors,
			userError(model.UserErrorCode(refusal.Code), invoicing.Messages[refusal.Code], "ids", strconv.Itoa(positions[refusal.Line])))
	}
	count(payload, outcome)
	return payload, nil
}

func (r *Resolver) bulkMatching(ctx context.Context, selected model.InvoiceLineSelection, edit invoicing.Edit) (*model.BulkUpdateInvoiceLinesPayload, error) {
	payload := &model.BulkUpdateInvoiceLinesPayload{UserErrors: []*model.UserError{}}
	view, month, err := r.lineView(ctx, &selected.Period)
	var where grid.Condition
	if err == nil {
		where, err = lineList{search: selected.Search.Value()}.condition(seller(ctx), month, selected.Filter.Value())
	}
	var outcome invoicing.Outcome
	if err == nil {
		outcome, err = r.Invoicing.EditMatching(ctx, seller(ctx), identity(ctx).Subject, view, where, edit)
	}
	if message, ok := inputProblem(err); ok {
		payload.UserErrors = []*model.UserError{userError(model.UserErrorCodeInvalid, message, "matching")}
		return payload, nil
	}
	if err != nil {
		return nil, err
	}
	payload.UserErrors = append(payload.UserErrors, wholeRefusal(outcome)...)
	for _, code := range refusalCodes(outcome) {
		if goesWithoutSaying(code, outcome) {
			continue
		}
		message := activity.Count(outcome.Counts[code], "line", "lines") + ": " + invoicing.Messages[code]
		payload.UserErrors = append(payload.UserErrors, userError(model.UserErrorCode(code), message, "matching"))
	}
	count(payload, outcome)
	return payload, nil
}

// goesWithoutSaying reports whether what speaks against a line is about an agreement that no line could have anyway.
func goesWithoutSaying(code invoicing.RefusalCode, outcome invoicing.Outcome) bool {
	return outcome.Whole != "" && refusedField(code, invoicing.Edit{}) == "psaAgreementId"
}

func count(payload *model.BulkUpdateInvoiceLinesPayload, outcome invoicing.Outcome) {
	payload.Updated = outcome.Updated
	payload.Skipped += outcome.Skipped
	payload.Failed += outcome.Failed
}

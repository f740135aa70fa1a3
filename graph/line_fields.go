package graph

import (
	"context"

	"crosswalk/graph/loaders"
	"crosswalk/graph/model"
	"crosswalk/internal/civil"
	"crosswalk/internal/invoicing"
	"crosswalk/internal/invoicing/rule"
	"crosswalk/internal/postgres"
	"crosswalk/internal/psa"
)

// invoiceLine shows a row.
func invoiceLine(l invoicing.Line) *model.InvoiceLine {
	shown := &model.InvoiceLine{
		ID:                 nodeID(typeInvoiceLine, l.ID),
		PlatformID:         l.PlatformID,
		InvoiceNumber:      l.InvoiceNumber,
		InvoiceDate:        l.InvoiceDate,
		InvoiceStatus:      model.InvoiceStatus(l.InvoiceStatus),
		Period:             l.Period.YearMonth(),
		Description:        l.Description,
		ChargeType:         model.ChargeType(l.ChargeType),
		ChargeTypeText:     l.ChargeTypeText,
		Recurrence:         recurrence(l.Recurring),
		Quantity:           l.Quantity,
		UnitPrice:          l.UnitPrice,
		Amount:             &model.Money{Amount: l.Amount, Currency: l.Currency},
		ChargeStartDate:    chargeDate(l.ChargeStart, l.ChargeStartOrigin, l.InvoicedStart),
		ChargeEndDate:      chargeDate(l.ChargeEnd, l.ChargeEndOrigin, l.InvoicedEnd),
		IsCustomInvoice:    l.Custom,
		PsaAgreementOrigin: model.AgreementOrigin(l.AgreementOrigin),
		SyncStatus:         model.LineSyncStatus(l.SyncStatus),
		SyncedAt:           l.SyncedAt,
		Revision:           l.Revision,
		OrganizationID:     l.OrganizationID,
		ContractID:         l.ContractID,
		OfferID:            l.OfferID,
		MappingState:       model.MappingState(l.MappingStatus),
		PsaCompanyID:       l.PsaCompanyID,
		PsaProductID:       l.PsaProductID,
		PsaAgreementID:     l.PsaAgreementID,
		AdditionID:         l.AdditionID,
	}
	if l.UnitCost.Valid {
		shown.UnitCost = &l.UnitCost.Decimal
	}
	if l.SubscriptionID != nil {
		shown.Subscription = &model.PlatformSubscription{
			ID: *l.SubscriptionID, Name: deref(l.SubscriptionName),
			StartDate: optionalDate(l.SubscriptionStart), EndDate: optionalDate(l.SubscriptionEnd),
		}
	}
	if l.SyncErrorCode != nil {
		shown.SyncError = &model.SyncError{Code: model.SyncErrorCode(*l.SyncErrorCode), Message: deref(l.SyncError)}
	}
	shown.SyncBlockers = make([]*model.SyncBlocker, len(l.Blockers))
	for i, reason := range l.Blockers {
		shown.SyncBlockers[i] = syncBlocker(shown, rule.Reason(reason).Explain())
	}
	return shown
}

func recurrence(recurring bool) model.Recurrence {
	if recurring {
		return model.RecurrenceRecurring
	}
	return model.RecurrenceOneTime
}

func chargeDate(value civil.Date, origin string, invoiced civil.Date) *model.ChargeDate {
	return &model.ChargeDate{Value: optionalDate(value), Origin: model.ChargeDateOrigin(origin), Invoiced: optionalDate(invoiced)}
}

// syncBlocker shows a blocker.
func syncBlocker(line *model.InvoiceLine, b rule.Blocker) *model.SyncBlocker {
	return &model.SyncBlocker{Code: model.SyncBlockerCode(b.Code), Message: b.Message, Line: line, SubjectKind: string(b.Subject)}
}

// Subject resolves the record to change to clear a blocker.
func (r *syncBlockerResolver) Subject(ctx context.Context, obj *model.SyncBlocker) (model.Node, error) {
	switch rule.Subject(obj.SubjectKind) {
	case rule.SubjectOrganization:
		found, err := loadersFrom(ctx).Organizations.Load(ctx, obj.Line.OrganizationID)()
		return organization(found), err
	case rule.SubjectContract:
		found, err := loadersFrom(ctx).Contracts.Load(ctx, obj.Line.ContractID)()
		return contract(found), err
	case rule.SubjectOffer:
		found, err := loadersFrom(ctx).Offers.Load(ctx, obj.Line.OfferID)()
		return offer(found), err
	case rule.SubjectLine:
		return obj.Line, nil
	}
	return nil, nil
}

// Organization resolves who is billed.
func (r *invoiceLineResolver) Organization(ctx context.Context, obj *model.InvoiceLine) (*model.Organization, error) {
	found, err := loadersFrom(ctx).Organizations.Load(ctx, obj.OrganizationID)()
	return organization(found), err
}

// Contract resolves what a line is billed under.
func (r *invoiceLineResolver) Contract(ctx context.Context, obj *model.InvoiceLine) (*model.Contract, error) {
	found, err := loadersFrom(ctx).Contracts.Load(ctx, obj.ContractID)()
	return contract(found), err
}

// Offer resolves what is billed.
func (r *invoiceLineResolver) Offer(ctx context.Context, obj *model.InvoiceLine) (*model.Offer, error) {
	found, err := loadersFrom(ctx).Offers.Load(ctx, obj.OfferID)()
	return offer(found), err
}

// PsaCompany resolves the company a line would post to, verified live.
func (r *invoiceLineResolver) PsaCompany(ctx context.Context, obj *model.InvoiceLine) (*model.PsaCompany, error) {
	return shownLive(ctx, loadersFrom(ctx).Companies, obj.PsaCompanyID, psaCompany)
}

// PsaAgreement resolves the agreement a line would post to, verified live.
func (r *invoiceLineResolver) PsaAgreement(ctx context.Context, obj *model.InvoiceLine) (*model.PsaAgreement, error) {
	return shownLive(ctx, loadersFrom(ctx).Agreements, obj.PsaAgreementID, psaAgreement)
}

// PsaProduct resolves the product a line would post as, verified live.
func (r *invoiceLineResolver) PsaProduct(ctx context.Context, obj *model.InvoiceLine) (*model.PsaProduct, error) {
	return shownLive(ctx, loadersFrom(ctx).Products, obj.PsaProductID, psaProduct)
}

// PsaAddition resolves the Addition a posted line is part of: as it was written, or as ConnectWise has it now where
// more than its numbers is selected.
func (r *invoiceLineResolver) PsaAddition(ctx context.Context, obj *model.InvoiceLine) (*model.PsaAddition, error) {
	if obj.AdditionID == nil {
		return nil, nil
	}
	set := loadersFrom(ctx)
	stored, err := set.Posted.Load(ctx, *obj.AdditionID)()
	if err != nil {
		return nil, err
	}
	shown := loaders.Found[psa.Addition]{Record: stored}
	if selectionOf(ctx).hasOther("recordId", "agreementRecordId", "__typename") {
		live, err := set.Additions.Load(ctx, psa.AdditionKey{Agreement: stored.AgreementID, Record: stored.ID})()
		if err != nil {
			return nil, err
		}
		shown.Live, shown.Deleted = live.Live, live.Deleted
		if live.Live && !live.Deleted {
			shown.Record = live.Record
		}
	}
	return psaAddition(shown), nil
}

// MappingStatus resolves the stored state with the overlay of what ConnectWise answers now about each record.
func (r *invoiceLineResolver) MappingStatus(ctx context.Context, obj *model.InvoiceLine) (model.MappingStatus, error) {
	if obj.MappingState == model.MappingStateUnmapped {
		return model.MappingStatusUnmapped, nil
	}
	set := loadersFrom(ctx)
	for _, look := range []func() (model.MappingStatus, error){
		func() (model.MappingStatus, error) { return liveStatus(ctx, set.Companies, obj.PsaCompanyID) },
		func() (model.MappingStatus, error) { return liveStatus(ctx, set.Products, obj.PsaProductID) },
		func() (model.MappingStatus, error) { return liveStatus(ctx, set.Agreements, obj.PsaAgreementID) },
	} {
		if status, err := look(); err != nil || status == model.MappingStatusResponseError {
			return model.MappingStatusResponseError, err
		}
	}
	return model.MappingStatusMapped, nil
}

// InvoicePeriods resolves the months that have been loaded.
func (r *queryResolver) InvoicePeriods(ctx context.Context) ([]*model.InvoicePeriod, error) {
	today, err := todayOf(ctx)
	if err != nil {
		return nil, err
	}
	var shown []*model.InvoicePeriod
	err = r.readMapping(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		periods, err := invoicing.Periods(ctx, tx, seller(ctx), rule.EarliestMonth(today))
		shown = make([]*model.InvoicePeriod, len(periods))
		for i, p := range periods {
			shown[i] = &model.InvoicePeriod{Period: p.Month.YearMonth(), LineCount: p.LineCount, LoadedAt: p.LoadedAt}
		}
		return err
	})
	return shown, err
}

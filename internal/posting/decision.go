package posting

import (
	"github.com/shopspring/decimal"

	"crosswalk/internal/civil"
	"crosswalk/internal/invoicing/rule"
	"crosswalk/internal/postgres"
	"crosswalk/internal/psa"
)

// operation is a kind of write.
type operation string

const (
	create operation = "CREATE"
	change operation = "CHANGE"
	// end sets the last billed day and nothing else.
	end operation = "END"
)

// line is an invoice line at the moment it is posted, with where it goes.
type line struct {
	Seller           postgres.SellerID   `db:"seller_id"`
	ID               int64               `db:"id"`
	PlatformID       string              `db:"platform_id"`
	State            string              `db:"state"`
	Revision         int                 `db:"revision"`
	Period           civil.Date          `db:"period"`
	OrganizationID   int64               `db:"organization_id"`
	ContractID       int64               `db:"contract_id"`
	SubscriptionID   *string             `db:"subscription_id"`
	SubscriptionName *string             `db:"subscription_name"`
	Description      string              `db:"description"`
	ChargeTypeText   string              `db:"charge_type_text"`
	Recurring        bool                `db:"recurring"`
	Quantity         decimal.Decimal     `db:"quantity"`
	UnitPrice        decimal.Decimal     `db:"unit_price"`
	UnitCost         decimal.NullDecimal `db:"unit_cost"`
	InvoiceDate      civil.Date          `db:"invoice_date"`
	InvoicedStart    civil.Date          `db:"invoiced_start"`
	ChargeStart      civil.Date          `db:"charge_start"`
	// ChargeEnd is zero for a charge that does not end. EndIsDefault is true when neither a rule nor a user said so.
	ChargeEnd    civil.Date `db:"charge_end"`
	EndIsDefault bool       `db:"end_is_default"`
	Valid        bool       `db:"valid"`
	Excluded     bool       `db:"excluded_from_sync"`

	PlannedRevision int          `db:"planned_revision"`
	Company         psa.RecordID `db:"company_id"`
	Agreement       psa.RecordID `db:"agreement_id"`
	Origin          string       `db:"agreement_origin"`
	Product         psa.RecordID `db:"product_id"`
	// Lasting is true for the line that has the say about its subscription's lasting Addition this month.
	Lasting bool `db:"lasting"`
}

func (l line) claim() rule.Claim {
	return rule.Claim{
		SubscriptionID: text(l.SubscriptionID), RowID: l.PlatformID,
		Invoiced: rule.Invoiced{InvoiceDate: l.InvoiceDate, ChargeStart: l.InvoicedStart},
	}
}

// values are those of an Addition that the line has for itself, or begins.
func (l line) values(lasting bool) values {
	description := rule.AdditionText(text(l.SubscriptionName), l.Description, l.ChargeTypeText)
	v := values{
		ProductID: l.Product, Quantity: decimal.NewNullDecimal(l.Quantity), UnitPrice: decimal.NewNullDecimal(l.UnitPrice),
		UnitCost: l.UnitCost, EffectiveDate: l.ChargeStart, CancelledDate: l.ChargeEnd, InvoiceDescription: &description,
	}
	// A recurring charge has no end by default. One that does not become the lasting Addition ends as one-time
	// charges do, with the month it starts in.
	if !lasting && l.Recurring && l.EndIsDefault {
		v.CancelledDate = l.ChargeStart.YearMonth().LastDay()
	}
	return v
}

// predecessor is the latest lasting Addition of a line's subscription, with the line whose values it has.
type predecessor struct {
	ID            int64         `db:"id"`
	Generation    int           `db:"generation"`
	Current       bool          `db:"current"`
	Agreement     psa.RecordID  `db:"agreement_id"`
	Record        *psa.RecordID `db:"record_id"`
	Product       psa.RecordID  `db:"product_id"`
	EffectiveDate civil.Date    `db:"effective_date"`
	CancelledDate civil.Date    `db:"cancelled_date"`
	// Unsettled is true while the outcome of a write to it is not known.
	Unsettled bool `db:"unsettled"`

	OwnerID            int64      `db:"owner_id"`
	OwnerPlatformID    string     `db:"owner_platform_id"`
	OwnerPeriod        civil.Date `db:"owner_period"`
	OwnerInvoiceDate   civil.Date `db:"owner_invoice_date"`
	OwnerInvoicedStart civil.Date `db:"owner_invoiced_start"`
	OwnerChargeStart   civil.Date `db:"owner_charge_start"`
}

func (p predecessor) claim() rule.Claim {
	return rule.Claim{
		RowID:    p.OwnerPlatformID,
		Invoiced: rule.Invoiced{InvoiceDate: p.OwnerInvoiceDate, ChargeStart: p.OwnerInvoicedStart},
	}
}

// goesOn reports whether one that is over, as far as we know, bills the line's charge all the same: somebody set another end in
// ConnectWise, or took it away.
func (p predecessor) goesOn(l line, live listed) bool {
	current, exists := live.byRecord[*p.Record]
	return exists && current.CancelledDate != p.CancelledDate && (current.CancelledDate.IsZero() || !current.CancelledDate.Before(l.ChargeStart))
}

// holdsAnotherCharge reports whether its values are another charge of the line's month.
func (p predecessor) holdsAnotherCharge(l line) bool {
	return p.OwnerPeriod == l.Period && p.OwnerID != l.ID
}

// lastDay is the last billed day of an Addition that the line's own takes the place of: the day before that begins,
// but its first day at least, and the day it ends on already at most. Where its values are another charge of the
// month, which is not to be lost, it lasts as long as that charge would on its own.
func (p predecessor) lastDay(l line, live psa.Addition) civil.Date {
	last := l.ChargeStart.AddDays(-1)
	if p.holdsAnotherCharge(l) {
		last = p.OwnerChargeStart.YearMonth().LastDay()
	}
	if last.Before(live.EffectiveDate) {
		last = live.EffectiveDate
	}
	if !live.CancelledDate.IsZero() && live.CancelledDate.Before(last) {
		last = live.CancelledDate
	}
	return last
}

// decision is what is to be done for a line.
type decision struct {
	// wait is true when an earlier write has to be settled first.
	wait bool
	// operation is empty when ConnectWise has the Addition as it is to be: the line only has to be noted as posted.
	operation operation
	// addition is our number of the Addition to change, end or confirm; 0 for one that is not ours yet.
	addition int64
	// generation is that of a lasting Addition to begin or adopt; 0 for the Addition of a single line.
	generation int
	marker     string
	// live is the Addition as ConnectWise has it; nothing for one to create.
	live   psa.Addition
	values values
	// replaced is a lasting Addition that is over, and that the new one takes the place of; 0 if there is none.
	replaced int64
	// apart is true for a recurring line that cannot have the lasting Addition.
	apart bool
}

// decide says what becomes of a line on its agreement, given the lasting Addition of its subscription, if any,
// and the Additions that ConnectWise lists for the agreement.
func decide(l line, before *predecessor, live listed) decision {
	if before != nil && before.Record == nil && !before.Unsettled {
		before = nil // it was never begun; its generation is free
	}
	if !l.Recurring || !l.Lasting {
		return single(l, live)
	}
	if before == nil {
		return begin(l, 1, 0, live)
	}
	if before.OwnerID != l.ID && l.claim().Compare(before.claim()) < 0 {
		return single(l, live)
	}
	if before.Unsettled {
		return decision{wait: true}
	}
	elsewhere := before.Agreement != l.Agreement
	switch {
	case before.Current && elsewhere:
		return decision{wait: true} // it is ended before anything is begun elsewhere
	case !before.Current && (elsewhere || !before.goesOn(l, live)):
		return begin(l, before.Generation+1, 0, live)
	}
	current, exists := live.byRecord[*before.Record]
	switch {
	case !exists, !current.CancelledDate.IsZero() && current.CancelledDate.Before(l.ChargeStart):
		return begin(l, before.Generation+1, before.ID, live)
	case current.ProductID != l.Product, before.holdsAnotherCharge(l):
		last := before.lastDay(l, current)
		if current.CancelledDate == last {
			return begin(l, before.Generation+1, before.ID, live)
		}
		return finish(*before, current, last)
	}
	v := l.values(true)
	d := decision{addition: before.ID, generation: before.Generation, live: current, values: v}
	d.values.EffectiveDate = current.EffectiveDate
	chosen := l.EndIsDefault || current.CancelledDate != before.CancelledDate
	if v.CancelledDate.IsZero() && chosen && !current.CancelledDate.Before(l.ChargeStart.YearMonth().LastDay()) {
		// It has an end, with this month or later, that somebody chose: for an earlier line here, or in ConnectWise. A charge that
		// says nothing of an end does not take it away: what the Platform bills after that day gets an Addition that begins then.
		d.values.CancelledDate = current.CancelledDate
	}
	if _, differs := d.values.change(change, current); differs {
		d.operation = change
	}
	return d
}

// single gives a line an Addition of its own.
func single(l line, live listed) decision {
	d := decision{operation: create, marker: markerOfLine(l.Seller, l.PlatformID), values: l.values(false), apart: l.Recurring}
	return d.adopting(live)
}

// begin begins a lasting Addition. Where there is one already that we have no note of, it goes on.
func begin(l line, generation int, replaced int64, live listed) decision {
	for {
		d := decision{
			operation: create, generation: generation, marker: markerOfSubscription(l.Seller, text(l.SubscriptionID), generation),
			values: l.values(true), replaced: replaced,
		}
		found, exists := live.marked(d.marker)
		if exists && !found.CancelledDate.IsZero() && found.CancelledDate.Before(l.ChargeStart) {
			generation++
			continue
		}
		return d.adopting(live)
	}
}

// adopting makes do with an Addition that bears the marker already.
func (d decision) adopting(live listed) decision {
	found, exists := live.marked(d.marker)
	if !exists {
		return d
	}
	d.live, d.operation = found, ""
	if _, differs := d.values.change(change, found); differs {
		d.operation = change
	}
	d.values.EffectiveDate = found.EffectiveDate
	return d
}

// finish ends a lasting Addition with a day.
func finish(before predecessor, live psa.Addition, last civil.Date) decision {
	return decision{
		operation: end, addition: before.ID, generation: before.Generation, live: live,
		values: values{ProductID: live.ProductID, CancelledDate: last},
	}
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

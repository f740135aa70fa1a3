package invoicing

import (
	"crosswalk/internal/account"
	"crosswalk/internal/civil"
	"crosswalk/internal/invoicing/rule"
	"crosswalk/internal/platform"
)

// Rules are the charge-date rules of a seller, applied to lines once, when they are loaded.
type Rules struct{ Start, End account.ChargeDateRule }

// ruled are the dates that rules give a line.
type ruled struct {
	start civil.Date
	end   civil.Date
	// endIsRuled is true when a rule spoke about the end, be it that there is none.
	endIsRuled bool
}

func (r Rules) apply(row platform.InvoiceRow) ruled {
	invoiced := rule.Invoiced{InvoiceDate: row.InvoiceDate, ChargeStart: row.ChargeStartDate, ChargeEnd: row.ChargeEndDate}
	start, end := rule.StartByRule(r.Start, invoiced), rule.EndByRule(r.End, invoiced)
	return ruled{start: start.Date, end: end.Date, endIsRuled: end.Decided}
}

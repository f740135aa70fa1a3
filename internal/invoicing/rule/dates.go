package rule

import (
	"crosswalk/internal/account"
	"crosswalk/internal/civil"
)

// Invoiced is what an invoice says about when a line is charged.
type Invoiced struct {
	// InvoiceDate is the date of the invoice. Every invoice has one.
	InvoiceDate civil.Date
	// ChargeStart and ChargeEnd are zero where the invoice does not say.
	ChargeStart, ChargeEnd civil.Date
}

// start is the invoiced start; a line without one counts as charged from the date of its invoice.
func (i Invoiced) start() civil.Date {
	if i.ChargeStart.IsZero() {
		return i.InvoiceDate
	}
	return i.ChargeStart
}

// RuleDate is what a charge date rule decided about a line. The zero value says that it decided nothing and
// leaves the date to the default.
type RuleDate struct {
	Decided bool
	// Date is zero where the rule decided that the charge never ends.
	Date civil.Date
}

// StartByRule returns what a rule decides about the charge start of a line. Rules run once, when the line is
// first loaded.
func StartByRule(rule account.ChargeDateRule, invoiced Invoiced) RuleDate {
	if rule.Kind == account.NoDate {
		return RuleDate{} // every charge starts some day
	}
	return decide(rule, invoiced, invoiced.ChargeStart)
}

// EndByRule returns what a rule decides about the charge end of a line. Months count from the line's charge
// start here too.
func EndByRule(rule account.ChargeDateRule, invoiced Invoiced) RuleDate {
	return decide(rule, invoiced, invoiced.ChargeEnd)
}

// decide applies a rule; asInvoiced is the invoiced date of the end in question.
func decide(rule account.ChargeDateRule, invoiced Invoiced, asInvoiced civil.Date) RuleDate {
	month := invoiced.start().YearMonth()
	switch rule.Kind {
	case account.AsInvoiced:
		return RuleDate{Decided: !asInvoiced.IsZero(), Date: asInvoiced}
	case account.FirstDayOfMonth:
		return RuleDate{Decided: true, Date: month.FirstDay()}
	case account.LastDayOfMonth:
		return RuleDate{Decided: true, Date: month.LastDay()}
	case account.FirstDayOfNextMonth:
		return RuleDate{Decided: true, Date: month.Add(1).FirstDay()}
	case account.InvoiceDate:
		return RuleDate{Decided: true, Date: invoiced.InvoiceDate}
	case account.FixedDay:
		day := min(rule.Day, month.LastDay().Day)
		return RuleDate{Decided: true, Date: civil.Date{Year: month.Year, Month: month.Month, Day: day}}
	case account.NoDate:
		return RuleDate{Decided: true}
	}
	return RuleDate{}
}

// DateOrigin says which source a charge date came from.
type DateOrigin string

// The origins, the weakest first.
const (
	DefaultDate   DateOrigin = "DEFAULT"
	SystemUpdated DateOrigin = "SYSTEM_UPDATED"
	UserUpdated   DateOrigin = "USER_UPDATED"
)

// ChargeDate is a date that a line will post with.
type ChargeDate struct {
	// Date is zero where a charge does not end.
	Date   civil.Date
	Origin DateOrigin
}

// DateSources is everything that the charge dates of a line are chosen from. What a user entered wins over
// what the seller's rule decided when the line was loaded, and that over the default, which is worked out
// whenever it is asked for:
//
//   - The default start is the invoiced one or, where the invoice does not say, the date of the invoice.
//   - By default a recurring charge does not end.
//   - By default a one-time charge ends on the last day of the month in which it starts, wherever that start
//     comes from.
type DateSources struct {
	Invoiced   Invoiced
	Recurrence Recurrence
	// RuleStart and RuleEnd are what was decided when the line was loaded.
	RuleStart, RuleEnd RuleDate
	// UserStart and UserEnd are what a user entered; zero where nobody did, or took it back. A user cannot
	// enter that a charge never ends.
	UserStart, UserEnd civil.Date
}

// Start returns the effective charge start, which always has a date.
func (s DateSources) Start() ChargeDate {
	return choose(s.UserStart, s.RuleStart, s.Invoiced.start())
}

// End returns the effective charge end.
func (s DateSources) End() ChargeDate {
	var byDefault civil.Date
	if s.Recurrence == OneTime {
		byDefault = s.Start().Date.YearMonth().LastDay()
	}
	return choose(s.UserEnd, s.RuleEnd, byDefault)
}

func choose(user civil.Date, rule RuleDate, byDefault civil.Date) ChargeDate {
	switch {
	case !user.IsZero():
		return ChargeDate{Date: user, Origin: UserUpdated}
	case rule.Decided:
		return ChargeDate{Date: rule.Date, Origin: SystemUpdated}
	}
	return ChargeDate{Date: byDefault, Origin: DefaultDate}
}

// InOrder reports whether a charge ends on the day it starts or later, or never.
func InOrder(start, end civil.Date) bool {
	return end.IsZero() || !end.Before(start)
}

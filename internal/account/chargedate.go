package account

import "slices"

// ChargeDateRule decides a charge date of the lines that are loaded from then on.
type ChargeDateRule struct {
	Kind ChargeDateRuleKind
	// Day is 1 to 31 for FixedDay and 0 for every other kind. Months that are shorter end the count.
	Day int
}

// ChargeDateRuleKind says how a rule decides.
type ChargeDateRuleKind string

// The kinds of charge date rules. Months count from the month of the line's invoiced charge start.
const (
	NoRule              ChargeDateRuleKind = "NO_RULE"                 // the default of the line's charge type
	AsInvoiced          ChargeDateRuleKind = "AS_INVOICED"             // the invoiced date, if there is one
	FirstDayOfMonth     ChargeDateRuleKind = "FIRST_DAY_OF_MONTH"      //
	LastDayOfMonth      ChargeDateRuleKind = "LAST_DAY_OF_MONTH"       //
	FirstDayOfNextMonth ChargeDateRuleKind = "FIRST_DAY_OF_NEXT_MONTH" //
	InvoiceDate         ChargeDateRuleKind = "INVOICE_DATE"            // the date of the invoice
	FixedDay            ChargeDateRuleKind = "FIXED_DAY"               // the same day of every month
	NoDate              ChargeDateRuleKind = "NO_DATE"                 // never ends; for the end only
)

var startRules = [...]ChargeDateRuleKind{NoRule, AsInvoiced, FirstDayOfMonth, LastDayOfMonth, FirstDayOfNextMonth, InvoiceDate, FixedDay}

// check notes what is wrong with a rule for the date that field names.
func (r ChargeDateRule) check(problems *FieldErrors, field string, isEnd bool) {
	switch {
	case r.Kind == NoDate && !isEnd:
		problems.add("NO_DATE is for the charge end only: every charge starts some day", field, "kind")
	case r.Kind != NoDate && !slices.Contains(startRules[:], r.Kind):
		problems.add("is not a charge date rule", field, "kind")
	}
	switch {
	case r.Kind == FixedDay && (r.Day < 1 || r.Day > 31):
		problems.add("must be a day of the month, 1 to 31", field, "day")
	case r.Kind != FixedDay && r.Day != 0:
		problems.add("is for FIXED_DAY only", field, "day")
	}
}

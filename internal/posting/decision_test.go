package posting

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"crosswalk/internal/civil"
	"crosswalk/internal/psa"
)

func day(s string) civil.Date {
	if s == "" {
		return civil.Date{}
	}
	return civil.MustParseDate(s)
}

func number(s string) decimal.NullDecimal {
	if s == "" {
		return decimal.NullDecimal{}
	}
	return decimal.NewNullDecimal(decimal.RequireFromString(s))
}

// mayLine is a cycle fee of May: 5 of product 7 at 10 each, to agreement 70.
func mayLine() line {
	subscription, name := "S", "Plan"
	return line{
		Seller: 1, ID: 2, PlatformID: "R-2", Period: day("2026-05-01"), SubscriptionID: &subscription, SubscriptionName: &name, ChargeTypeText: "CycleFee",
		Recurring: true, Lasting: true, Quantity: decimal.NewFromInt(5), UnitPrice: decimal.NewFromInt(10),
		InvoiceDate: day("2026-05-03"), InvoicedStart: day("2026-05-01"), ChargeStart: day("2026-05-01"), EndIsDefault: true,
		Company: 700, Agreement: 70, Product: 7,
	}
}

// fromApril is the lasting Addition that April's line, row R-1, began.
func fromApril() *predecessor {
	record := psa.RecordID(900)
	return &predecessor{
		ID: 1, Generation: 1, Current: true, Agreement: 70, Record: &record, Product: 7, EffectiveDate: day("2026-04-01"),
		OwnerID: 1, OwnerPlatformID: "R-1", OwnerPeriod: day("2026-04-01"), OwnerInvoiceDate: day("2026-04-03"), OwnerInvoicedStart: day("2026-04-01"),
		OwnerChargeStart: day("2026-04-01"),
	}
}

// begunInMay makes the Addition one that another charge of May has.
func (p *predecessor) begunInMay() {
	p.OwnerPeriod, p.OwnerInvoiceDate = day("2026-05-01"), day("2026-05-02")
	p.OwnerInvoicedStart, p.OwnerChargeStart = day("2026-05-01"), day("2026-05-01")
}

// aprilAddition is fromApril as ConnectWise has it.
func aprilAddition() psa.Addition {
	return psa.Addition{
		ID: 900, AgreementID: 70, ProductID: 7, Quantity: decimal.NewFromInt(5), UnitPrice: number("10"), EffectiveDate: day("2026-04-01"),
		InvoiceDescription: "Plan - CycleFee", SerialNumber: markerOfSubscription(1, "S", 1),
	}
}

func TestDecide(t *testing.T) {
	t.Parallel()
	type world struct {
		line   line
		before *predecessor
		live   []psa.Addition
	}
	type want struct {
		Operation  operation
		Wait       bool
		Addition   int64
		Generation int
		Marker     string
		Live       psa.RecordID
		Replaced   int64
		Apart      bool
		Start, End string
	}
	for _, tt := range []struct {
		name   string
		change func(*world)
		want   want
	}{
		{
			"the first line of a subscription begins a lasting Addition without an end",
			func(w *world) { w.before, w.live = nil, nil },
			want{Operation: create, Generation: 1, Marker: markerOfSubscription(1, "S", 1), Start: "2026-05-01"},
		},
		{
			"the line of the next month with the same values has nothing to send",
			func(*world) {},
			want{Addition: 1, Generation: 1, Live: 900, Start: "2026-04-01"},
		},
		{
			"another quantity changes the Addition, which keeps its first day",
			func(w *world) { w.line.Quantity = decimal.NewFromInt(6) },
			want{Operation: change, Addition: 1, Generation: 1, Live: 900, Start: "2026-04-01"},
		},
		{
			"an end set by a rule or a user ends the lasting Addition",
			func(w *world) { w.line.ChargeEnd, w.line.EndIsDefault = day("2026-05-31"), false },
			want{Operation: change, Addition: 1, Generation: 1, Live: 900, Start: "2026-04-01", End: "2026-05-31"},
		},
		{
			"another product ends the Addition the day before",
			func(w *world) { w.line.Product = 8 },
			want{Operation: end, Addition: 1, Generation: 1, Live: 900, End: "2026-04-30"},
		},
		{
			"an Addition that would end before it begins ends on its first day",
			func(w *world) { w.line.Product, w.line.ChargeStart = 8, day("2026-03-15") },
			want{Operation: end, Addition: 1, Generation: 1, Live: 900, End: "2026-04-01"},
		},
		{
			"after the end the next one begins",
			func(w *world) { w.before.Current = false },
			want{Operation: create, Generation: 2, Marker: markerOfSubscription(1, "S", 2), Start: "2026-05-01"},
		},
		{
			"an Addition on another agreement is ended there first",
			func(w *world) { w.before.Agreement = 71 },
			want{Wait: true},
		},
		{
			"a lost write is settled first",
			func(w *world) { w.before.Unsettled = true },
			want{Wait: true},
		},
		{
			"an Addition that somebody removed is followed by another one",
			func(w *world) { w.live = nil },
			want{Operation: create, Generation: 2, Marker: markerOfSubscription(1, "S", 2), Replaced: 1, Start: "2026-05-01"},
		},
		{
			"an Addition that somebody ended with the month of the charge stays ended",
			func(w *world) { w.live[0].CancelledDate = day("2026-05-31") },
			want{Addition: 1, Generation: 1, Live: 900, Start: "2026-04-01", End: "2026-05-31"},
		},
		{
			"an Addition that would end within the month of the charge goes on",
			func(w *world) { w.live[0].CancelledDate = day("2026-05-20") },
			want{Operation: change, Addition: 1, Generation: 1, Live: 900, Start: "2026-04-01"},
		},
		{
			"an end that an earlier line set stays when the next line says nothing of one",
			func(w *world) {
				w.before.CancelledDate, w.live[0].CancelledDate = day("2026-12-31"), day("2026-12-31")
			},
			want{Addition: 1, Generation: 1, Live: 900, Start: "2026-04-01", End: "2026-12-31"},
		},
		{
			"an end that an earlier line set goes when a rule says that there is none",
			func(w *world) {
				w.line.EndIsDefault = false
				w.before.CancelledDate, w.live[0].CancelledDate = day("2026-12-31"), day("2026-12-31")
			},
			want{Operation: change, Addition: 1, Generation: 1, Live: 900, Start: "2026-04-01"},
		},
		{
			"an Addition that is over and whose end somebody took away goes on",
			func(w *world) { w.before.Current, w.before.CancelledDate = false, day("2026-04-30") },
			want{Addition: 1, Generation: 1, Live: 900, Start: "2026-04-01"},
		},
		{
			"an Addition that is over and that somebody has end with a later day goes on until then",
			func(w *world) {
				w.before.Current, w.live[0].CancelledDate = false, day("2026-12-31")
			},
			want{Addition: 1, Generation: 1, Live: 900, Start: "2026-04-01", End: "2026-12-31"},
		},
		{
			"an Addition that is over, goes on and has another product is ended first",
			func(w *world) {
				w.before.Current, w.before.CancelledDate, w.line.Product = false, day("2026-04-15"), 8
			},
			want{Operation: end, Addition: 1, Generation: 1, Live: 900, End: "2026-04-30"},
		},
		{
			"an Addition that somebody ended before the charge is followed by another one",
			func(w *world) { w.live[0].CancelledDate = day("2026-04-30") },
			want{Operation: create, Generation: 2, Marker: markerOfSubscription(1, "S", 2), Replaced: 1, Start: "2026-05-01"},
		},
		{
			"a later charge of the same month ends the earlier one with its own month",
			func(w *world) { w.before.begunInMay(); w.live[0].EffectiveDate = day("2026-05-01") },
			want{Operation: end, Addition: 1, Generation: 1, Live: 900, End: "2026-05-31"},
		},
		{
			"an Addition of months before ends with the month of the charge that it has now",
			func(w *world) { w.before.begunInMay() },
			want{Operation: end, Addition: 1, Generation: 1, Live: 900, End: "2026-05-31"},
		},
		{
			"a later charge of the same month for another product loses the earlier one no days",
			func(w *world) { w.before.begunInMay(); w.line.Product = 8 },
			want{Operation: end, Addition: 1, Generation: 1, Live: 900, End: "2026-05-31"},
		},
		{
			"an earlier charge of the same month that ends by itself is left as it is",
			func(w *world) { w.before.begunInMay(); w.live[0].CancelledDate = day("2026-05-20") },
			want{Operation: create, Generation: 2, Marker: markerOfSubscription(1, "S", 2), Replaced: 1, Start: "2026-05-01"},
		},
		{
			"a line of an older month gets an Addition of its own",
			func(w *world) {
				w.before.OwnerInvoicedStart, w.before.OwnerPeriod = day("2026-06-01"), day("2026-06-01")
			},
			want{Operation: create, Marker: markerOfLine(1, "R-2"), Apart: true, Start: "2026-05-01", End: "2026-05-31"},
		},
		{
			"a line that another one of its month has precedence over gets an Addition of its own",
			func(w *world) { w.line.Lasting = false },
			want{Operation: create, Marker: markerOfLine(1, "R-2"), Apart: true, Start: "2026-05-01", End: "2026-05-31"},
		},
		{
			"a recurring line apart ends as a user said",
			func(w *world) {
				w.line.Lasting, w.line.EndIsDefault, w.line.ChargeEnd = false, false, day("2026-05-20")
			},
			want{Operation: create, Marker: markerOfLine(1, "R-2"), Apart: true, Start: "2026-05-01", End: "2026-05-20"},
		},
		{
			"a one-time line ends with the month it starts in",
			func(w *world) { w.line.Recurring, w.line.Lasting, w.line.ChargeEnd = false, false, day("2026-05-31") },
			want{Operation: create, Marker: markerOfLine(1, "R-2"), Start: "2026-05-01", End: "2026-05-31"},
		},
		{
			"an Addition of the line that we have no note of is adopted",
			func(w *world) {
				w.line.Recurring, w.line.Lasting, w.line.ChargeEnd = false, false, day("2026-05-31")
				w.live = []psa.Addition{{
					ID: 901, ProductID: 7, Quantity: decimal.NewFromInt(5), UnitPrice: number("10.00"), EffectiveDate: day("2026-05-01"), CancelledDate: day("2026-05-31"),
					InvoiceDescription: "Plan -  CycleFee ", SerialNumber: markerOfLine(1, "R-2"),
				}}
			},
			want{Marker: markerOfLine(1, "R-2"), Live: 901, Start: "2026-05-01", End: "2026-05-31"},
		},
		{
			"a lasting Addition that we have no note of goes on, the ended ones before it being over",
			func(w *world) {
				w.before = nil
				w.live[0].CancelledDate = day("2026-04-30")
				second := aprilAddition()
				second.ID, second.SerialNumber = 902, markerOfSubscription(1, "S", 2)
				w.live = append(w.live, second)
			},
			want{Generation: 2, Marker: markerOfSubscription(1, "S", 2), Live: 902, Start: "2026-04-01"},
		},
		{
			"of two Additions with one marker the elder counts",
			func(w *world) {
				w.before = nil
				twin := aprilAddition()
				twin.ID = 950
				w.live = append([]psa.Addition{twin}, w.live...)
			},
			want{Generation: 1, Marker: markerOfSubscription(1, "S", 1), Live: 900, Start: "2026-04-01"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := world{mayLine(), fromApril(), []psa.Addition{aprilAddition()}}
			tt.change(&w)
			d := decide(w.line, w.before, index(w.live))
			got := want{
				d.operation, d.wait, d.addition, d.generation, d.marker, d.live.ID, d.replaced, d.apart,
				shown(d.values.EffectiveDate), shown(d.values.CancelledDate),
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("decide (-want +got):\n%s", diff)
			}
		})
	}
}

func shown(d civil.Date) string {
	if d.IsZero() {
		return ""
	}
	return d.String()
}

func TestValues_ChangeOnlyWhatDiffers(t *testing.T) {
	t.Parallel()
	text := "Plan - CycleFee"
	wanted := values{
		ProductID: 7, Quantity: number("5"), UnitPrice: number("12345678901234567.123456"), EffectiveDate: day("2026-05-01"), InvoiceDescription: &text,
	}
	live := psa.Addition{
		ProductID: 7, Quantity: decimal.RequireFromString("5.0"), UnitPrice: number("12345678901234568"), UnitCost: number("3"),
		EffectiveDate: day("2026-04-01"), InvoiceDescription: "Plan\n- CycleFee",
	}
	if change, differs := wanted.change(change, live); differs {
		t.Errorf("what ConnectWise keeps of the same values differs: %+v", change)
	}
	live.UnitPrice, live.CancelledDate = number("10"), day("2026-05-31")
	got, differs := wanted.change(change, live)
	if !differs || got.UnitPrice == nil || !got.UnitPrice.Equal(wanted.UnitPrice.Decimal) || got.CancelledDate == nil || !got.CancelledDate.IsZero() ||
		got.Quantity != nil || got.EffectiveDate != nil || got.InvoiceDescription != nil || got.UnitCost != nil {
		t.Errorf("change = %+v, want the price and no end, and nothing else", got)
	}
	if got, _ := wanted.change(end, live); got.UnitPrice != nil || got.CancelledDate == nil {
		t.Errorf("an end changes %+v, want the last day alone", got)
	}
}

func TestMarker_TellsThingsApartAndFitsASerialNumber(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.String().Draw(t, "a"), rapid.String().Draw(t, "b")
		n := rapid.IntRange(1, 100).Draw(t, "n")
		all := map[string]bool{markerOfLine(1, a): true, markerOfLine(2, a): true, markerOfSubscription(1, a, n): true, markerOfSubscription(1, a, n+1): true}
		if a != b {
			all[markerOfLine(1, b)] = true
		}
		if want := 4 + map[bool]int{true: 1}[a != b]; len(all) != want {
			t.Fatalf("%d things have %d markers", want, len(all))
		}
		for m := range all {
			if len(m) > 50 {
				t.Fatalf("marker %q has %d bytes, want 50 at most", m, len(m))
			}
		}
	})
}

func TestAgreementName_KeepsTheContractsNumberWhole(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a := agreementless{
			Organization: rapid.StringN(1, 200, 400).Draw(t, "organization"),
			Number:       rapid.StringMatching(`[A-Za-z0-9-]{1,60}`).Draw(t, "number"),
		}
		name := a.name()
		if n := len([]rune(name)); n > maxAgreementName {
			t.Fatalf("the name %q has %d characters", name, n)
		}
		if got := name[len(name)-len(a.Number):]; got != a.Number {
			t.Fatalf("the name %q ends with %q, want the contract's number %q", name, got, a.Number)
		}
	})
}

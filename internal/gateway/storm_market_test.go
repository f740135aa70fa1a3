package gateway_test

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	"github.com/shopspring/decimal"

	"crosswalk/internal/civil"
	"crosswalk/internal/gateway/gatewaytest"
	"crosswalk/internal/platform"
	simconnectwise "crosswalk/internal/simulator/connectwise"
)

// storm is a world in which very much goes wrong, and what must have become of it in the end.
type storm struct {
	*gatewaytest.World
	turnstile turnstile
	customers []stormCustomer
	// products are the items of the catalog that offers are sold as; the last one is removed later.
	products map[string]int
	// sales are the lines of April and May, by the Platform's id.
	sales map[string]stormSale
}

// stormCustomer is an organization with one contract, and a company of its own.
type stormCustomer struct {
	number   string
	currency string
	company  int
	// agreement is 0 where one has to be created.
	agreement int
	// refused is why nothing of the customer can be posted; empty for most.
	refused string
}

func (c stormCustomer) name() string     { return "Customer " + c.number }
func (c stormCustomer) contract() string { return "C-" + c.number }

// stormSale is a line with what people must see of it in ConnectWise.
type stormSale struct {
	customer int
	month    civil.YearMonth
	row      platform.InvoiceRow
	// refused is the code of the reason for which the line cannot be posted; empty for most.
	refused string
	// replaced is true for a charge whose Addition a charge of the next month has changed.
	replaced bool
	// begins is the first billed day where it is not that of the charge; lasts is the last one, zero for none.
	begins, lasts civil.Date
}

// billed is what people see of an Addition in ConnectWise. Quantity and price tell lines apart.
type billed struct {
	Agreement, Product    int
	Text, Quantity, Price string
	Effective, Cancelled  string
	BillCustomer          string
}

func seen(a simconnectwise.Addition) billed {
	return billed{
		Agreement: a.AgreementID, Product: a.ProductID, Text: a.InvoiceDescription, Quantity: a.Quantity.String(),
		Price: a.UnitPrice.Decimal.String(), Effective: shown(a.EffectiveDate), Cancelled: shown(a.CancelledDate), BillCustomer: a.BillCustomer,
	}
}

func shown(day civil.Date) string {
	if day.IsZero() {
		return ""
	}
	return day.String()
}

func sortBilled(list []billed) []billed {
	slices.SortFunc(list, func(a, b billed) int {
		return cmp.Or(a.Agreement-b.Agreement, cmp.Compare(a.Text, b.Text), cmp.Compare(a.Price, b.Price), cmp.Compare(a.Effective, b.Effective))
	})
	return list
}

// stormCurrencies are what customers take turns in.
var stormCurrencies = []string{"EUR", "USD", "GBP", "SEK"}

// furnish gives both simulators what is sold to whom: lines of May, and of April where a customer had something then.
func (s *storm) furnish(t testing.TB, customers, lines int) {
	t.Helper()
	s.products = map[string]int{}
	for _, identifier := range []string{"SEAT", "DISK", "CALL", "GONE"} {
		s.products[identifier] = s.ConnectWise.AddProduct(simconnectwise.Product{Identifier: identifier, Description: identifier, Price: decimal.New(99, 0)})
	}
	for i := range customers {
		s.addCustomer(t, i, customers)
	}
	s.sales = make(map[string]stormSale, lines)
	april := make([][]platform.InvoiceRow, customers)
	current := make([][]platform.InvoiceRow, customers)
	for i := 0; len(s.sales) < lines; i++ {
		of := (i + i/20) % customers
		for _, sale := range s.sell(i, of) {
			sale.customer = of
			s.sales[sale.row.RowID] = sale
			if sale.month == thisMonth() {
				current[of] = append(current[of], sale.row)
			} else {
				april[of] = append(april[of], sale.row)
			}
		}
	}
	for i, c := range s.customers {
		header := platform.InvoiceHeader{CustomerID: c.number, ContractID: c.contract(), Currency: c.currency}
		header.InvoiceDate = aprilDay(20)
		s.Platform.AddInvoice(header, april[i]...)
		header.InvoiceDate = date(12)
		s.Platform.AddInvoice(header, current[i]...)
	}
}

func thisMonth() civil.YearMonth          { return today().YearMonth() }
func aprilDay(day int) civil.Date         { return civil.Date{Year: 2026, Month: 4, Day: day} }
func lastOfMonth(d civil.Date) civil.Date { return d.YearMonth().LastDay() }

// addCustomer adds a customer with its company. One in ten has no agreement; nothing can be posted to two of the last
// four, whose company has no contact, nor to the two before, whose agreement will be closed.
func (s *storm) addCustomer(t testing.TB, i, of int) {
	t.Helper()
	c := stormCustomer{number: number(i), currency: stormCurrencies[i%len(stormCurrencies)]}
	withoutContact, closes := i >= of-2, i >= of-4 && i < of-2
	switch {
	case withoutContact:
		c.refused = "NO_COMPANY_CONTACT"
	case closes:
		c.refused = "AGREEMENT_CLOSED"
	}
	c.company = s.ConnectWise.AddCompany(simconnectwise.Company{
		Identifier: "X" + c.number, Name: "Company " + c.number, Currency: c.currency, WithoutContact: withoutContact,
	})
	if i%10 != 9 && !withoutContact {
		c.agreement = addAgreement(t, s.World, simconnectwise.Agreement{
			Name: "Agreement " + c.number, CompanyID: c.company, Currency: c.currency, StartDate: aprilDay(1),
		})
	}
	s.Platform.AddOrganization(platform.Organization{ID: c.number, Name: c.name(), ReferenceNumber: c.number, Status: "Active"})
	s.Platform.AddContract(platform.Contract{ID: c.contract(), CustomerID: c.number, Currency: c.currency, BillingCycleDay: 1})
	s.customers = append(s.customers, c)
}

// sell makes up one sale: mostly a line of May, at times two of one subscription, or one of April with what follows it.
func (s *storm) sell(i, of int) []stormSale {
	refused := s.customers[of].refused
	switch i % 20 {
	case 0, 1, 2, 3, 4, 5, 6: // a subscription
		return []stormSale{{month: thisMonth(), row: stormRow(i, "CycleFee", "SEAT", date(1)), refused: refused}}
	case 7, 8, 9, 10: // a charge for something used
		row := stormRow(i, "UsageFee", "CALL", date(3))
		row.ChargeEndDate = date(28)
		return []stormSale{{month: thisMonth(), row: row, refused: refused, lasts: date(31)}}
	case 11, 12, 13: // a charge without subscription
		row := stormRow(i, "OneTimeFee", "DISK", date(10))
		row.SubscriptionID, row.SubscriptionName, row.Description = "", "", "Disk "+number(i)
		return []stormSale{{month: thisMonth(), row: row, refused: refused, lasts: date(31)}}
	case 14, 15: // two recurring charges of one subscription: the later one has the lasting Addition
		first, second := stormRow(i, "CycleFee", "SEAT", date(1)), stormRow(i, "PurchaseFee", "SEAT", date(9))
		second.RowID += "-b"
		second.UnitPrice = second.UnitPrice.Add(decimal.New(5, 0))
		return []stormSale{
			{month: thisMonth(), row: first, refused: refused, lasts: date(31)},
			{month: thisMonth(), row: second, refused: refused},
		}
	case 16, 17: // a subscription of April that goes on, at another price or as it was
		before, after := stormRow(i, "PurchaseFee", "SEAT", aprilDay(5)), stormRow(i, "CycleFee", "SEAT", date(1))
		before.RowID += "-a"
		before.ChargeType = after.ChargeType
		if i%20 == 16 {
			before.UnitPrice = before.UnitPrice.Add(decimal.New(7, 0))
		}
		return []stormSale{
			{month: aprilDay(1).YearMonth(), row: before, refused: refused, replaced: true},
			{month: thisMonth(), row: after, refused: refused, begins: aprilDay(5)},
		}
	case 18: // a subscription of April that is gone in May
		row := stormRow(i, "CycleFee", "SEAT", aprilDay(2))
		row.RowID += "-a"
		return []stormSale{{month: aprilDay(1).YearMonth(), row: row, refused: refused, lasts: aprilDay(30)}}
	}
	// What ConnectWise itself refuses: a charge before billing begins, and a product that is gone.
	if of%2 == 0 && s.customers[of].agreement != 0 {
		row := stormRow(i, "OneTimeFee", "DISK", civil.Date{Year: 2026, Month: 3, Day: 20})
		return []stormSale{{month: thisMonth(), row: row, refused: cmp.Or(refused, "BEFORE_BILLING_START")}}
	}
	return []stormSale{{month: thisMonth(), row: stormRow(i, "OneTimeFee", "GONE", date(4)), refused: cmp.Or(refused, "RECORD_MISSING")}}
}

// stormRow is a line of a subscription of its own, at a price that no other line has.
func stormRow(i int, charge, product string, start civil.Date) platform.InvoiceRow {
	price := decimal.New(100_000+int64(i)*13, -4)
	quantity := decimal.New(int64(1+i%7), 0)
	return platform.InvoiceRow{
		RowID: "R-" + number(i), SubscriptionID: "S-" + number(i), SubscriptionName: "Plan " + number(i),
		OfferID: "O-" + product, OfferName: product, VendorOfferID: "EXT-" + product, VendorID: "V-1", VendorName: "Contoso",
		ChargeType: charge, ChargeStartDate: start, ChargeEndDate: lastOfMonth(start),
		Quantity: quantity, UnitPrice: price, TotalPrice: quantity.Mul(price), ResellerPrice: decimal.NewNullDecimal(price.Mul(decimal.New(8, -1))),
	}
}

// mapAll maps what lines have brought, as people would.
func (s *storm) mapAll(t testing.TB, people *gatewaytest.Seller) {
	t.Helper()
	companies := make(map[string]int, len(s.customers))
	agreements := make(map[string]int, len(s.customers))
	for _, c := range s.customers {
		companies[c.name()], agreements[c.contract()] = c.company, c.agreement
	}
	var rows []variables
	for _, o := range organizations(t, people) {
		rows = append(rows, variables{"organizationId": o.ID, "psaCompanyId": companyID(companies[o.Name]), "excludedFromSync": false})
	}
	if payload := mapOrganizations(t, people, rows); len(payload.UserErrors) > 0 || len(rows) != len(s.customers) {
		t.Fatalf("map %d organizations of %d: %+v", len(rows), len(s.customers), payload.UserErrors)
	}
	for _, c := range contracts(t, people) {
		if agreement := agreements[c.PlatformID]; agreement != 0 {
			sign(t, people, c.ID, agreementID(agreement))
		}
	}
	s.mapOffers(t, people)
}

func (s *storm) mapOffers(t testing.TB, people *gatewaytest.Seller) {
	t.Helper()
	for _, o := range offers(t, people) {
		if o.PsaProduct == nil {
			sellAs(t, people, o.ID, nodeID("PsaProduct", int64(s.products[o.Name])))
		}
	}
}

// closeAgreements ends those agreements that lines are refused for, after contracts were mapped to them.
func (s *storm) closeAgreements(t testing.TB) {
	t.Helper()
	for _, c := range s.customers {
		if c.refused != "AGREEMENT_CLOSED" {
			continue
		}
		if err := s.ConnectWise.CancelAgreement(c.agreement, yesterday()); err != nil {
			t.Fatal(err)
		}
	}
}

// agreementsOf returns the agreement of each customer that has one or got one, which must be a single one.
func (s *storm) agreementsOf(t testing.TB) []int {
	t.Helper()
	byCompany := make(map[int][]simconnectwise.Agreement)
	for _, a := range s.ConnectWise.Agreements() {
		byCompany[a.CompanyID] = append(byCompany[a.CompanyID], a)
	}
	numbers := make([]int, len(s.customers))
	for i, c := range s.customers {
		owned := byCompany[c.company]
		switch {
		case c.refused == "NO_COMPANY_CONTACT":
			if len(owned) > 0 {
				t.Errorf("%s has %d agreements, want none: its company has no contact", c.name(), len(owned))
			}
		case len(owned) != 1:
			t.Errorf("%s has %d agreements, want one: %+v", c.name(), len(owned), owned)
		case c.agreement == 0 && owned[0].Name != c.name()+" "+c.contract():
			t.Errorf("the agreement created for %s is called %q", c.contract(), owned[0].Name)
		default:
			numbers[i] = owned[0].ID
		}
	}
	return numbers
}

// wanted is what ConnectWise must have of the lines that were posted.
func (s *storm) wanted(t testing.TB) []billed {
	t.Helper()
	agreements := s.agreementsOf(t)
	var list []billed
	for _, sale := range s.sales {
		if sale.refused != "" || sale.replaced {
			continue
		}
		row := sale.row
		name := cmp.Or(row.SubscriptionName, row.Description)
		begins := row.ChargeStartDate
		if !sale.begins.IsZero() {
			begins = sale.begins
		}
		list = append(list, billed{
			Agreement: agreements[sale.customer], Product: s.products[row.OfferName], Text: fmt.Sprintf("%s - %s", name, row.ChargeType),
			Quantity: row.Quantity.String(), Price: row.UnitPrice.String(), Effective: shown(begins), Cancelled: shown(sale.lasts), BillCustomer: "Billable",
		})
	}
	return sortBilled(list)
}

package connectwise

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"unicode"

	"github.com/shopspring/decimal"
	"golang.org/x/text/unicode/norm"

	"crosswalk/internal/simulator/sample"
)

// installer is who made what was there from the beginning.
const installer = "install"

// furnish fills the set-up tables that every tenant has.
func (t *tenant) furnish() {
	for _, c := range [...]struct {
		code, symbol, name string
		decimals           int64
	}{
		{"EUR", "€", "Euro", 2}, {"USD", "$", "US Dollars", 2}, {"GBP", "£", "Pounds Sterling", 2},
		{"SEK", "kr", "Swedish Krona", 2}, {"NOK", "kr", "Norwegian Krone", 2}, {"DKK", "kr.", "Danish Krone", 2},
		{"CHF", "CHF", "Swiss Francs", 2}, {"PLN", "zł", "Polish Zloty", 2}, {"CAD", "$", "Canadian Dollars", 2},
		{"AUD", "$", "Australian Dollars", 2}, {"ISK", "kr", "Icelandic Krona", 0}, {"JPY", "¥", "Japanese Yen", 0},
	} {
		t.add(t.collections["currency"], 0, 0, map[string]any{
			"symbol": c.symbol, "currencyCode": c.code, "currencyIdentifier": c.code, "name": c.name,
			"decimalSeparator": ".", "thousandsSeparator": ",", "numberOfDecimals": c.decimals, "displaySymbolFlag": true,
		}, installer)
	}
	for _, table := range [...]struct {
		collection, standard string
		names                []string
	}{
		{"companyStatus", "Active", []string{"Active", "Not Approved", "Credit Hold – call AR", "Prospect/Do not use", "Inactive"}},
		{"companyType", "Prospect", []string{"Customer", "Prospect", "Vendor"}},
		{"billingTerms", "Net 30", []string{"Net 30", "Net 14", "Due on receipt"}},
		{"billingCycle", "Monthly", []string{"Weekly", "Monthly", "Quarterly", "Yearly"}},
		{"productType", "Cloud", []string{"Cloud", "Hardware", "Services"}},
		{"unitOfMeasure", "Each", []string{"Each", "User", "GB"}},
		{"productCategory", "", []string{"Cloud services"}},
	} {
		for _, name := range table.names {
			values := map[string]any{"name": name, "defaultFlag": name == table.standard}
			t.add(t.collections[table.collection], 0, 0, values, installer)
		}
	}
	for _, name := range [...]string{"Managed Services", "Cloud Subscriptions", "Block Time", "Hardware as a Service"} {
		t.addAgreementType(name, false, installer)
	}
	t.addAgreementType("Legacy Hosting (do not use)", true, installer)
	t.collections["company"].define(CustomField{Caption: "Customer since", Type: "Date"})
	t.collections["addition"].define(CustomField{Caption: "Reference"})
}

// define adds a custom field.
func (c *collection) define(f CustomField) {
	id := int64(f.ID)
	for _, known := range c.definitions {
		if f.ID == 0 {
			id = max(id, known.id)
		}
	}
	if f.ID == 0 {
		id++
	}
	c.definitions = append(c.definitions, customDefinition{
		id: id, caption: f.Caption, kind: orElse(f.Type, "Text"), entryMethod: "EntryField",
	})
}

// populate makes up the records that the options ask for, unless ctx ends before.
func (t *tenant) populate(ctx context.Context, options Options) error {
	p := populator{ctx: ctx, tenant: t, random: rand.New(rand.NewPCG(options.Seed, 1)), currencies: options.Currencies}
	p.companies(options.Companies)
	p.products(options.Products)
	p.agreements(options.Agreements)
	p.additions(options.Additions)
	return ctx.Err()
}

// populator makes records up until ctx ends.
type populator struct {
	ctx        context.Context
	tenant     *tenant
	random     *rand.Rand
	currencies []string
	active     []*record
}

// everyDuplicate is how often a company is a forgotten double of an earlier one in the recycle bin.
const everyDuplicate = 50

func (p *populator) companies(count int) {
	taken := make(map[string]bool, count)
	for i := range count {
		if p.ctx.Err() != nil {
			return
		}
		from := i
		isDuplicate := i%everyDuplicate == everyDuplicate-1
		if isDuplicate {
			from = i - 7
		}
		home := sample.OrganizationAt(from)
		currency := home.Currency
		if len(p.currencies) > 0 {
			currency = p.currencies[i%len(p.currencies)]
		}
		r := p.tenant.addCompany(Company{
			Identifier: uniqueIdentifier(home.Name, taken), Name: home.Name, Status: statusOf(i), Currency: currency,
			AddressLine1: fmt.Sprintf("Station Road %d", 1+i%90), City: home.City, Country: home.Country,
			PhoneNumber: fmt.Sprintf("+%d 555 %04d", 1+i%48, i%10000), Website: "www." + websiteOf(home.Name) + "." + home.Domain,
			YearEstablished: 1950 + i%70, WithoutContact: i%12 == 5, Deleted: isDuplicate || i%97 == 60,
		}, installer)
		if !isDuplicate && i%97 != 60 {
			p.active = append(p.active, p.tenant.companies().find(r.id))
		}
	}
}

// statusOf gives most companies the status Active and some each of the others.
func statusOf(i int) string {
	switch {
	case i%15 == 8:
		return "Not Approved"
	case i%29 == 11:
		return "Credit Hold – call AR"
	case i%41 == 17:
		return "Prospect/Do not use"
	case i%53 == 31:
		return "Inactive"
	}
	return "Active"
}

// plain reduces a name to its unaccented letters and digits.
func plain(name string) string {
	var out strings.Builder
	for _, r := range norm.NFD.String(strings.ReplaceAll(name, "ß", "ss")) {
		if r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r)) {
			out.WriteRune(r)
		}
	}
	return out.String()
}

func websiteOf(name string) string { return strings.ToLower(plain(name)) }

// uniqueIdentifier makes an identifier of at most 30 characters that is not taken in any case.
func uniqueIdentifier(name string, taken map[string]bool) string {
	stem := plain(name)
	stem = stem[:min(len(stem), 24)]
	identifier := stem
	for n := 2; taken[foldName(identifier)]; n++ {
		identifier = fmt.Sprintf("%s%d", stem, n)
	}
	taken[foldName(identifier)] = true
	return identifier
}

func (p *populator) products(count int) {
	shelf := sample.NewShelf()
	for i := range count {
		if p.ctx.Err() != nil {
			return
		}
		offer := shelf.At(i)
		description := []rune(offer.Name)
		p.tenant.addProduct(Product{
			Identifier:  offer.Vendor.Code + "-" + offer.VendorOfferID,
			Description: string(description[:min(len(description), 60)]), CustomerDescription: offer.Name,
			Category: offer.Category, Price: offer.Price, Cost: offer.CostPrice, VendorSKU: offer.VendorOfferID,
			Taxable: i%6 != 0, Inactive: i%17 == 13,
		}, installer)
	}
}

// agreements gives every company but a few a first agreement, then second ones and so on.
func (p *populator) agreements(count int) {
	if len(p.active) == 0 {
		return
	}
	made := 0
	for i := 0; made < count && p.ctx.Err() == nil; i++ {
		company, round := p.active[i%len(p.active)], i/len(p.active)
		if round == 0 && i%9 == 4 && count < len(p.active)*3/4 {
			continue
		}
		p.tenant.addAgreement(p.agreement(made, company, round), installer)
		made++
	}
}

func (p *populator) agreement(n int, company *record, round int) Agreement {
	types := [...]string{"Cloud Subscriptions", "Managed Services", "Block Time"}
	today := p.tenant.today()
	kind := types[(round+n%7/5)%len(types)]
	a := Agreement{
		Name: kind + " – " + p.tenant.nameOf(p.tenant.companies(), company), CompanyID: int(company.id), Type: kind,
		StartDate: today.YearMonth().Add(-13 - p.random.IntN(24)).FirstDay(), NoProration: kind == "Block Time",
	}
	if round%3 == 2 {
		a.Currency = "USD"
	}
	switch {
	case n%11 == 5:
		a.EndDate = today.YearMonth().Add(-1 - p.random.IntN(8)).LastDay()
	case n%13 == 7:
		a.CancelledDate = today.YearMonth().Add(-1 - p.random.IntN(8)).LastDay()
	case n%31 == 19:
		a.StartDate = today.YearMonth().Add(1).FirstDay()
	case n%5 == 3:
		a.EndDate = today.YearMonth().Add(6 + p.random.IntN(18)).LastDay()
	}
	if !a.StartDate.After(today) {
		a.NextInvoiceDate = today.YearMonth().FirstDay()
	}
	return a
}

// additions spreads lines that people entered themselves over the agreements.
func (p *populator) additions(count int) {
	agreements, products := p.tenant.agreements().records, p.tenant.products().records
	if len(agreements) == 0 || len(products) == 0 {
		return
	}
	for i := range count {
		if p.ctx.Err() != nil {
			return
		}
		agreement := agreements[(i*7)%len(agreements)]
		product := products[p.random.IntN(len(products))]
		start := dateOf(p.tenant.agreements().value(p.tenant, agreement, "billStartDate"))
		p.tenant.addAddition(Addition{
			AgreementID: int(agreement.id), ProductID: int(product.id), Quantity: decimal.NewFromInt(int64(1 + p.random.IntN(40))),
			EffectiveDate: start.AddMonths(p.random.IntN(6)),
		}, installer)
	}
}

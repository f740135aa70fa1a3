package connectwise

import (
	"time"

	"github.com/shopspring/decimal"

	"crosswalk/internal/civil"
)

// tenant is everything one ConnectWise installation knows. It does not lock; the Simulator does.
type tenant struct {
	collections map[string]*collection
	// now tells the server's time, whose date is its "today"; clock is the real time.
	now, clock  func() time.Time
	settings    *Settings
	lastInvoice int64
}

func newTenant(now, clock func() time.Time, settings *Settings) *tenant {
	t := &tenant{collections: map[string]*collection{}, now: now, clock: clock, settings: settings}
	for _, s := range []*schema{
		companySchema(), contactSchema(), companyStatusSchema(), companyTypeSchema(), countrySchema(),
		catalogItemSchema(), subcategorySchema(),
		nameSchema("productCategory", "Category", "procurement/categories", "category_href"),
		nameSchema("productType", "Product type", "procurement/types", "type_href"),
		nameSchema("unitOfMeasure", "Unit of measure", "procurement/unitOfMeasures", "unitOfMeasure_href"),
		agreementSchema(), agreementTypeSchema(), additionSchema(), currencySchema(),
		nameSchema("billingCycle", "Billing cycle", "finance/billingCycles", "billingCycle_href"),
		nameSchema("billingTerms", "Billing terms", "finance/billingTerms", "billingTerms_href"),
	} {
		t.collections[s.name] = newCollection(s)
	}
	return t
}

func (t *tenant) today() civil.Date { return civil.DateOf(t.now()) }

func (t *tenant) companies() *collection  { return t.collections["company"] }
func (t *tenant) products() *collection   { return t.collections["catalogItem"] }
func (t *tenant) agreements() *collection { return t.collections["agreement"] }
func (t *tenant) additions() *collection  { return t.collections["addition"] }

// blank returns a record that nothing is filled in of.
func (t *tenant) blank(c *collection) *record { return &record{values: make([]any, len(c.fields))} }

// insert gives a new record its id, unless it has one, and stores it as the work of someone.
func (t *tenant) insert(c *collection, r *record, who string) *record {
	if r.id == 0 {
		r.id = c.lastID + 1
	}
	r.entered, r.enteredBy = t.instant(), who
	return t.store(c, r, who)
}

// store stores a new record or a changed copy and notes who did it when.
func (t *tenant) store(c *collection, r *record, who string) *record {
	r.updated, r.updatedBy = t.instant(), who
	c.put(r)
	return r
}

// instant is the time as records carry it: real, in whole seconds.
func (t *tenant) instant() time.Time { return t.clock().UTC().Truncate(time.Second) }

// remove forgets a record and what belongs to it.
func (t *tenant) remove(c *collection, r *record) {
	c.remove(r)
	for _, other := range t.collections {
		if other.parent != c.name {
			continue
		}
		for _, child := range append([]*record(nil), other.children[r.id]...) {
			other.remove(child)
		}
	}
}

// isInUse reports whether any record refers to r; additions that belong to r do not count.
func (t *tenant) isInUse(c *collection, r *record) bool {
	for _, other := range t.collections {
		for position, f := range other.fields {
			if f.target != c.name {
				continue
			}
			for _, one := range other.records {
				if refersTo(one.values[position], r.id) && one != r {
					return true
				}
			}
		}
	}
	return false
}

func refersTo(value any, id int64) bool {
	switch v := value.(type) {
	case reference:
		return v.id == id
	case []reference:
		for _, one := range v {
			if one.id == id {
				return true
			}
		}
	}
	return false
}

// resolve returns the record a reference field of r points to, or nil.
func (t *tenant) resolve(c *collection, r *record, name string) *record {
	position, found := c.position(name)
	if !found {
		return nil
	}
	ref, isReference := r.values[position].(reference)
	target := t.collections[c.fields[position].target]
	if !isReference || target == nil {
		return nil
	}
	return target.find(ref.id)
}

// referTo returns a reference to the record whose field has the text, or nil when there is none.
func (t *tenant) referTo(collectionName, fieldName, text string) any {
	c := t.collections[collectionName]
	position, found := c.position(fieldName)
	if !found || text == "" {
		return nil
	}
	if c.unique == c.fields[position].name {
		if id, has := c.byUnique[foldName(text)]; has {
			return reference{id: id, name: text}
		}
		return nil
	}
	for _, r := range c.records {
		if held, isText := c.at(t, r, position).(string); isText && foldName(held) == foldName(text) {
			return reference{id: r.id, name: held}
		}
	}
	return nil
}

func textOf(value any) string {
	text, _ := value.(string)
	return text
}

func isTrue(value any) bool {
	flag, _ := value.(bool)
	return flag
}

// numberOf returns a number, or zero where there is none.
func numberOf(value any) decimal.Decimal {
	switch v := value.(type) {
	case decimal.Decimal:
		return v
	case int64:
		return decimal.NewFromInt(v)
	}
	return decimal.Zero
}

// dateOf returns a date, or the zero date where there is none.
func dateOf(value any) civil.Date {
	if moment, isTime := value.(time.Time); isTime {
		return civil.DateOf(moment.UTC())
	}
	return civil.Date{}
}

// dateValueOf is the value of a date field; the zero date is no value.
func dateValueOf(d civil.Date) any {
	if d.IsZero() {
		return nil
	}
	return d.Midnight()
}

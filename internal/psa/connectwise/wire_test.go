package connectwise

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/shopspring/decimal"

	"crosswalk/internal/civil"
	"crosswalk/internal/psa"
)

func decodeOne[R record](t *testing.T, data string) R {
	t.Helper()
	var decoded R
	if err := json.Unmarshal([]byte(data), &decoded); err != nil {
		t.Fatalf("decoding %s: %v", data, err)
	}
	return decoded
}

func amount(s string) decimal.NullDecimal {
	return decimal.NewNullDecimal(decimal.RequireFromString(s))
}

// diff compares records; decimals are compared digit by digit.
func diff(want, got any) string {
	return cmp.Diff(want, got, cmp.Comparer(func(a, b decimal.Decimal) bool { return a.String() == b.String() }))
}

func TestCompanyRecord(t *testing.T) {
	t.Parallel()
	updated := time.Date(2026, 4, 1, 10, 30, 0, 0, time.UTC)
	for _, tt := range []struct {
		name, data string
		want       psa.Company
	}{
		{
			"a full record, with fields nobody knows",
			`{"id":250,"identifier":"ACME","name":"Acme & Söhne","status":{"id":1,"name":"Active","_info":{"status_href":"x"}},
			  "currency":{"id":7,"symbol":"€","currencyCode":"EUR","currencyIdentifier":"Euro"},"defaultContact":{"id":33,"name":"Ann"},
			  "deletedFlag":false,"newField":{"deep":[1]},"_info":{"lastUpdated":"2026-04-01T10:30:00Z","notes_href":"x"}}`,
			psa.Company{ID: 250, Identifier: "ACME", Name: "Acme & Söhne", Status: "Active", Currency: "EUR", DefaultContact: 33, LastUpdated: updated},
		},
		{"unset fields are left out", `{"id":1}`, psa.Company{ID: 1}},
		{
			"unset fields are null",
			`{"id":1,"identifier":null,"name":null,"status":null,"currency":null,"defaultContact":null,"deletedFlag":null,"_info":null}`,
			psa.Company{ID: 1},
		},
		{
			"every field has a wrong type",
			`{"id":"12","identifier":77,"name":true,"status":"Active","currency":[1],"defaultContact":9,"deletedFlag":"True","_info":"x"}`,
			psa.Company{ID: 12, Identifier: "77", Name: "true", Status: "Active", DefaultContact: 9, Deleted: true},
		},
		{
			"every field is nonsense",
			`{"id":3,"identifier":{},"name":[],"status":[],"currency":true,"defaultContact":{"id":"x"},"deletedFlag":{},"_info":{"lastUpdated":7}}`,
			psa.Company{ID: 3},
		},
		{
			"invisible characters stray into texts",
			"{\"id\":1,\"identifier\":\"\u200eACME\u200e\",\"name\":\"\ufeffAcme\\u0000 Ltd\"}",
			psa.Company{ID: 1, Identifier: "ACME", Name: "Acme Ltd"},
		},
		{"an older model calls the currency isoCode", `{"id":1,"currency":{"id":2,"isoCode":"isk"}}`, psa.Company{ID: 1, Currency: "ISK"}},
		{
			"a currency with an identifier only", `{"id":1,"currency":{"id":2,"currencyCode":"","currencyIdentifier":"ISK"}}`,
			psa.Company{ID: 1, Currency: "ISK"},
		},
		{"a deleted company as a number", `{"id":1,"deletedFlag":1}`, psa.Company{ID: 1, Deleted: true}},
		{"an id written as a double", `{"id":12.0}`, psa.Company{ID: 12}},
		{"a time of update with fractions", `{"id":1,"_info":{"lastUpdated":"2026-04-01T10:30:00.000Z"}}`, psa.Company{ID: 1, LastUpdated: updated}},
		{"a time of update without a zone", `{"id":1,"_info":{"lastUpdated":"2026-04-01T10:30:00"}}`, psa.Company{ID: 1, LastUpdated: updated}},
		{"an empty time of update", `{"id":1,"_info":{"lastUpdated":""}}`, psa.Company{ID: 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if d := diff(tt.want, decodeOne[companyRecord](t, tt.data).company()); d != "" {
				t.Errorf("decoding %s (-want +got):\n%s", tt.data, d)
			}
		})
	}
}

func TestIdentity_Unreadable(t *testing.T) {
	t.Parallel()
	for _, id := range []string{`null`, `""`, `"x"`, `0`, `-4`, `1.5`, `2147483648`, `1e400`, `99999999999999999999`, `{}`, `[7]`, `true`} {
		if got := decodeOne[companyRecord](t, `{"id":`+id+`}`).recordID(); got != 0 {
			t.Errorf("the id %s is read as %d, want it unreadable", id, got)
		}
	}
}

func TestProductRecord(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, data string
		want       psa.Product
	}{
		{
			"prices keep every digit",
			`{"id":5,"identifier":"M365","description":"Microsoft 365","category":{"name":"Cloud"},"price":0.1,"cost":12345678901234567.123456789}`,
			psa.Product{ID: 5, Identifier: "M365", Description: "Microsoft 365", Category: "Cloud", Price: amount("0.1"), Cost: amount("12345678901234567.123456789")},
		},
		{"prices sent as text", `{"id":5,"price":"10.50","cost":""}`, psa.Product{ID: 5, Price: amount("10.50")}},
		{"prices in scientific notation", `{"id":5,"price":1.5E+2}`, psa.Product{ID: 5, Price: amount("150")}},
		{"absurd prices count as unset", `{"id":5,"price":1e999999999,"cost":{"value":1}}`, psa.Product{ID: 5}},
		{"endless prices count as unset", `{"id":5,"price":1e-300,"cost":1e300}`, psa.Product{ID: 5}},
		{"the subcategory stands in for a missing category", `{"id":5,"subcategory":{"id":1,"name":"Licences"}}`, psa.Product{ID: 5, Category: "Licences"}},
		{"an inactive product", `{"id":5,"inactiveFlag":true}`, psa.Product{ID: 5, Inactive: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if d := diff(tt.want, decodeOne[productRecord](t, tt.data).product()); d != "" {
				t.Errorf("decoding %s (-want +got):\n%s", tt.data, d)
			}
		})
	}
}

func TestAgreementRecord(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, data string
		want       psa.Agreement
	}{
		{
			"dates are their first ten characters",
			`{"id":9,"name":"Cloud","type":{"id":2,"name":"Managed"},"company":{"id":250,"identifier":"ACME"},"startDate":"2026-01-01T00:00:00Z",
			  "endDate":"2026-12-31","billStartDate":"2026-02-01T23:00:00.000Z","cancelledFlag":false,"currency":{"currencyCode":"EUR"}}`,
			psa.Agreement{
				ID: 9, Name: "Cloud", Type: "Managed", TypeID: 2, CompanyID: 250, Currency: "EUR",
				StartDate: civil.MustParseDate("2026-01-01"), EndDate: civil.MustParseDate("2026-12-31"), BillStartDate: civil.MustParseDate("2026-02-01"),
			},
		},
		{"unset dates are empty, null, of the year 1 or nonsense", `{"id":9,"startDate":"","endDate":null,"billStartDate":"0001-01-01T00:00:00Z"}`, psa.Agreement{ID: 9}},
		{"dates that do not exist are unset", `{"id":9,"startDate":"2026-02-30T00:00:00Z","endDate":20261231,"billStartDate":"soon"}`, psa.Agreement{ID: 9}},
		{"cancelled by its flag", `{"id":9,"cancelledFlag":"true"}`, psa.Agreement{ID: 9, Cancelled: true}},
		{"cancelled by its status", `{"id":9,"agreementStatus":"Cancelled"}`, psa.Agreement{ID: 9, Cancelled: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if d := diff(tt.want, decodeOne[agreementRecord](t, tt.data).agreement()); d != "" {
				t.Errorf("decoding %s (-want +got):\n%s", tt.data, d)
			}
		})
	}
}

func TestAdditionRecord(t *testing.T) {
	t.Parallel()
	data := `{"id":71,"product":{"id":5,"identifier":"M365"},"quantity":2.50,"unitPrice":null,"unitCost":3,"billCustomer":"Billable",
		"effectiveDate":"2026-05-01T00:00:00Z","cancelledDate":"","description":"Microsoft 365","invoiceDescription":"Licences #A1","serialNumber":"S-1","agreementId":9}`
	want := psa.Addition{
		ID: 71, AgreementID: 9, ProductID: 5, ProductIdentifier: "M365", Description: "Microsoft 365", InvoiceDescription: "Licences #A1",
		SerialNumber: "S-1", Quantity: decimal.RequireFromString("2.50"), UnitCost: amount("3"), EffectiveDate: civil.MustParseDate("2026-05-01"), BillCustomer: "Billable",
	}
	if d := diff(want, decodeOne[additionRecord](t, data).addition(9)); d != "" {
		t.Errorf("decoding %s (-want +got):\n%s", data, d)
	}
}

func TestFieldsOf_AsksForExactlyWhatIsDecoded(t *testing.T) {
	t.Parallel()
	for got, want := range map[string]string{
		fieldsOf[companyRecord]():       "id,identifier,name,status,currency,defaultContact,deletedFlag,_info",
		fieldsOf[productRecord]():       "id,identifier,description,category,subcategory,price,cost,inactiveFlag,_info",
		fieldsOf[agreementRecord]():     "id,name,type,company,startDate,endDate,billStartDate,cancelledFlag,agreementStatus,currency,_info",
		fieldsOf[agreementTypeRecord](): "id,name,inactiveFlag",
		fieldsOf[additionRecord]():      "id,product,description,invoiceDescription,serialNumber,quantity,unitPrice,unitCost,effectiveDate,cancelledDate,billCustomer,_info",
	} {
		if got != want {
			t.Errorf("fields = %s, want %s", got, want)
		}
	}
}

func FuzzRecords_NeverFailOnValidJSON(f *testing.F) {
	for _, seed := range []string{`{"id":1}`, `{"id":"1","status":[],"_info":{"lastUpdated":{}}}`, `{"price":"1e9","currency":{"currencyCode":5}}`, `[]`, `null`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, element string) {
		list := answer{body: []byte("[" + element + `,{"id":7}]`)}
		if !json.Valid(list.body) {
			return
		}
		got, err := decodePage[companyRecord](list, false)
		if err != nil || len(got.records) == 0 || got.records[len(got.records)-1].recordID() != 7 {
			t.Fatalf("decoding %s = %v, %v, want at least the good record", list.body, got.records, err)
		}
		if _, err := decodePage[additionRecord](list, false); err != nil {
			t.Fatalf("decoding %s as additions: %v", list.body, err)
		}
	})
}

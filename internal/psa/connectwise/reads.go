package connectwise

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"crosswalk/internal/psa"
)

func companies() listing {
	return listing{kind: "companies", scope: topLevel, path: "/company/companies", fields: fieldsOf[companyRecord](), operation: "list companies"}
}

func products() listing {
	return listing{kind: "products", scope: topLevel, path: "/procurement/catalog", fields: fieldsOf[productRecord](), operation: "list products"}
}

func agreements() listing {
	return listing{kind: "agreements", scope: topLevel, path: "/finance/agreements", fields: fieldsOf[agreementRecord](), operation: "list agreements"}
}

func additionsPath(agreement psa.RecordID) string {
	return fmt.Sprintf("/finance/agreements/%d/additions", agreement)
}

// SystemInfo tells the version of ConnectWise. It needs valid credentials, so it serves as connection test.
func (c *Client) SystemInfo(ctx context.Context) (psa.SystemInfo, error) {
	var body struct {
		Version text `json:"version"`
		IsCloud flag `json:"isCloud"`
	}
	err := c.read(ctx, call{
		operation: "read the system information", scope: topLevel, method: http.MethodGet, path: "/system/info",
		decode: func(received answer) error { return decodeObject(received, &body) },
	})
	if err != nil {
		return psa.SystemInfo{}, err
	}
	return psa.SystemInfo{Version: shorten(c.redact(string(body.Version)), 100), IsCloud: bool(body.IsCloud)}, nil
}

// decodeObject reads an answer that must be a JSON object.
func decodeObject(received answer, target any) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(received.body, &members); err != nil || members == nil {
		return errors.New("the answer is not an object")
	}
	if err := json.Unmarshal(received.body, target); err != nil {
		return fmt.Errorf("decode the answer: %w", err)
	}
	return nil
}

// Companies streams all companies, those in the recycle bin included.
func (c *Client) Companies(ctx context.Context, yield func([]psa.Company) error) error {
	return stream(ctx, c, companies(), companyRecord.company, yield)
}

// Products streams the product catalog, inactive products included.
func (c *Client) Products(ctx context.Context, yield func([]psa.Product) error) error {
	return stream(ctx, c, products(), productRecord.product, yield)
}

// Agreements streams all agreements, ended and cancelled ones included.
func (c *Client) Agreements(ctx context.Context, yield func([]psa.Agreement) error) error {
	return stream(ctx, c, agreements(), agreementRecord.agreement, yield)
}

// AgreementsOfCompany lists the agreements of one company.
func (c *Client) AgreementsOfCompany(ctx context.Context, company psa.RecordID) ([]psa.Agreement, error) {
	list := agreements()
	list.where, list.complete = equalID("company/id", company), true
	records, err := all[agreementRecord](ctx, c, list)
	if err != nil {
		return nil, err
	}
	var found []psa.Agreement
	for _, agreement := range convert(records, agreementRecord.agreement) {
		if agreement.CompanyID == 0 { // the reference is left out; the condition has told
			agreement.CompanyID = company
		}
		if agreement.CompanyID == company {
			found = append(found, agreement)
		}
	}
	return found, nil
}

// AgreementTypes lists the agreement types, inactive ones included.
func (c *Client) AgreementTypes(ctx context.Context) ([]psa.AgreementType, error) {
	records, err := all[agreementTypeRecord](ctx, c, listing{
		kind: "agreement types", scope: topLevel, path: "/finance/agreements/types", complete: true,
		fields: fieldsOf[agreementTypeRecord](), operation: "list agreement types",
	})
	return convert(records, agreementTypeRecord.agreementType), err
}

// Additions lists every addition of one agreement. An agreement that does not exist is a *psa.RefusedError
// with status 404. A record that cannot be identified makes the whole list an error: who looks for an
// addition must be able to rely on not finding it.
func (c *Client) Additions(ctx context.Context, agreement psa.RecordID) ([]psa.Addition, error) {
	records, err := all[additionRecord](ctx, c, listing{
		kind: "additions", path: additionsPath(agreement), scope: belowRecord, complete: true,
		fields: fieldsOf[additionRecord](), operation: "list additions",
	})
	return convert(records, func(r additionRecord) psa.Addition { return r.addition(agreement) }), err
}

// CompaniesByID reads the companies with the given ids, in ascending id; those that do not exist are left out.
func (c *Client) CompaniesByID(ctx context.Context, ids []psa.RecordID) ([]psa.Company, error) {
	list := companies()
	list.operation = "read companies"
	records, err := byID[companyRecord](ctx, c, list, ids)
	return convert(records, companyRecord.company), err
}

// ProductsByID reads the products with the given ids, in ascending id; those that do not exist are left out.
func (c *Client) ProductsByID(ctx context.Context, ids []psa.RecordID) ([]psa.Product, error) {
	list := products()
	list.operation = "read products"
	records, err := byID[productRecord](ctx, c, list, ids)
	return convert(records, productRecord.product), err
}

// AgreementsByID reads the agreements with the given ids, in ascending id; those that do not exist are left out.
func (c *Client) AgreementsByID(ctx context.Context, ids []psa.RecordID) ([]psa.Agreement, error) {
	list := agreements()
	list.operation = "read agreements"
	records, err := byID[agreementRecord](ctx, c, list, ids)
	return convert(records, agreementRecord.agreement), err
}

func stream[R record, T any](ctx context.Context, c *Client, list listing, toDomain func(R) T, yield func([]T) error) error {
	return eachPage(ctx, c, list, func(records []R) error { return yield(convert(records, toDomain)) })
}

func convert[R, T any](records []R, toDomain func(R) T) []T {
	if len(records) == 0 {
		return nil
	}
	converted := make([]T, len(records))
	for i, r := range records {
		converted[i] = toDomain(r)
	}
	return converted
}

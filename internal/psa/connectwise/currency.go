package connectwise

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"crosswalk/internal/psa"
)

// currencyID returns the tenant's id of a currency, looked up once per code. A code the tenant does not have
// is a *psa.RefusedError and is asked for again: somebody may set the currency up.
func (c *Client) currencyID(ctx context.Context, code string) (psa.RecordID, error) {
	code = strings.ToUpper(strings.TrimSpace(code))
	if id, known := c.currencies.get(code); known {
		return id, nil
	}
	list := listing{
		kind: "currencies", scope: topLevel, path: "/finance/currencies", complete: true, operation: "list currencies",
	}
	records, err := c.currenciesWithCode(ctx, list, code)
	if errors.Is(err, errEndpointMissing) {
		return 0, &psa.UnavailableError{Reason: "ConnectWise does not show its currencies", Unauthorized: true, NoPermission: true, Err: err}
	}
	if err != nil {
		return 0, err
	}
	for _, r := range records {
		if r.code() == code {
			c.currencies.put(code, r.recordID())
			return r.recordID(), nil
		}
	}
	return 0, &psa.RefusedError{
		Status: http.StatusBadRequest, Code: "InvalidObject", Message: fmt.Sprintf("ConnectWise has no currency %q", code),
		Details: []psa.RefusedDetail{{Code: "InvalidReference", Message: "the currency is not set up in ConnectWise", Field: "currency"}},
	}
}

// currenciesWithCode asks for the currencies with a code, and for all where that cannot be asked or finds
// none: models before 2019 call the code by another name.
func (c *Client) currenciesWithCode(ctx context.Context, list listing, code string) ([]currencyRecord, error) {
	where, err := equalText("currencyCode", code)
	if err != nil {
		return all[currencyRecord](ctx, c, list)
	}
	filtered := list
	filtered.where = where
	records, err := all[currencyRecord](ctx, c, filtered)
	var refused *psa.RefusedError
	if len(records) > 0 || err != nil && !errors.As(err, &refused) {
		return records, err
	}
	return all[currencyRecord](ctx, c, list)
}

// currencies remembers the ids of the tenant's currencies by code.
type currencies struct {
	mu  sync.Mutex
	ids map[string]psa.RecordID
}

func (c *currencies) get(code string) (psa.RecordID, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	id, known := c.ids[code]
	return id, known
}

func (c *currencies) put(code string, id psa.RecordID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ids[code] = id
}

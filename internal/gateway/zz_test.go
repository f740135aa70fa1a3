package gateway_test

import (
	"testing"

	"crosswalk/internal/account"
	"crosswalk/internal/gateway/gatewaytest"
)

func TestZZ(t *testing.T) {
	w := gatewaytest.Start(t, gatewaytest.Options{})
	r := w.Query(t, account.Viewer, `{ mappingSummary { invoiceLines { total } } }`, nil)
	t.Logf("%+v", r)
}

package gateway_test

import (
	"testing"

	"github.com/shopspring/decimal"

	"crosswalk/internal/gateway/gatewaytest"
)

func TestPosting_ALineBecomesAnAddition(t *testing.T) {
	t.Parallel()
	d := startDesk(t, gatewaytest.Options{})
	row := cycle("R-1")
	row.ResellerPrice = decimal.NewNullDecimal(decimal.RequireFromString("8.123456"))
	billTo(d.World, "1", date(3), row, once("R-2"))
	d.load(t)
	d.toCloud(t)

	wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 2})

	recurring := theAddition(t, d.World, d.cloud, "Office for R-1 - CycleFee")
	if recurring.ProductID != d.seat || recurring.Quantity.String() != "5" || recurring.UnitPrice.Decimal.String() != "10" ||
		recurring.UnitCost.Decimal.String() != "8.123456" || recurring.EffectiveDate != date(1) || !recurring.CancelledDate.IsZero() ||
		recurring.BillCustomer != "Billable" {
		t.Errorf("the recurring line became %+v, want 5 SEAT at 10 and a cost of 8.123456 from 1 May on, without an end", recurring)
	}
	single := theAddition(t, d.World, d.cloud, "Disk for R-2 - OneTimeFee")
	if single.ProductID != d.disk || single.EffectiveDate != date(10) || single.CancelledDate != date(31) || single.UnitPrice.Decimal.String() != "7.5" {
		t.Errorf("the one-time line became %+v, want a DISK at 7.5 from 10 to 31 May", single)
	}
	lines := postedLines(t, d.Seller, may)
	line := lines["R-1"]
	if line.SyncStatus != "SYNCED" || line.SyncedAt == nil || line.PsaAddition == nil || line.PsaAddition.RecordID != recurring.ID ||
		line.PsaAddition.AgreementRecordID != d.cloud || line.PsaAddition.Freshness != "LIVE" || line.PsaAddition.Quantity != "5" ||
		line.PsaAgreementOrigin != "CONTRACT" || line.PsaCompany.Identifier != "ACME" || line.PsaProduct.Identifier != "SEAT" {
		t.Errorf("the recurring line is %+v with Addition %+v, want it SYNCED with Addition %d", line, line.PsaAddition, recurring.ID)
	}

	again := wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{})
	if len(d.ConnectWise.Additions(d.cloud)) != 2 {
		t.Errorf("after a second run (%+v) there are %d Additions, want 2", again, len(d.ConnectWise.Additions(d.cloud)))
	}
}

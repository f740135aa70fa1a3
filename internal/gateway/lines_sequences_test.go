package gateway_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"crosswalk/internal/gateway/gatewaytest"
	"crosswalk/internal/platform"
)

// sequence is a world that random steps are taken in.
type sequence struct {
	desk
	t       *testing.T
	run     int
	invoice platform.InvoiceHeader
	rows    []string
	// posted are the lines that no step may change any more, as they were when they were posted.
	posted map[string]line
}

// frozen is what of a posted line must not change. Where it resolved to is kept with the post, not here.
func frozen(l line) line {
	l.PsaCompany, l.PsaAgreement, l.PsaProduct, l.PsaAgreementOrigin, l.MappingStatus, l.SyncBlockers, l.InvoiceStatus = nil, nil, nil, "", "", nil, ""
	return l
}

func (s *sequence) organization(t *rapid.T) organization {
	return organizationNamed(s.t, s.Seller, rapid.SampledFrom([]string{"Alpha", "Beta"}).Draw(t, "organization"))
}

func (s *sequence) line(t *rapid.T) (line, bool) {
	lines := linesOf(s.t, s.Seller, may)
	if len(lines) == 0 {
		return line{}, false
	}
	return lines[rapid.SampledFrom(slices.Sorted(maps.Keys(lines))).Draw(t, "line")], true
}

func (s *sequence) actions() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"load": func(*rapid.T) { loadLines(s.t, s.Seller) },
		"map": func(t *rapid.T) {
			company := rapid.SampledFrom([]int{s.acme, s.other}).Draw(t, "company")
			mapTo(s.t, s.Seller, s.organization(t).ID, companyID(company), nil)
		},
		"unmap": func(t *rapid.T) { unmapOrganization(s.t, s.Seller, s.organization(t).ID, nil) },
		"exclude": func(t *rapid.T) {
			setExcluded(s.t, s.Seller, []string{s.organization(t).ID}, rapid.Bool().Draw(t, "excluded"), nil)
		},
		"sell": func(*rapid.T) { s.sell(s.t) },
		"sign": func(t *rapid.T) {
			id := contractOf(s.t, s.Seller, rapid.SampledFrom([]string{"C-1", "C-2"}).Draw(t, "contract")).ID
			mapContract(s.t, s.Seller, id, agreementID(rapid.SampledFrom([]int{s.cloud, s.elsewhere}).Draw(t, "agreement")), nil)
		},
		"edit": func(t *rapid.T) {
			if l, exists := s.line(t); exists {
				input := variables{}
				switch rapid.IntRange(0, 3).Draw(t, "edit") {
				case 0:
					input["chargeStartDate"] = date(rapid.IntRange(1, 15).Draw(t, "start")).String()
				case 1:
					input["chargeEndDate"] = date(rapid.IntRange(10, 31).Draw(t, "end")).String()
				case 2:
					input["chargeStartDate"], input["chargeEndDate"] = nil, nil
				case 3:
					input["psaAgreementId"] = agreementID(s.spare)
				}
				editLine(s.t, s.Seller, l.ID, input)
			}
		},
		"post": func(t *rapid.T) {
			if l, exists := s.line(t); exists && l.SyncStatus == "READY" {
				setState(s.t, s.World, "SYNCED", l.PlatformID)
				s.posted[l.PlatformID] = frozen(lineOf(s.t, s.Seller, l.PlatformID))
			}
		},
		"bill": func(t *rapid.T) {
			row := cycle(fmt.Sprintf("R-%d-%d", s.run, len(s.rows)))
			s.rows = append(s.rows, row.RowID)
			if _, err := s.Platform.AddRow(s.invoice.InvoiceID, row); err != nil {
				s.t.Fatal(err)
			}
		},
		"correct": func(t *rapid.T) {
			row := cycle(rapid.SampledFrom(s.rows).Draw(t, "row"))
			row.InvoiceID, row.Quantity = s.invoice.InvoiceID, decimal.New(int64(rapid.IntRange(1, 9).Draw(t, "quantity")), 0)
			row.TotalPrice = row.Quantity.Mul(row.UnitPrice)
			if err := s.Platform.ReplaceRow(row); err != nil {
				s.t.Fatal(err)
			}
		},
		"verify": func(t *rapid.T) {
			status := rapid.SampledFrom([]string{"Verified", "Verified", "New Corrected"}).Draw(t, "status")
			if err := s.Platform.SetInvoiceStatus(s.invoice.InvoiceID, status); err != nil {
				s.t.Fatal(err)
			}
		},
		"": func(t *rapid.T) { s.check(t) },
	}
}

// check checks what holds after every step.
func (s *sequence) check(t *rapid.T) {
	mapped := make(map[string]organization)
	sharing := make(map[string]int)
	for _, o := range organizations(s.t, s.Seller) {
		mapped[o.ID] = o
		if o.PsaCompany != nil {
			sharing[o.PsaCompany.ID]++
		}
	}
	lines := linesOf(s.t, s.Seller, may)
	for id, l := range lines {
		if was, posted := s.posted[id]; posted {
			if diff := cmp.Diff(was, frozen(l)); diff != "" {
				t.Errorf("the posted line %s (-then +now):\n%s", id, diff)
			}
			continue
		}
		o := mapped[l.Organization.ID]
		if o.ExcludedFromSync != (l.SyncStatus == "EXCLUDED") {
			t.Errorf("the line %s is %s, its organization is excluded: %t", id, l.SyncStatus, o.ExcludedFromSync)
		}
		if (l.SyncStatus == "READY") != (len(l.SyncBlockers) == 0) {
			t.Errorf("the line %s is %s with the blockers %q", id, l.SyncStatus, l.codes())
		}
		if (o.PsaCompany == nil) != (l.PsaCompany == nil) || o.PsaCompany != nil && o.PsaCompany.Identifier != l.PsaCompany.Identifier {
			t.Errorf("the line %s resolves to %+v, its organization is mapped to %+v", id, l.PsaCompany, o.PsaCompany)
		}
		if o.PsaCompany != nil && sharing[o.PsaCompany.ID] > 1 && l.PsaAgreement == nil && !slices.Contains(l.codes(), "AGREEMENT_REQUIRED") {
			t.Errorf("the line %s of a shared company has no agreement and the blockers %q", id, l.codes())
		}
	}
	for id := range s.posted {
		if _, exists := lines[id]; !exists {
			t.Errorf("the posted line %s is gone", id)
		}
	}
	checkLineSummary(s.t, s.Seller)
	checkMappingTotals(s.t, s.Seller)
}

// sequences is how many sequences a test takes: each step asks a whole gateway.
const sequences = 2

func TestAnySequenceOfStepsKeepsTheInvariants(t *testing.T) {
	t.Parallel()
	s := &sequence{t: t, desk: startDesk(t, gatewaytest.Options{}), posted: make(map[string]line)}
	rapid.Check(t, func(rt *rapid.T) {
		if s.run++; s.run > sequences {
			return
		}
		// Each sequence adds an invoice of its own to what the ones before it left, the lines that they posted among it.
		first := cycle(fmt.Sprintf("R-%d", s.run))
		s.rows = []string{first.RowID}
		s.invoice = billTo(s.World, rapid.SampledFrom([]string{"1", "2"}).Draw(rt, "customer"), today(), first)
		loadLines(t, s.Seller)
		rt.Repeat(s.actions())
	})
}

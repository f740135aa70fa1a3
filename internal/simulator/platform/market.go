package platform

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"crosswalk/internal/civil"
	"crosswalk/internal/platform"
	"crosswalk/internal/simulator/sample"
)

// market computes the simulated seller. Organizations are counted from 0; a contract is named by its
// organization and whether it is the organization's second one; months are absolute. So the same thing
// keeps its id and its content when the market is larger or a later month is the newest.
type market struct {
	dice   dice
	today  civil.Date
	months int

	offers  []sample.Offer
	metered []int // positions in offers of those billed by usage
	vendors []sample.Vendor

	organizations       int
	organizationsByGUID map[string]int
	contracts           []contract
}

// contract is one Invoice Contract and its share of the invoice lines.
type contract struct {
	organization int
	second       bool
	currency     string
	// lines is how many invoice lines the contract has in all months together.
	lines int
}

// key is the number a contract keeps in a market of any size.
func (c contract) key() int {
	if c.second {
		return 2*c.organization + 1
	}
	return 2 * c.organization
}

func newMarket(options Options, today civil.Date) *market {
	m := &market{
		dice:                dice(options.Seed),
		today:               today,
		months:              options.Months,
		vendors:             sample.Vendors(),
		organizations:       options.Organizations,
		organizationsByGUID: make(map[string]int, options.Organizations),
	}
	m.stockOffers(options.Offers)
	for i := range m.organizations {
		m.organizationsByGUID[m.organizationID(i)] = i
		own := sample.OrganizationAt(i).Currency
		m.contracts = append(m.contracts, contract{organization: i, currency: own})
		if m.dice.roll(100, aboutSecondContract, i) < 3 {
			m.contracts = append(m.contracts, contract{organization: i, second: true, currency: otherThan(own)})
		}
	}
	m.shareLines(options.Lines)
	return m
}

func (m *market) stockOffers(count int) {
	shelf := sample.NewShelf()
	if count == 0 {
		count = len(sample.Offers())
	}
	for i := range count {
		offer := shelf.At(i)
		m.offers = append(m.offers, offer)
		if offer.UsageBased {
			m.metered = append(m.metered, i)
		}
	}
}

// shareLines gives each contract its lines: most have few, some have many, and nothing is lost in rounding.
func (m *market) shareLines(lines int) {
	weights := make([]int, len(m.contracts))
	whole := 0
	for i, c := range m.contracts {
		switch luck := m.dice.roll(100, aboutWeight, c.key()); {
		case luck < 55:
			weights[i] = 2
		case luck < 80:
			weights[i] = 4
		case luck < 95:
			weights[i] = 8
		default:
			weights[i] = 20
		}
		whole += weights[i]
	}
	sum := 0
	for i := range m.contracts {
		before := lines * sum / whole
		sum += weights[i]
		m.contracts[i].lines = lines*sum/whole - before
	}
}

func (m *market) organizationID(i int) string { return m.dice.id("organization", i) }

// organization returns the organization with an id.
func (m *market) organization(id string) (platform.Organization, bool) {
	i, ok := m.organizationsByGUID[id]
	if !ok {
		return platform.Organization{}, false
	}
	organization := platform.Organization{
		ID:              id,
		Name:            m.organizationName(i),
		ReferenceNumber: strconv.Itoa(10001 + i),
		Status:          "Active",
	}
	switch luck := m.dice.roll(100, aboutOrganizationStatus, i); {
	case luck < 7:
		organization.Status = "Blocked"
	case luck < 12:
		organization.Status = "New"
	}
	ids := m.dice.roll(100, aboutOrganizationIDs, i)
	if ids < 40 {
		organization.ExternalID = fmt.Sprintf("EXT-%05d", i+1)
	}
	if ids%10 < 3 {
		organization.ERPID = fmt.Sprintf("D%06d", 700001+i)
	}
	return organization, true
}

// organizationName returns the name people know the customer by, now and then written a little differently.
func (m *market) organizationName(i int) string {
	name := sample.OrganizationName(i)
	switch m.dice.roll(20, aboutOrganizationName, i) {
	case 0, 1:
		return name[:strings.LastIndexByte(name, ' ')]
	case 2:
		return strings.ToUpper(name)
	case 3:
		return strings.ReplaceAll(name, "&", "and")
	case 4, 5:
		return longForm(name)
	}
	return name
}

// longForm spells the legal form out.
func longForm(name string) string {
	for short, long := range map[string]string{
		"Inc.": "Incorporated", "Ltd": "Limited", "GmbH": "Gesellschaft mbH", "AB": "Aktiebolag",
		"DAC": "Designated Activity Company", "B.V.": "BV", "SAS": "S.A.S.", "SIA": "Sabiedriba",
	} {
		if head, found := strings.CutSuffix(name, " "+short); found {
			return head + " " + long
		}
	}
	return name
}

// firstContractNumber is the number in the id of the first organization's contract.
const firstContractNumber = 100_000

func (m *market) contractID(c contract) string {
	return fmt.Sprintf("C-%06d", firstContractNumber+c.key())
}

// contract returns the contract with an id.
func (m *market) contract(id string) (platform.Contract, bool) {
	number, found := strings.CutPrefix(id, "C-")
	key, err := strconv.Atoi(number)
	if key -= firstContractNumber; !found || err != nil || key < 0 {
		return platform.Contract{}, false
	}
	at, found := slices.BinarySearchFunc(m.contracts, key, func(c contract, key int) int { return c.key() - key })
	if !found || m.contractID(m.contracts[at]) != id {
		return platform.Contract{}, false
	}
	c := m.contracts[at]
	return platform.Contract{
		ID:              id,
		CustomerID:      m.organizationID(c.organization),
		Currency:        c.currency,
		BillingCycleDay: m.billingDay(c),
		ContractType:    m.contractType(c),
	}, true
}

// otherThan returns the currency of a second contract.
func otherThan(own string) string {
	if own == "USD" {
		return "EUR"
	}
	return "USD"
}

// billingDay is the first of the month for most and any day up to the 28th for the others.
func (m *market) billingDay(c contract) int {
	luck := m.dice.roll(280, aboutBillingDay, c.key())
	if luck < 168 {
		return 1
	}
	return luck%28 + 1
}

func (m *market) contractType(c contract) string {
	switch luck := m.dice.roll(100, aboutContractType, c.key()); {
	case luck < 55:
		return "CSP"
	case luck < 80:
		return "Azure Plan & OneTime"
	case luck < 95:
		return "Distribution Services"
	}
	return ""
}

package gateway_test

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crosswalk/internal/gateway"
	"crosswalk/internal/gateway/gatewaytest"
	simconnectwise "crosswalk/internal/simulator/connectwise"
	"crosswalk/internal/simulator/fault"
)

// startAgreements puts up a world with agreements of every condition, most of them of ACME, all mirrored.
func startAgreements(t *testing.T, options gatewaytest.Options) (w *gatewaytest.World, acme, other int) {
	t.Helper()
	w, acme, other = startContracts(t, options)
	start := today().AddMonths(-6)
	for _, a := range []simconnectwise.Agreement{
		{ID: 501, Name: "Cloud", CompanyID: acme, Type: "Cloud Subscriptions", StartDate: start},
		{ID: 502, Name: "My Cloud", CompanyID: acme, Type: "Managed Services", StartDate: start, Currency: "USD"},
		{ID: 503, Name: "cloudy", CompanyID: acme, Type: "Block Time", StartDate: start, EndDate: today()},
		{ID: 504, Name: "Ended", CompanyID: acme, Type: "Block Time", StartDate: start, EndDate: yesterday()},
		{ID: 505, Name: "Cancelled", CompanyID: acme, Type: "Block Time", StartDate: start, CancelledDate: today()},
		{ID: 506, Name: "Purged", CompanyID: acme, StartDate: start},
		{ID: 507, Name: "Backup 501", CompanyID: other, Type: "Cloud Subscriptions", StartDate: start},
		{ID: 508, Name: "Later", CompanyID: other, StartDate: today().AddMonths(1)},
	} {
		addAgreement(t, w, a)
	}
	w.Sync(t)
	if err := w.ConnectWise.PurgeAgreement(506); err != nil {
		t.Fatal(err)
	}
	w.Sync(t)
	return w, acme, other
}

func TestTheAgreementPickerOffersOpenAgreementsTheBestMatchFirst(t *testing.T) {
	t.Parallel()
	w, acme, other := startAgreements(t, gatewaytest.Options{})
	one, two, closed := companyID(acme), companyID(other), variables{"includeClosed": true}
	for name, test := range map[string]struct {
		arguments variables
		want      []string
	}{
		"open ones of all companies, by name": {nil, []string{"Backup 501", "Cloud", "cloudy", "Later", "My Cloud"}},
		"open ones of a company":              {variables{"companyId": one}, []string{"Cloud", "cloudy", "My Cloud"}},
		"those of another company":            {variables{"companyId": two}, []string{"Backup 501", "Later"}},
		"those of no company known":           {variables{"companyId": companyID(987654)}, []string{}},
		"closed and deleted ones when asked":  {variables{"companyId": one, "filter": closed}, []string{"Cancelled", "Cloud", "cloudy", "Ended", "My Cloud", "Purged"}},
		"closed ones only when asked":         {variables{"search": "ended", "filter": variables{"includeClosed": false}}, []string{}},
		"exact name, beginning, word":         {variables{"search": "cloud"}, []string{"Cloud", "cloudy", "My Cloud"}},
		"a record number, which comes first":  {variables{"search": "501"}, []string{"Cloud", "Backup 501"}},
		"a search within a company":           {variables{"companyId": two, "search": "501"}, []string{"Backup 501"}},
		"a type":                              {variables{"filter": variables{"type": "Cloud Subscriptions"}}, []string{"Backup 501", "Cloud"}},
		"several types of a company, closed":  {variables{"companyId": one, "filter": variables{"type": []string{"Block Time", "Managed Services"}, "includeClosed": true}}, []string{"Cancelled", "cloudy", "Ended", "My Cloud", "Purged"}},
		"no type":                             {variables{"filter": variables{"type": []string{}}}, []string{}},
		"a currency":                          {variables{"companyId": one, "filter": variables{"currency": "USD"}}, []string{"My Cloud"}},
		"currency and type":                   {variables{"filter": variables{"currency": "EUR", "type": "Block Time"}}, []string{"cloudy"}},
		"a search that nothing matches":       {variables{"search": "zzz"}, []string{}},
		"the first of them":                   {variables{"companyId": one, "first": 1}, []string{"Cloud"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := agreements(t, w.Seller, test.arguments)
			if diff := cmp.Diff(test.want, got.names()); diff != "" {
				t.Errorf("psaAgreements with %v (-want +got):\n%s", test.arguments, diff)
			}
		})
	}
	for name, id := range map[string]string{"a record number": "501", "an agreement": agreementID(501), "rubbish": "?"} {
		response := w.Query(t, viewer, `query ($id: ID) { psaAgreements(companyId: $id) { totalCount } }`, variables{"id": id})
		if !slices.Equal(response.Codes(), []string{"BAD_USER_INPUT"}) {
			t.Errorf("%s for a company answered %s, want BAD_USER_INPUT", name, response.Body)
		}
	}
}

func TestAnAgreementInUseIsOfferedToo(t *testing.T) {
	t.Parallel()
	w, acme, _ := startAgreements(t, gatewaytest.Options{})
	sign(t, w.Seller, contractOf(t, w.Seller, "C-1").ID, agreementID(501))
	if got := agreements(t, w.Seller, variables{"companyId": companyID(acme)}).names(); !slices.Contains(got, "Cloud") {
		t.Errorf("the picker offers %q, want the mapped agreement among them", got)
	}
}

func TestThePickerOfOneCompanyReadsItsAgreementsFromConnectWise(t *testing.T) {
	t.Parallel()
	w, acme, other := startAgreements(t, gatewaytest.Options{})
	made := addAgreement(t, w, simconnectwise.Agreement{Name: "Made a moment ago", CompanyID: acme})
	elsewhere := addAgreement(t, w, simconnectwise.Agreement{Name: "Made elsewhere", CompanyID: other})
	for _, err := range []error{
		w.ConnectWise.PurgeAgreement(501), w.ConnectWise.RenameAgreement(502, "Renamed"), w.ConnectWise.EndAgreement(503, yesterday()),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if got := agreements(t, w.Seller, nil); !slices.Equal(got.names(), []string{"Backup 501", "Cloud", "cloudy", "Later", "My Cloud"}) || got.Nodes[0].Freshness != "STALE" {
		t.Errorf("the picker of all companies offers %+v, want what the last run mirrored, STALE", got)
	}
	w.ConnectWise.ForgetCalls()

	got := agreements(t, w.Seller, variables{"companyId": companyID(acme)})

	if !slices.Equal(got.names(), []string{"Made a moment ago", "Renamed"}) {
		t.Errorf("the picker of ACME offers %q, want what ConnectWise has open now", got.names())
	}
	for _, a := range got.Nodes {
		if a.Freshness != "LIVE" || a.Deleted || a.Cancelled {
			t.Errorf("the picker of ACME offers %+v, want it LIVE", a)
		}
	}
	if calls := w.ConnectWise.CallCount("GET " + agreementsPath); calls != 2 {
		t.Errorf("the picker of one company cost %d calls for agreements, want 2: its list, and where those not listed any more are", calls)
	}
	w.ConnectWise.ForgetCalls()
	agreements(t, w.Seller, variables{"companyId": companyID(acme), "search": "renamed"})
	if calls := w.ConnectWise.CallCount("GET " + agreementsPath); calls != 1 {
		t.Errorf("the picker of one company without such news cost %d calls for agreements, want 1", calls)
	}
	closed := agreements(t, w.Seller, variables{"companyId": companyID(acme), "filter": variables{"includeClosed": true}})
	state := make(map[string]bool)
	for _, a := range closed.Nodes {
		state[a.Name] = a.Deleted
	}
	if want := map[string]bool{"Cancelled": false, "Cloud": true, "cloudy": false, "Ended": false, "Made a moment ago": false, "Purged": true, "Renamed": false}; cmp.Diff(want, state) != "" {
		t.Errorf("with closed ones it offers, deleted or not, %v, want %v", state, want)
	}
	// What was offered can be mapped; what was not refreshed is as it was.
	sign(t, w.Seller, contractOf(t, w.Seller, "C-1").ID, agreementID(made))
	if got := agreements(t, w.Seller, nil).names(); slices.Contains(got, "Made elsewhere") || !slices.Contains(got, "Made a moment ago") {
		t.Errorf("the picker of all companies offers %q, want ACME's refreshed and OTHER's not", got)
	}
	if got := agreements(t, w.Seller, variables{"companyId": companyID(other), "search": "elsewhere"}); len(got.Nodes) != 1 || got.Nodes[0].RecordID != elsewhere {
		t.Errorf("the picker of OTHER finds %q, want the agreement made elsewhere", got.names())
	}
	// An agreement that comes back is open again.
	addAgreement(t, w, simconnectwise.Agreement{ID: 501, Name: "Cloud", CompanyID: acme})
	if got := agreements(t, w.Seller, variables{"companyId": companyID(acme)}).names(); !slices.Contains(got, "Cloud") {
		t.Errorf("the picker of ACME offers %q, want the agreement that came back", got)
	}
}

func TestThePickerOfOneCompanyLeavesOutWhatIsGone(t *testing.T) {
	t.Parallel()
	w, acme, other := startAgreements(t, gatewaytest.Options{})
	pick := func(company int) []string {
		return agreements(t, w.Seller, variables{"companyId": companyID(company), "filter": variables{"currency": "EUR"}}).names()
	}
	if got := pick(acme); !slices.Equal(got, []string{"Cloud", "cloudy"}) {
		t.Fatalf("the picker of ACME offers %q at first", got)
	}
	made := addAgreement(t, w, simconnectwise.Agreement{Name: "Made since", CompanyID: acme})
	if got := pick(acme); !slices.Equal(got, []string{"Cloud", "cloudy", "Made since"}) {
		t.Errorf("the picker of ACME offers %q, want the agreement made since it was asked last", got)
	}
	signed := sign(t, w.Seller, contractOf(t, w.Seller, "C-1").ID, agreementID(made))
	if err := w.ConnectWise.MoveAgreement(made, other); err != nil {
		t.Fatal(err)
	}
	if got := pick(acme); !slices.Equal(got, []string{"Cloud", "cloudy"}) {
		t.Errorf("the picker of ACME offers %q, want it without the agreement that moved to another company", got)
	}
	if got := contractOf(t, w.Seller, signed.PlatformID); deref(got.AgreementProblem) != "AGREEMENT_NOT_OF_COMPANY" || got.PsaAgreement.Deleted {
		t.Errorf("the contract of the agreement that moved is %+v with %+v, want AGREEMENT_NOT_OF_COMPANY", got, got.PsaAgreement)
	}
	if got := pick(other); !slices.Equal(got, []string{"Backup 501", "Later", "Made since"}) {
		t.Errorf("the picker of OTHER offers %q, want the agreement that moved there", got)
	}
	if err := w.ConnectWise.PurgeAgreement(made); err != nil {
		t.Fatal(err)
	}
	if got := pick(other); !slices.Equal(got, []string{"Backup 501", "Later"}) {
		t.Errorf("the picker of OTHER offers %q, want it without the deleted agreement", got)
	}
	if got := contractOf(t, w.Seller, signed.PlatformID); deref(got.AgreementProblem) != "PSA_RECORD_MISSING" {
		t.Errorf("the contract of the deleted agreement has the problem %s, want PSA_RECORD_MISSING", deref(got.AgreementProblem))
	}
}

func TestPickersOfOneCompanyShareAnAnswerWhileItIsFresh(t *testing.T) {
	t.Parallel()
	w, acme, _ := startAgreements(t, gatewaytest.Options{Gateway: func(c *gateway.Config) { c.PSAFreshness = time.Hour }})
	replica, statements := w.Watched(t)
	s := w.On(replica)
	made := addAgreement(t, w, simconnectwise.Agreement{Name: "Made a moment ago", CompanyID: acme})
	w.ConnectWise.ForgetCalls()
	setFaults(t, w.ConnectWise.Faults().Set, fault.Fault{Kind: fault.Slow, Path: agreementsPath, DelayMilliseconds: 200})
	var requests sync.WaitGroup
	for range 40 {
		requests.Go(func() {
			response := s.Query(t, viewer, `query ($id: ID) { psaAgreements(companyId: $id, search: "made") { nodes { name freshness } } }`, variables{"id": companyID(acme)})
			if !strings.Contains(string(response.Data), `[{"name":"Made a moment ago","freshness":"LIVE"}]`) {
				t.Errorf("a picker that shared its answer got %s, want the agreement made a moment ago", response.Body)
			}
		})
	}
	requests.Wait()
	w.ConnectWise.Faults().Clear()
	for _, typed := range []string{"m", "ma", "mad", "made"} {
		agreements(t, s, variables{"companyId": companyID(acme), "search": typed})
	}
	if got := w.ConnectWise.CallCount("GET " + agreementsPath); got != 1 {
		t.Errorf("pickers of the same company cost %d calls for agreements, want 1", got)
	}
	if got := statements.Containing("INSERT INTO psa_agreement"); len(got) != 1 {
		t.Errorf("pickers of the same company wrote %d times to the mirror, want once", len(got))
	}
	// What was made since the answer came can be mapped all the same.
	since := addAgreement(t, w, simconnectwise.Agreement{Name: "Made since", CompanyID: acme})
	sign(t, s, contractOf(t, s, "C-1").ID, agreementID(since))
	sign(t, s, contractOf(t, s, "C-1").ID, agreementID(made))
}

func TestAPickerThatGivesUpLeavesTheAnswerToTheOthers(t *testing.T) {
	t.Parallel()
	g := &gate{arrived: make(chan struct{}, 1)}
	w, acme, _ := startAgreements(t, gatewaytest.Options{
		BeforeConnectWise: g.before, Gateway: func(c *gateway.Config) { c.PSAFreshness, c.PSABudget = time.Hour, time.Second },
	})
	t.Cleanup(g.open)
	addAgreement(t, w, simconnectwise.Agreement{Name: "Made a moment ago", CompanyID: acme})
	g.close("GET", agreementsPath)
	if got := agreements(t, w.Seller, variables{"companyId": companyID(acme), "search": "made"}).names(); len(got) > 0 {
		t.Errorf("without an answer the picker offers %q, want none", got)
	}
	g.open()
	gatewaytest.Eventually(t, "the answer serves the next picker", func() bool {
		return len(agreements(t, w.Seller, variables{"companyId": companyID(acme), "search": "made"}).Nodes) == 1
	})
}

func TestWhileConnectWiseDoesNotAnswerTheMirrorFillsTheAgreementPicker(t *testing.T) {
	t.Parallel()
	for name, outage := range map[string]fault.Fault{
		"it is down":  {Kind: fault.NoAnswer},
		"it is slow":  stuck(agreementsPath),
		"it says 500": {Kind: fault.ServerError},
		"it says 401": {Kind: fault.Unauthorized},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, acme, _ := startAgreements(t, gatewaytest.Options{Gateway: func(c *gateway.Config) { c.PSABudget = 500 * time.Millisecond }})
			addAgreement(t, w, simconnectwise.Agreement{Name: "Made a moment ago", CompanyID: acme})
			setFaults(t, w.ConnectWise.Faults().Set, outage)
			asked := time.Now()
			var data struct{ PsaAgreements agreementList }
			response := w.Must(t, viewer, `query ($id: ID) { psaAgreements(companyId: $id) { totalCount nodes { name freshness deleted } } }`,
				variables{"id": companyID(acme)}, &data)
			if got := data.PsaAgreements; !slices.Equal(got.names(), []string{"Cloud", "cloudy", "My Cloud"}) || got.Nodes[0].Freshness != "STALE" {
				t.Errorf("the picker offers %+v, want the mirror's copies, STALE", got)
			}
			if report := reportOf(t, response); report.Available || report.RetryAt == nil {
				t.Errorf("extensions.psa is %s, want available false and a retryAt", response.Extensions["psa"])
			}
			if took := time.Since(asked); took > 5*time.Second {
				t.Errorf("the picker took %s, want it within the budget of half a second", took)
			}
		})
	}
}

func TestACompanyListsAllItsAgreements(t *testing.T) {
	t.Parallel()
	w, acme, _ := startAgreements(t, gatewaytest.Options{})
	var data struct {
		Node         struct{ Agreements agreementList }
		PsaCompanies struct {
			Nodes []struct {
				Identifier string
				Agreements agreementList
			}
		}
	}
	w.ConnectWise.ForgetCalls()
	w.Must(t, viewer, `query ($id: ID!) {
		node(id: $id) { ... on PsaCompany { agreements(first: 2) { totalCount nodes { name freshness } } } }
		psaCompanies { nodes { identifier agreements { totalCount nodes { name deleted cancelled } } } }
	}`, variables{"id": companyID(acme)}, &data)
	if got := data.Node.Agreements; got.TotalCount != 6 || !slices.Equal(got.names(), []string{"Cancelled", "Cloud"}) {
		t.Errorf("the first two agreements of ACME are %+v, want Cancelled and Cloud of 6", got)
	}
	lists := make(map[string]string)
	for _, c := range data.PsaCompanies.Nodes {
		lists[c.Identifier] = strings.Join(c.Agreements.names(), ", ")
	}
	want := map[string]string{"ACME": "Cancelled, Cloud, cloudy, Ended, My Cloud, Purged", "OTHER": "Backup 501, Later"}
	if diff := cmp.Diff(want, lists); diff != "" {
		t.Errorf("agreements of companies, closed ones included (-want +got):\n%s", diff)
	}
	if got := w.ConnectWise.CallCount("GET " + agreementsPath); got != 0 {
		t.Errorf("listing agreements from the mirror cost %d calls for agreements, want none", got)
	}
}

func TestAgreementTypesNeedCredentialsOnly(t *testing.T) {
	t.Parallel()
	w := gatewaytest.Start(t, gatewaytest.Options{WithoutAgreementType: true})
	var data struct{ PsaAgreementTypes []struct{ Name string } }
	w.Must(t, viewer, `{ psaAgreementTypes { id recordId name } }`, nil, &data)
	var names []string
	for _, kind := range data.PsaAgreementTypes {
		names = append(names, kind.Name)
	}
	if want := []string{"Block Time", "Cloud Subscriptions", "Hardware as a Service", "Managed Services"}; !slices.Equal(names, want) {
		t.Errorf("agreement types are %q, want those in use, by name: %q", names, want)
	}
	for _, field := range []string{"offers { totalCount }", "contracts { totalCount }", "psaProducts { totalCount }", "psaAgreements { totalCount }", "mappingSummary { offers { total } }"} {
		response := w.Query(t, viewer, "{ "+field+" }", nil)
		if !slices.Equal(response.Codes(), []string{"SETUP_INCOMPLETE"}) {
			t.Errorf("%s without an agreement type answered %s, want SETUP_INCOMPLETE", field, response.Body)
		}
	}
	for name, mutation := range map[string]string{
		"loadOffers":    `mutation { result: loadOffers(input: {months: 1}) { userErrors { code } } }`,
		"mapOffer":      `mutation { result: mapOffer(input: {offerId: "x", psaProductId: "y"}) { userErrors { code } } }`,
		"mapOffers":     `mutation { result: mapOffers(input: {mappings: []}) { userErrors { code } } }`,
		"unmapOffer":    `mutation { result: unmapOffer(input: {offerId: "x"}) { userErrors { code } } }`,
		"mapContract":   `mutation { result: mapContract(input: {contractId: "x", psaAgreementId: "y"}) { userErrors { code } } }`,
		"unmapContract": `mutation { result: unmapContract(input: {contractId: "x"}) { userErrors { code } } }`,
	} {
		var data struct{ Result offerPayload }
		w.Must(t, admin, mutation, nil, &data)
		if got := data.Result.UserErrors; len(got) != 1 || got[0].Code != "SETUP_INCOMPLETE" {
			t.Errorf("%s without an agreement type was refused with %+v, want SETUP_INCOMPLETE", name, got)
		}
	}
}

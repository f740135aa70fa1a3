package gateway_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crosswalk/internal/gateway/gatewaytest"
	"crosswalk/internal/postgres"
	"crosswalk/internal/simulator/fault"
)

const settingsFields = `
	connection { apiUrl companyId publicKey privateKeySet clientIdSet circuit retryAt lastSuccessAt lastError }
	agreementType { id recordId name } chargeStartDateRule { kind day } chargeEndDateRule { kind day }
	automatedDailySync { enabled timeOfDay nextRunAt } setupMissing`

// settings is what tests look at of the settings.
type settings struct {
	Connection struct {
		APIURL, CompanyID, PublicKey *string
		PrivateKeySet, ClientIDSet   bool
	}
	AgreementType                          *struct{ ID, Name string }
	ChargeStartDateRule, ChargeEndDateRule struct {
		Kind string
		Day  *int
	}
	AutomatedDailySync struct {
		Enabled   bool
		TimeOfDay string
		NextRunAt *time.Time
	}
	SetupMissing []string
}

type settingsPayload struct {
	Settings   *settings
	UserErrors []gatewaytest.UserError
}

// saveCredentials saves the credentials of the world's ConnectWise, with some fields of the input changed.
func saveCredentials(t *testing.T, w *gatewaytest.World, changed variables) (settingsPayload, gatewaytest.Response) {
	t.Helper()
	input := variables{
		"apiUrl": w.ConnectWiseURL, "companyId": gatewaytest.CompanyID, "publicKey": gatewaytest.PublicKey,
		"privateKey": gatewaytest.PrivateKey, "clientId": gatewaytest.ClientID,
	}
	maps.Copy(input, changed)
	var data struct{ SaveConnectWiseCredentials settingsPayload }
	response := w.Must(t, admin, `mutation ($input: ConnectWiseCredentialsInput!) {
		saveConnectWiseCredentials(input: $input) { settings { `+settingsFields+` } userErrors { code message field } }
	}`, variables{"input": input}, &data)
	return data.SaveConnectWiseCredentials, response
}

func updateSettings(t *testing.T, s *gatewaytest.Seller, input variables) settingsPayload {
	t.Helper()
	var data struct{ UpdateSettings settingsPayload }
	s.Must(t, admin, `mutation ($input: UpdateSettingsInput!) {
		updateSettings(input: $input) { settings { `+settingsFields+` } userErrors { code message field } }
	}`, variables{"input": input}, &data)
	return data.UpdateSettings
}

func readSettings(t *testing.T, s *gatewaytest.Seller) settings {
	t.Helper()
	var data struct{ Settings settings }
	s.Must(t, viewer, `{ settings { `+settingsFields+` } }`, nil, &data)
	return data.Settings
}

type testPayload struct {
	Ok         bool
	Version    *string
	UserErrors []gatewaytest.UserError
}

func testConnection(t *testing.T, s *gatewaytest.Seller) testPayload {
	t.Helper()
	var data struct{ TestConnectWiseConnection testPayload }
	s.Must(t, admin, `mutation { testConnectWiseConnection { ok version userErrors { code message field } } }`, nil, &data)
	return data.TestConnectWiseConnection
}

// agreementTypes returns the ids of the offered Agreement Types by name, and the names in their order.
func agreementTypes(t *testing.T, s *gatewaytest.Seller) (ids map[string]string, ordered []string) {
	t.Helper()
	var data struct{ PsaAgreementTypes []struct{ ID, Name string } }
	s.Must(t, viewer, `{ psaAgreementTypes { id recordId name } }`, nil, &data)
	ids = make(map[string]string)
	for _, one := range data.PsaAgreementTypes {
		ids[one.Name] = one.ID
		ordered = append(ordered, one.Name)
	}
	return ids, ordered
}

func TestSettingUpStepByStep(t *testing.T) {
	t.Parallel()
	w := gatewaytest.Start(t, gatewaytest.Options{WithoutCredentials: true})
	if got := readSettings(t, w.Seller).SetupMissing; !slices.Equal(got, []string{"CREDENTIALS", "AGREEMENT_TYPE"}) {
		t.Errorf("at first setupMissing is %q, want both steps in their order", got)
	}
	saved, _ := saveCredentials(t, w, nil)
	if len(saved.UserErrors) > 0 || !slices.Equal(saved.Settings.SetupMissing, []string{"AGREEMENT_TYPE"}) {
		t.Fatalf("saving credentials answered %+v, want AGREEMENT_TYPE still missing", saved)
	}
	ids, offered := agreementTypes(t, w.Seller)
	if diff := cmp.Diff([]string{"Block Time", "Cloud Subscriptions", "Hardware as a Service", "Managed Services"}, offered); diff != "" {
		t.Errorf("the Agreement Types offered, inactive ones left out (-want +got):\n%s", diff)
	}
	chosen := updateSettings(t, w.Seller, variables{"agreementTypeId": ids["Managed Services"]})
	if len(chosen.UserErrors) > 0 || len(chosen.Settings.SetupMissing) != 0 || chosen.Settings.AgreementType.Name != "Managed Services" {
		t.Fatalf("choosing an Agreement Type answered %+v, want nothing missing", chosen)
	}
	w.AddCustomer("Alpha", "1", "Active")
	w.Sync(t)
	golden(t, "settings", w.Must(t, viewer, `{ viewer { subject role seller { id name timeZone } } settings { `+settingsFields+` } }`, nil, nil))
}

func TestSecretsGoInAndNeverComeOut(t *testing.T) {
	t.Parallel()
	w := gatewaytest.Start(t, gatewaytest.Options{WithoutCredentials: true})
	saved, response := saveCredentials(t, w, nil)
	if !saved.Settings.Connection.PrivateKeySet || !saved.Settings.Connection.ClientIDSet {
		t.Errorf("saving credentials answered %+v, want both secrets set", saved)
	}
	bodies := [][]byte{response.Body}
	ids, _ := agreementTypes(t, w.Seller)
	updateSettings(t, w.Seller, variables{"agreementTypeId": ids["Block Time"]})
	w.Sync(t)
	for _, kind := range []fault.Kind{fault.NoAnswer, fault.ServerError, fault.Unauthorized} {
		setFaults(t, w.ConnectWise.Faults().Set, fault.Fault{Kind: kind})
		bodies = append(bodies, w.Must(t, admin, `mutation { testConnectWiseConnection { ok userErrors { message } } }`, nil, nil).Body)
		w.ConnectWise.Faults().Clear()
		testConnection(t, w.Seller) // a success, so that the circuit stays closed
	}
	setFaults(t, w.ConnectWise.Faults().Set, fault.Fault{Kind: fault.Unauthorized})
	id, _ := w.StartSync(t)
	w.WaitForJob(t, id)
	refused, response := saveCredentials(t, w, variables{"privateKey": gatewaytest.PrivateKey + " with spaces"})
	if len(refused.UserErrors) == 0 {
		t.Error("a private key with spaces was accepted")
	}
	bodies = append(bodies, response.Body,
		w.Must(t, admin, `{ settings { `+settingsFields+` } }`, nil, nil).Body,
		w.Must(t, admin, `{ logEntries(first: 1000) { nodes { title details } } jobs { nodes { error } } }`, nil, nil).Body,
		[]byte(w.Log.String()))
	var stored string
	err := w.DB.Seller(w.ID).Read(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
		return tx.GetContext(ctx, &stored, `
			SELECT encode(private_key_sealed, 'escape') || ' ' || encode(client_id_sealed, 'escape')
			FROM psa_connection
			WHERE seller_id = $1`, w.ID)
	})
	if err != nil {
		t.Fatal(err)
	}
	bodies = append(bodies, []byte(stored))
	for _, body := range bodies {
		for _, secret := range []string{gatewaytest.PrivateKey, gatewaytest.ClientID, w.Token(admin)} {
			if strings.Contains(string(body), secret) {
				t.Errorf("the secret %q came out: %.2000s", secret, body)
			}
		}
	}
}

func TestCredentialsAreCheckedBeforeTheyAreSaved(t *testing.T) {
	t.Parallel()
	w := gatewaytest.Start(t, gatewaytest.Options{WithoutCredentials: true})
	tests := map[string]struct {
		changed variables
		field   string
	}{
		"an empty address":                {variables{"apiUrl": ""}, "apiUrl"},
		"an address of spaces":            {variables{"apiUrl": "   "}, "apiUrl"},
		"an address with a path":          {variables{"apiUrl": "https://na.myconnectwise.net/v4_6_release"}, "apiUrl"},
		"an address of another protocol":  {variables{"apiUrl": "ftp://na.myconnectwise.net"}, "apiUrl"},
		"an address with a user":          {variables{"apiUrl": "https://me:you@na.myconnectwise.net"}, "apiUrl"},
		"an address that is none":         {variables{"apiUrl": "not an address"}, "apiUrl"},
		"an address with a line break":    {variables{"apiUrl": "na.myconnectwise.net\nHost: evil"}, "apiUrl"},
		"an address without end":          {variables{"apiUrl": strings.Repeat("a", 9000) + ".net"}, "apiUrl"},
		"an empty company":                {variables{"companyId": ""}, "companyId"},
		"a company with a plus":           {variables{"companyId": "demo+x"}, "companyId"},
		"a company with a line break":     {variables{"companyId": "demo\r\nx"}, "companyId"},
		"an empty public key":             {variables{"publicKey": " "}, "publicKey"},
		"a public key with a colon":       {variables{"publicKey": "a:b"}, "publicKey"},
		"an empty private key":            {variables{"privateKey": ""}, "privateKey"},
		"a private key with a line break": {variables{"privateKey": "abc\ndef"}, "privateKey"},
		"a private key with an umlaut":    {variables{"privateKey": "schlüssel"}, "privateKey"},
		"a huge private key":              {variables{"privateKey": strings.Repeat("k", 9000)}, "privateKey"},
		"an empty client id":              {variables{"clientId": ""}, "clientId"},
	}
	for name, test := range tests {
		payload, _ := saveCredentials(t, w, test.changed)
		wantRefused(t, name, payload.UserErrors, "INVALID", test.field)
		if payload.Settings == nil || payload.Settings.Connection.PrivateKeySet {
			t.Errorf("%s: the settings are %+v, want nothing saved", name, payload.Settings)
		}
	}
	payload, _ := saveCredentials(t, w, variables{"apiUrl": "", "companyId": "", "publicKey": "", "privateKey": "", "clientId": ""})
	if len(payload.UserErrors) != 5 {
		t.Errorf("five empty fields were refused with %+v, want all of them named", payload.UserErrors)
	}
}

func TestAnotherHostOrCompanyIsRefusedOnceAnythingIsMapped(t *testing.T) {
	t.Parallel()
	w, alpha, _, acme, _ := startPair(t, gatewaytest.Options{})
	mapTo(t, w.Seller, alpha.ID, acme.ID, nil)
	for name, test := range map[string]struct {
		changed variables
		field   string
	}{
		"another host":    {variables{"apiUrl": "https://eu.myconnectwise.net"}, "apiUrl"},
		"another port":    {variables{"apiUrl": "http://127.0.0.1:1"}, "apiUrl"},
		"another company": {variables{"companyId": "stranger"}, "companyId"},
	} {
		payload, _ := saveCredentials(t, w, test.changed)
		wantRefused(t, name, payload.UserErrors, "CONFLICT", test.field)
		if got := deref(payload.Settings.Connection.APIURL); got != w.ConnectWiseURL || deref(payload.Settings.Connection.CompanyID) != gatewaytest.CompanyID {
			t.Errorf("%s: the connection is %+v, want it as before", name, payload.Settings.Connection)
		}
	}
	if got := organizationNamed(t, w.Seller, "Alpha"); got.MappingStatus != "MAPPED" || got.PsaCompany.Freshness != "LIVE" {
		t.Errorf("after the refusals the organization is %+v, want it mapped and live", got)
	}
	renewed, _ := saveCredentials(t, w, variables{"publicKey": "renewed", "companyId": "DEMO"})
	if len(renewed.UserErrors) > 0 || deref(renewed.Settings.Connection.PublicKey) != "renewed" || renewed.Settings.AgreementType == nil {
		t.Errorf("new keys of the same company were answered with %+v, want them saved and the rest kept", renewed)
	}
	unmapOrganization(t, w.Seller, alpha.ID, nil)
	moved, _ := saveCredentials(t, w, variables{"companyId": "stranger"})
	if len(moved.UserErrors) > 0 {
		t.Errorf("another company when nothing is mapped any more was refused: %+v", moved.UserErrors)
	}
}

func TestAnotherConnectWiseBeforeAnythingIsMappedForgetsTheFormerOne(t *testing.T) {
	t.Parallel()
	w, _, _, _, _ := startPair(t, gatewaytest.Options{})
	replicas := map[string]*gatewaytest.Seller{"the replica that saves them": w.Seller, "the other replica": w.On(w.Replica(t))}
	const gated = `{ organizations { totalCount } }`
	for _, s := range replicas {
		s.Must(t, viewer, gated, nil, new(struct{}))
	}
	moved, _ := saveCredentials(t, w, variables{"companyId": "stranger"})
	for name, s := range replicas {
		if response := s.Query(t, viewer, gated, nil); !slices.Equal(response.Codes(), []string{"SETUP_INCOMPLETE"}) {
			t.Errorf("right after the company was changed %s answered %s, want SETUP_INCOMPLETE", name, response.Body)
		}
	}
	if len(moved.UserErrors) > 0 || moved.Settings.AgreementType != nil || !slices.Equal(moved.Settings.SetupMissing, []string{"AGREEMENT_TYPE"}) {
		t.Fatalf("another company was answered with %+v, want it saved and the Agreement Type to be chosen anew", moved)
	}
	back, _ := saveCredentials(t, w, nil)
	if len(back.UserErrors) > 0 {
		t.Fatalf("going back was refused: %+v", back.UserErrors)
	}
	ids, _ := agreementTypes(t, w.Seller)
	updateSettings(t, w.Seller, variables{"agreementTypeId": ids["Block Time"]})
	if got := pick(t, w.Seller, variables{"filter": variables{"includeDeleted": true}}); len(got) != 0 {
		t.Errorf("the picker offers %q of the former ConnectWise, want nothing before the next sync", got)
	}
	if got := names(organizations(t, w.Seller)); !slices.Equal(got, []string{"Alpha", "Beta"}) {
		t.Errorf("the organizations are %q, want those of the Platform as before", got)
	}
}

func TestTestingTheConnectionSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		changed variables
		fault   *fault.Fault
		says    string
	}{
		"all is well":            {},
		"wrong private key":      {changed: variables{"privateKey": "wrong"}, says: "Check the credentials"},
		"wrong company":          {changed: variables{"companyId": "wrong"}, says: "Check the credentials"},
		"wrong client id":        {changed: variables{"clientId": "wrong"}, says: "Check the credentials"},
		"nothing at the address": {changed: variables{"apiUrl": "http://127.0.0.1:1"}, says: "could not be reached"},
		"no such host":           {changed: variables{"apiUrl": "http://nowhere.invalid"}, says: "host name"},
		"it answers 500":         {fault: &fault.Fault{Kind: fault.ServerError}, says: "status 500"},
		"it is a web page":       {fault: &fault.Fault{Kind: fault.WebPage}, says: "web page"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := gatewaytest.Start(t, gatewaytest.Options{WithoutCredentials: true})
			if saved, _ := saveCredentials(t, w, test.changed); len(saved.UserErrors) > 0 {
				t.Fatalf("the credentials were refused: %+v", saved.UserErrors)
			}
			if test.fault != nil {
				setFaults(t, w.ConnectWise.Faults().Set, *test.fault)
			}
			got := testConnection(t, w.Seller)
			if test.says == "" {
				if !got.Ok || got.Version == nil || len(got.UserErrors) > 0 {
					t.Errorf("the test answered %+v, want ok with a version", got)
				}
				return
			}
			if got.Ok || got.Version != nil || len(got.UserErrors) != 1 || got.UserErrors[0].Code != "PSA_UNAVAILABLE" ||
				!strings.Contains(got.UserErrors[0].Message, test.says) {
				t.Errorf("the test answered %+v, want PSA_UNAVAILABLE saying %q", got, test.says)
			}
		})
	}
}

func TestNewKeysAreUsedAtOnceByEveryReplica(t *testing.T) {
	t.Parallel()
	w := gatewaytest.Start(t, gatewaytest.Options{})
	other := w.On(w.Replica(t))
	for _, key := range []string{gatewaytest.PrivateKey, "wrong", gatewaytest.PrivateKey} {
		if saved, _ := saveCredentials(t, w, variables{"privateKey": key}); len(saved.UserErrors) > 0 {
			t.Fatalf("the credentials were refused: %+v", saved.UserErrors)
		}
		for name, s := range map[string]*gatewaytest.Seller{"the replica that saved them": w.Seller, "the other replica": other} {
			if got, want := testConnection(t, s).Ok, key == gatewaytest.PrivateKey; got != want {
				t.Errorf("with the key %q the connection test of %s says %t, want %t", key, name, got, want)
			}
		}
	}
}

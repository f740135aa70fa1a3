package gateway_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/trace"

	"crosswalk/internal/gateway/gatewaytest"
	"crosswalk/internal/simulator/fault"
	simplatform "crosswalk/internal/simulator/platform"
)

// What callers send in this file that nobody else may see.
const (
	secretVariable = "secret-in-a-variable"
	secretLiteral  = "secret-in-a-document"
	secretSearch   = "secret-somebody-looks-for"
)

func TestNothingThatIsWatchedTellsASecret(t *testing.T) {
	t.Parallel()
	var options gatewaytest.Options
	traces := startTraced(t, &options)
	d := startDesk(t, options)
	billTo(d.World, "1", date(3), cycle("R-1"))
	d.load(t)
	d.toCloud(t)
	wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 1})
	d.Must(t, viewer, `query ($text: String) { organizations(search: $text) { totalCount } }`, variables{"text": secretSearch}, nil)
	d.Query(t, viewer, `query ($text: String) { organizations(search: $text, first: "`+secretLiteral+`") { totalCount } }`, variables{"text": secretSearch})
	failEverywhere(t, d)
	askWithin(t, d.Seller, trace.TraceID{9}, `{ viewer { subject } }`)
	traces.await(t, "POST /graphql", trace.TraceID{9})

	spans := traces.spans(t)
	if len(spans.named("connectwise: read the system information")) == 0 || len(spans.named("job SYNC_ORGANIZATIONS")) < 2 {
		t.Fatalf("what may tell a secret was not traced:\n%s", spans)
	}
	for place, text := range map[string]string{"spans": fmt.Sprintf("%+v", spans), "/metrics": get(t, d.URL()+"/metrics"), "the log": d.Log.String()} {
		for _, secret := range secretsOf(d.Seller) {
			if at := strings.Index(text, secret); at >= 0 {
				t.Errorf("%s tell the secret %q: …%s…", place, secret, text[max(at-300, 0):min(at+100, len(text))])
			}
		}
	}
}

// failEverywhere has credentials saved that are refused, and runs and calls fail.
func failEverywhere(t *testing.T, d desk) {
	t.Helper()
	for _, kind := range []fault.Kind{fault.Unauthorized, fault.NoAnswer, fault.WebPage} {
		setFaults(t, d.Platform.SetFaults, fault.Fault{Kind: kind})
		job, _ := d.StartSync(t)
		d.WaitForJob(t, job)
	}
	save := `mutation Save($input: ConnectWiseCredentialsInput!) { saveConnectWiseCredentials(input: $input) { userErrors { code } } }`
	d.Must(t, admin, save, variables{"input": variables{
		"apiUrl": d.ConnectWiseURL, "companyId": gatewaytest.CompanyID, "publicKey": "key", "privateKey": secretVariable, "clientId": secretVariable,
	}}, nil)
	d.Query(t, admin, `mutation { testConnectWiseConnection { ok } }`, nil)
	d.Query(t, admin, `mutation Save { saveConnectWiseCredentials(input: {apiUrl: "`+d.ConnectWiseURL+`", companyId: "`+gatewaytest.CompanyID+
		`", publicKey: "key", privateKey: "`+secretLiteral+`", clientId: "`+secretLiteral+`"}) { userErrors { code } } }`, nil)
	d.Query(t, admin, `mutation { testConnectWiseConnection { ok } }`, nil)
	gatewaytest.Post(t, d.URL(), secretVariable, "{ viewer { subject } }", nil)
}

// secretsOf are the secrets that a seller's people and systems have, and what they become on their way.
func secretsOf(s *gatewaytest.Seller) []string {
	secrets := []string{
		gatewaytest.PrivateKey, gatewaytest.ClientID, simplatform.DefaultKey, simplatform.DefaultToken,
		secretVariable, secretLiteral, secretSearch,
		base64.StdEncoding.EncodeToString([]byte(gatewaytest.CompanyID + "+" + gatewaytest.PublicKey + ":" + gatewaytest.PrivateKey)),
	}
	for _, role := range gatewaytest.Roles() {
		secrets = append(secrets, s.Token(role))
	}
	return secrets
}

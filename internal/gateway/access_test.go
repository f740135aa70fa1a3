package gateway_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"crosswalk/internal/account"
	"crosswalk/internal/gateway/gatewaytest"
)

// loadSchema reads the schema as it was written.
func loadSchema(t testing.TB) *ast.Schema {
	t.Helper()
	text, err := os.ReadFile("../../schema.graphqls")
	if err != nil {
		t.Fatal(err)
	}
	schema, err := gqlparser.LoadSchema(&ast.Source{Name: "schema.graphqls", Input: string(text)})
	if err != nil {
		t.Fatalf("load the schema: %v", err)
	}
	return schema
}

// nonsense writes a value of a type that fits the schema and nothing else. Optional members are left out.
func nonsense(schema *ast.Schema, of *ast.Type) string {
	if of.Elem != nil {
		return "[" + nonsense(schema, of.Elem) + "]"
	}
	definition := schema.Types[of.NamedType]
	switch {
	case definition.Kind == ast.Enum:
		return definition.EnumValues[0].Name
	case definition.Kind == ast.InputObject:
		var members []string
		for _, member := range definition.Fields {
			if member.Type.NonNull && member.DefaultValue == nil {
				members = append(members, member.Name+": "+nonsense(schema, member.Type))
			}
		}
		return "{" + strings.Join(members, ", ") + "}"
	case of.NamedType == "Int":
		return "1"
	case of.NamedType == "Boolean":
		return "true"
	case of.NamedType == "Date":
		return `"2026-05-01"`
	}
	return `"nonsense"`
}

// callOf writes a mutation that calls the field with nonsense.
func callOf(schema *ast.Schema, field *ast.FieldDefinition) string {
	var arguments []string
	for _, argument := range field.Arguments {
		if argument.Type.NonNull {
			arguments = append(arguments, argument.Name+": "+nonsense(schema, argument.Type))
		}
	}
	call := field.Name
	if len(arguments) > 0 {
		call += "(" + strings.Join(arguments, ", ") + ")"
	}
	return "mutation { " + call + " { userErrors { code message field } } }"
}

func TestEveryMutationNeedsItsRoleAndAnswersNonsenseWithUserErrors(t *testing.T) {
	t.Parallel()
	w := gatewaytest.Start(t, gatewaytest.Options{})
	schema := loadSchema(t)
	for _, field := range schema.Mutation.Fields {
		guard := field.Directives.ForName("requiresRole")
		if strings.HasPrefix(field.Name, "__") {
			continue
		}
		if guard == nil {
			t.Errorf("%s needs no role", field.Name)
			continue
		}
		needed := account.Role(guard.Arguments.ForName("role").Value.Raw)
		if !slices.Contains([]account.Role{editor, operator, admin}, needed) {
			t.Errorf("%s is open to the role %s, want EDITOR, OPERATOR or ADMIN", field.Name, needed)
		}
		mutation := callOf(schema, field)
		for _, role := range gatewaytest.Roles() {
			response := w.Query(t, role, mutation, nil)
			if role.Includes(needed) {
				if len(response.Errors) > 0 || response.Status != http.StatusOK {
					t.Errorf("%s as %s was answered with %s, want user errors alone", mutation, role, response.Body)
				}
				continue
			}
			if !slices.Equal(response.Codes(), []string{"FORBIDDEN"}) || !strings.Contains(response.Errors[0].Message, string(needed)) {
				t.Errorf("%s as %s was answered with %s, want FORBIDDEN naming %s", mutation, role, response.Body, needed)
			}
			if got := string(response.Data); got != `{"`+field.Name+`":null}` {
				t.Errorf("%s as %s has the data %s, want null for the field", field.Name, role, got)
			}
		}
	}
}

func TestWhatEachRoleMayDo(t *testing.T) {
	t.Parallel()
	schema := loadSchema(t)
	for field, role := range map[string]account.Role{
		"mapOrganization": editor, "mapOrganizations": editor, "unmapOrganization": editor, "setOrganizationsExcluded": editor,
		"syncOrganizations": operator, "cancelJob": operator,
		"saveConnectWiseCredentials": admin, "testConnectWiseConnection": admin, "updateSettings": admin,
	} {
		guard := schema.Mutation.Fields.ForName(field).Directives.ForName("requiresRole")
		if got := account.Role(guard.Arguments.ForName("role").Value.Raw); got != role {
			t.Errorf("%s needs the role %s, want %s", field, got, role)
		}
	}
}

func TestWithoutAValidTokenNothingIsAnswered(t *testing.T) {
	t.Parallel()
	w := gatewaytest.Start(t, gatewaytest.Options{})
	issue := func(expires time.Time) (string, account.Token) {
		text, token, err := w.Accounts.IssueToken(t.Context(), account.NewToken{Seller: w.ID, Role: admin, ExpiresAt: expires})
		if err != nil {
			t.Fatal(err)
		}
		return text, token
	}
	expiring, _ := issue(time.Now().Add(100 * time.Millisecond))
	revoked, _ := issue(time.Time{})
	if got := gatewaytest.Post(t, w.URL(), revoked, `{ viewer { subject } }`, nil); got.Status != http.StatusOK {
		t.Fatalf("a token that is not revoked yet was answered with %s", got.Body)
	}
	if _, err := w.Accounts.RevokeToken(t.Context(), revoked); err != nil {
		t.Fatal(err)
	}
	gatewaytest.Eventually(t, "the token expires", func() bool {
		return gatewaytest.Post(t, w.URL(), expiring, `{ viewer { subject } }`, nil).Status != http.StatusOK
	})
	good := w.Token(viewer)
	for name, token := range map[string]string{
		"no token":                "",
		"garbage":                 "garbage",
		"an expired token":        expiring,
		"a revoked token":         revoked,
		"a token cut short":       good[:len(good)-1],
		"a token with a mistake":  good[:len(good)-2] + "AA",
		"a token of 10,000 signs": strings.Repeat("x", 10_000),
		"the private key":         gatewaytest.PrivateKey,
	} {
		for _, operation := range []string{`{ viewer { subject } }`, `{ __typename }`, `mutation { syncOrganizations { started } }`, `not even graphql`} {
			response := gatewaytest.Post(t, w.URL(), token, operation, nil)
			if response.Status != http.StatusUnauthorized || !slices.Equal(response.Codes(), []string{"UNAUTHENTICATED"}) || response.Data != nil {
				t.Errorf("%s with %s was answered with status %d: %s, want 401 and UNAUTHENTICATED alone", operation, name, response.Status, response.Body)
			}
		}
	}
}

func TestSellersAreStrangersToEachOther(t *testing.T) {
	t.Parallel()
	w := gatewaytest.Start(t, gatewaytest.Options{Sellers: 2})
	mine, theirs := w.Sellers[0], w.Sellers[1]
	// Theirs alone has a second organization, a company more in its mirror, a mapping and two runs.
	w.AddCustomer("Alpha", "1", "Active")
	mine.Sync(t)
	w.AddCustomer("Beta", "2", "Active")
	first := w.ConnectWise.AddCompany(companyOf("ACME"))
	foreignJob := theirs.Sync(t)
	theirs.Sync(t)
	var foreign organization
	for _, o := range organizations(t, theirs) {
		if o.Name == "Beta" {
			foreign = mapTo(t, theirs, o.ID, nodeID("PsaCompany", int64(first)), nil)
		}
	}
	own := organizations(t, mine)[0]
	foreignCompany := nodeID("PsaCompany", int64(first))
	foreignEntry := latestEntry(t, theirs)

	for name, id := range map[string]string{
		"organization": foreign.ID, "company": foreignCompany, "job": foreignJob.ID, "log entry": foreignEntry,
		"seller": nodeID("Seller", int64(theirs.ID)),
	} {
		var data struct {
			Node  *struct{ ID string }
			Nodes []*struct{ ID string }
		}
		mine.Must(t, viewer, `query ($id: ID!) { node(id: $id) { id } nodes(ids: [$id]) { id } }`, variables{"id": id}, &data)
		if data.Node != nil || len(data.Nodes) != 1 || data.Nodes[0] != nil {
			t.Errorf("another seller's %s was shown: %+v", name, data)
		}
	}
	var job struct{ Job *struct{ ID string } }
	mine.Must(t, viewer, `query ($id: ID!) { job(id: $id) { id } }`, variables{"id": foreignJob.ID}, &job)
	if job.Job != nil {
		t.Error("another seller's job was shown by job(id:)")
	}
	for name, filter := range map[string]variables{"their organization": {"id": foreign.ID}, "their company": {"psaCompanyId": foreignCompany}} {
		if got := references(t, mine, variables{"filter": filter}); len(got) != 0 {
			t.Errorf("filtering by %s found %q", name, got)
		}
	}
	if got := pick(t, mine, nil); len(got) != 0 {
		t.Errorf("my picker offers %q of another seller's mirror", got)
	}
	wantRefused(t, "mapping another seller's organization", mapOrganization(t, mine, foreign.ID, foreignCompany, nil).UserErrors, "NOT_FOUND", "organizationId")
	wantRefused(t, "unmapping another seller's organization", unmapOrganization(t, mine, foreign.ID, nil).UserErrors, "NOT_FOUND", "organizationId")
	wantRefused(t, "including another seller's organization", setExcluded(t, mine, []string{foreign.ID}, false, nil).UserErrors, "NOT_FOUND", "organizationIds", "0")
	var cancelled struct {
		CancelJob struct{ UserErrors []gatewaytest.UserError }
	}
	mine.Must(t, operator, `mutation ($id: ID!) { cancelJob(id: $id) { userErrors { code message field } } }`, variables{"id": foreignJob.ID}, &cancelled)
	wantRefused(t, "cancelling another seller's job", cancelled.CancelJob.UserErrors, "NOT_FOUND", "id")

	if got := organizations(t, mine); len(got) != 1 || got[0].Revision != own.Revision {
		t.Errorf("my organizations are %+v, want Alpha alone, untouched", got)
	}
	var now organization
	for _, o := range organizations(t, theirs) {
		if o.ID == foreign.ID {
			now = o
		}
	}
	if now.Revision != foreign.Revision || now.MappingStatus != "MAPPED" {
		t.Errorf("their organization is %+v, want it untouched", now)
	}
}

// latestEntry returns the id of the newest log entry.
func latestEntry(t *testing.T, s *gatewaytest.Seller) string {
	t.Helper()
	var data struct {
		LogEntries struct{ Nodes []struct{ ID string } }
	}
	s.Must(t, viewer, `{ logEntries(first: 1) { nodes { id } } }`, nil, &data)
	return data.LogEntries.Nodes[0].ID
}

func TestIdsOfAnotherKindAreRefusedWithASentenceThatSaysSo(t *testing.T) {
	t.Parallel()
	w, alpha, _, acme, _ := startPair(t, gatewaytest.Options{})
	job := w.Sync(t)
	for name, id := range map[string]struct{ id, says string }{
		"an id of another type": {acme.ID, "another type"},
		"a job's id":            {job.ID, "another type"},
		"a Platform id":         {alpha.PlatformID, "not a Platform id"},
		"a GUID":                {"0f8fad5b-d9cb-469f-a165-70867728950e", "not a Platform id"},
		"a record number":       {"17", "ConnectWise record number"},
		"an empty text":         {"", "not a node id"},
		"control characters":    {"\x01\x02\n", "not a node id"},
		"a huge text":           {strings.Repeat("A", 9_999), "not a node id"},
		"an id with padding":    {alpha.ID + "=", "not a node id"},
		"a number below one":    {nodeID("Organization", -1), "not a node id"},
		"an unknown type":       {nodeID("Nonesuch", 1), "another type"},
	} {
		for field, refused := range map[string][]gatewaytest.UserError{
			"mapOrganization":          mapOrganization(t, w.Seller, id.id, acme.ID, nil).UserErrors,
			"unmapOrganization":        unmapOrganization(t, w.Seller, id.id, nil).UserErrors,
			"mapOrganizations":         mapOrganizations(t, w.Seller, []variables{{"organizationId": id.id, "psaCompanyId": acme.ID}}).UserErrors,
			"setOrganizationsExcluded": setExcluded(t, w.Seller, []string{id.id}, false, nil).UserErrors,
		} {
			if len(refused) != 1 || refused[0].Code != "INVALID" || !strings.Contains(refused[0].Message, id.says) {
				t.Errorf("%s with %s was refused with %+v, want INVALID saying %q", field, name, refused, id.says)
			}
		}
		response := w.Query(t, viewer, `query ($filter: OrganizationFilter) { organizations(filter: $filter) { totalCount } }`,
			variables{"filter": variables{"id": id.id}})
		if !slices.Equal(response.Codes(), []string{"BAD_USER_INPUT"}) || !strings.Contains(response.Errors[0].Message, id.says) {
			t.Errorf("the id filter with %s answered %s, want BAD_USER_INPUT saying %q", name, response.Body, id.says)
		}
	}
	for name, target := range map[string]string{"an organization": alpha.ID, "a record number": "1", "an Agreement Type": nodeID("PsaAgreementType", 1)} {
		wantRefused(t, "mapping to "+name, mapOrganization(t, w.Seller, alpha.ID, target, nil).UserErrors, "INVALID", "psaCompanyId")
	}
	for _, query := range []string{
		`{ node(id: "17") { id } }`, `{ nodes(ids: ["` + alpha.ID + `", "17"]) { id } }`, `{ job(id: "` + alpha.ID + `") { id } }`, `{ job(id: "") { id } }`,
	} {
		if response := w.Query(t, viewer, query, nil); !slices.Equal(response.Codes(), []string{"BAD_USER_INPUT"}) {
			t.Errorf("%s answered %s, want BAD_USER_INPUT", query, response.Body)
		}
	}
	var cancelled struct {
		CancelJob struct{ UserErrors []gatewaytest.UserError }
	}
	w.Must(t, operator, `mutation ($id: ID!) { cancelJob(id: $id) { userErrors { code message field } } }`, variables{"id": alpha.ID}, &cancelled)
	wantRefused(t, "cancelling an organization", cancelled.CancelJob.UserErrors, "INVALID", "id")
}

func TestNodesComeInTheirOrderWithNullForWhatIsNotThere(t *testing.T) {
	t.Parallel()
	w, alpha, beta, acme, _ := startPair(t, gatewaytest.Options{})
	ids := []string{
		beta.ID, nodeID("Organization", 987654), acme.ID, nodeID("Seller", int64(w.ID)), alpha.ID, beta.ID,
		nodeID("Job", 987654), nodeID("LogEntry", 987654), nodeID("PsaCompany", 987654), latestEntry(t, w.Seller), nodeID("Nonesuch", 1),
	}
	golden(t, "nodes", w.Must(t, viewer, `query ($ids: [ID!]!) { nodes(ids: $ids) {
		__typename id ... on Organization { name } ... on PsaCompany { identifier freshness } ... on Seller { timeZone } ... on LogEntry { code }
	} }`, variables{"ids": ids}, nil))
	var data struct{ Nodes []json.RawMessage }
	w.Must(t, viewer, `query ($ids: [ID!]!) { nodes(ids: $ids) { id } }`, variables{"ids": []string{}}, &data)
	if len(data.Nodes) != 0 {
		t.Errorf("no ids gave %d nodes", len(data.Nodes))
	}
	mixed := w.Query(t, viewer, `query ($ids: [ID!]!) { some: nodes(ids: $ids) { id } }`, variables{"ids": []string{alpha.ID, "17", beta.ID, ""}})
	if want := `"data":{"some":[{"id":"` + alpha.ID + `"},null,{"id":"` + beta.ID + `"},null]}`; !strings.Contains(string(mixed.Body), want) {
		t.Errorf("ids of which two are none answered %s, want %s", mixed.Body, want)
	}
	for i, path := range []string{"[some 1]", "[some 3]"} {
		if len(mixed.Errors) != 2 || mixed.Errors[i].Code() != "BAD_USER_INPUT" || fmt.Sprint(mixed.Errors[i].Path) != path {
			t.Errorf("ids of which two are none answered %s, want two errors, the %d. at %s", mixed.Body, i+1, path)
		}
	}
	for _, length := range []int{1001, 10_000} {
		response := w.Query(t, viewer, `query ($ids: [ID!]!) { nodes(ids: $ids) { id } }`, variables{"ids": slices.Repeat([]string{alpha.ID}, length)})
		if !slices.Equal(response.Codes(), []string{"BAD_USER_INPUT"}) {
			t.Errorf("%d ids answered %.300s, want BAD_USER_INPUT", length, response.Body)
		}
	}
}

package gateway_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2/ast"

	"crosswalk/internal/account"
	"crosswalk/internal/gateway/gatewaytest"
)

// probes are the ids of theirs to try in a place in the arguments of a field: all of the kind that belongs there, and
// one of every other kind.
func (n *neighbours) probes(field *ast.FieldDefinition, place slot) (fitting, others []string) {
	kind := n.survey.kindAt(field, place)
	for _, other := range slices.Sorted(maps.Keys(n.seen.ids)) {
		ids := slices.DeleteFunc(slices.Clone(n.seen.ids[other]), func(id string) bool { return !isNodeID(other, id) })
		switch {
		case kind == "" || other == kind:
			fitting = append(fitting, ids...)
		case len(ids) > 0:
			others = append(others, ids[0])
		}
	}
	return fitting, others
}

func TestTheSurveyReachesEveryTypeOfTheSchema(t *testing.T) {
	t.Parallel()
	n := startNeighbours(t)
	if len(n.secret) < 50 {
		t.Errorf("theirs is shown only %d texts that mine is not; there should be many", len(n.secret))
	}
	for name, definition := range n.survey.Types {
		answersMutation := strings.HasSuffix(name, "Payload")
		if definition.Kind == ast.Object && !strings.HasPrefix(name, "__") && name != "Query" && name != "Mutation" &&
			name != "Subscription" && name != "UserError" && !answersMutation && !n.seen.types[name] {
			t.Errorf("no %s was seen: give both one in furnish, so that it is tried whether mine is shown that of theirs", name)
		}
		for _, field := range definition.Fields {
			if field.Directives.ForName("requiresRole") != nil && name != "Mutation" && name != "Subscription" {
				t.Errorf("%s.%s needs a role, which no test tries yet", name, field.Name)
			}
		}
	}
	for _, definition := range n.survey.nodeTypes() {
		if !slices.ContainsFunc(n.seen.ids[definition.Name], func(id string) bool { return !slices.Contains(n.own.ids[definition.Name], id) }) {
			t.Errorf("theirs has no %s whose id means nothing to mine", definition.Name)
		}
	}
}

func TestNoQueryShowsWhatIsAnotherSellers(t *testing.T) {
	t.Parallel()
	n := startNeighbours(t)
	tried := 0
	ask := func(query string) {
		n.wantNothing(t, query, n.mine.Query(t, admin, query, nil))
		tried++
	}
	for _, definition := range n.survey.nodeTypes() {
		for _, id := range n.seen.ids[definition.Name] {
			ask(n.survey.nodeQuery(definition, id))
		}
	}
	for _, field := range n.survey.Query.Fields {
		if strings.HasPrefix(field.Name, "__") {
			continue
		}
		for _, place := range n.survey.slots(field) {
			fitting, others := n.probes(field, place)
			for _, id := range append(fitting, others...) {
				ask("{ " + n.survey.call(field, n.survey.arguments(field, filling{slot: place, id: id, ids: n.seen.ids}), 1) + " }")
			}
		}
		for _, page := range [][2]string{{"after", "first"}, {"before", "last"}} {
			if field.Arguments.ForName(page[0]) == nil {
				continue
			}
			for cursor := range n.seen.cursors {
				ask("{ " + n.survey.call(field, map[string]string{page[0]: quote(cursor), page[1]: "20"}, 1) + " }")
			}
		}
	}
	if tried < 300 {
		t.Errorf("only %d queries were tried", tried)
	}
}

// callsOf writes calls of a mutation with ids of theirs: each in each place that takes one, with and without values
// for what may be left out. Other places have ids of one of the owners.
func (n *neighbours) callsOf(field *ast.FieldDefinition, owners ...*answers) []string {
	var calls []string
	add := func(f filling) {
		calls = append(calls, "mutation { "+n.survey.call(field, n.survey.arguments(field, f), 1)+" }")
	}
	add(filling{})
	add(filling{more: true})
	for _, place := range n.survey.slots(field) {
		fitting, others := n.probes(field, place)
		for _, id := range fitting {
			for _, owner := range owners {
				add(filling{slot: place, id: id, ids: owner.ids})
				add(filling{slot: place, id: id, ids: owner.ids, more: true})
			}
		}
		for _, id := range others {
			add(filling{slot: place, id: id, ids: n.seen.ids})
		}
	}
	slices.Sort(calls)
	return slices.Compact(calls)
}

func TestNoMutationChangesWhatIsAnotherSellers(t *testing.T) {
	t.Parallel()
	n := startNeighbours(t)
	before := n.everything(t, n.theirs, n.seen.ids)
	tried := 0
	for _, field := range n.survey.Mutation.Fields {
		for _, call := range n.callsOf(field, n.seen, n.own) {
			n.wantNothing(t, call, n.mine.Query(t, admin, call, nil))
			tried++
		}
	}
	for _, id := range jobList(t, n.mine.Seller, variables{"first": 1000}) {
		n.mine.WaitForJob(t, id)
	}
	n.wantUntouched(t, "by mutations of another seller", before)
	if tried < 300 {
		t.Errorf("only %d mutations were tried", tried)
	}
	for _, field := range n.survey.Mutation.Fields {
		if len(n.survey.slots(field)) > 0 {
			n.wantTaken(t, field)
		}
	}
}

// wantTaken fails the test unless theirs may do with its own ids what was tried with them: otherwise it was tried in
// vain.
func (n *neighbours) wantTaken(t *testing.T, field *ast.FieldDefinition) {
	t.Helper()
	for _, call := range n.callsOf(field, n.seen) {
		response := n.theirs.Query(t, admin, call, nil)
		var data map[string]struct{ UserErrors []gatewaytest.UserError }
		if len(response.Errors) == 0 {
			response.Decode(t, &data)
			if len(data[field.Name].UserErrors) == 0 {
				return
			}
		}
	}
	t.Errorf("%s is refused whatever ids of its own theirs gives: have the survey write a call that is taken", field.Name)
}

// wantUntouched fails the test if theirs is shown anything else of its own than before.
func (n *neighbours) wantUntouched(t *testing.T, how string, before map[string]json.RawMessage) {
	t.Helper()
	for what, after := range n.everything(t, n.theirs, n.seen.ids) {
		if diff := cmp.Diff(settled(t, before[what]), settled(t, after)); diff != "" {
			t.Errorf("%s was changed %s (-before +after):\n%s", what, how, diff)
		}
	}
}

// settled is an answer's data without the times that go on by themselves.
func settled(t *testing.T, data json.RawMessage) any {
	t.Helper()
	var value any
	if err := json.Unmarshal(data, &value); err != nil {
		t.Fatalf("the data is not JSON: %v\n%s", err, data)
	}
	settle(value)
	return value
}

func settle(value any) {
	switch value := value.(type) {
	case map[string]any:
		switch value["__typename"] {
		case "MappingSummary":
			delete(value, "asOf")
		case "ConnectWiseConnection":
			delete(value, "lastSuccessAt")
		}
		for _, inner := range value {
			settle(inner)
		}
	case []any:
		for _, inner := range value {
			settle(inner)
		}
	}
}

func TestNoMutationTakesALowerRoleWithRealIds(t *testing.T) {
	t.Parallel()
	n := startNeighbours(t)
	before := n.everything(t, n.theirs, n.seen.ids)
	for _, field := range n.survey.Mutation.Fields {
		needed := account.Role(field.Directives.ForName("requiresRole").Arguments.ForName("role").Value.Raw)
		for _, role := range gatewaytest.Roles() {
			if !role.Includes(needed) {
				n.wantForbidden(t, field, role)
			}
		}
	}
	n.wantUntouched(t, "by roles that may not", before)
}

// wantForbidden fails the test if theirs may call a mutation in a role, with whatever of its own ids.
func (n *neighbours) wantForbidden(t *testing.T, field *ast.FieldDefinition, role account.Role) {
	t.Helper()
	forbidden := false
	for _, call := range n.callsOf(field, n.seen) {
		response := n.theirs.Query(t, role, call, nil)
		switch {
		case slices.Equal(response.Codes(), []string{"FORBIDDEN"}):
			forbidden = true
		case !slices.Equal(response.Codes(), []string{"BAD_USER_INPUT"}):
			t.Errorf("%s as %s was answered with %s, want FORBIDDEN", call, role, response.Body)
		}
		if want := `{"` + field.Name + `":null}`; response.Data != nil && string(response.Data) != want {
			t.Errorf("%s as %s has the data %s, want %s", call, role, response.Data, want)
		}
	}
	if !forbidden {
		t.Errorf("no call of %s as %s came as far as being forbidden: have the survey write one that fits the schema", field.Name, role)
	}
}

func TestNoSubscriptionTellsWhatIsAnotherSellers(t *testing.T) {
	t.Parallel()
	n := startNeighbours(t)
	for _, field := range n.survey.Subscription.Fields {
		for _, place := range n.survey.slots(field) {
			fitting, others := n.probes(field, place)
			for _, id := range append(fitting, others...) {
				operation := "subscription { " + n.survey.call(field, n.survey.arguments(field, filling{slot: place, id: id, ids: n.seen.ids}), 2) + " }"
				for _, over := range gatewaytest.Transports() {
					stream := n.mine.Subscribe(t, over, admin, operation, nil)
					response := stream.Next()
					n.wantNothing(t, operation, response)
					if len(response.Errors) == 0 {
						t.Errorf("%s over %s was answered with %s, want an error", operation, over, response.Body)
					}
					stream.Close()
				}
			}
		}
		if len(n.survey.slots(field)) == 0 {
			n.wantToldOwnAlone(t, "subscription { "+n.survey.call(field, nil, 2)+" }")
		}
	}
}

// wantToldOwnAlone listens as mine, has something happen to both, and fails the test unless only what happened
// to mine is told.
func (n *neighbours) wantToldOwnAlone(t *testing.T, operation string) {
	t.Helper()
	for _, over := range gatewaytest.Transports() {
		stream := n.mine.Subscribe(t, over, admin, operation, nil)
		awaitAnswers(t, n, stream)
		logged(t, n.theirs, n.theirs.Seller, entryTitled("Theirs alone"))
		n.theirs.Sync(t)
		logged(t, n.mine, n.mine.Seller, entryTitled("Mine again"))
		for {
			response := stream.Next()
			n.wantNothing(t, operation, response)
			if strings.Contains(string(response.Body), "Theirs alone") {
				t.Errorf("%s over %s tells %s of another seller", operation, over, response.Body)
			}
			if strings.Contains(string(response.Body), "Mine again") {
				break
			}
		}
		stream.Close()
	}
}

// awaitAnswers writes to mine's log until the stream has begun to tell.
func awaitAnswers(t *testing.T, n *neighbours, stream *gatewaytest.Stream) {
	t.Helper()
	told := make(chan struct{})
	go func() {
		defer close(told)
		stream.Next()
	}()
	gatewaytest.Eventually(t, "the subscription tells something", func() bool {
		select {
		case <-told:
			return true
		default:
			logged(t, n.mine, n.mine.Seller, entryTitled("Is anybody there?"))
			return false
		}
	})
}

package gateway_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"

	"crosswalk/internal/account"
	"crosswalk/internal/gateway"
	"crosswalk/internal/gateway/gatewaytest"
)

// neighbours are two sellers of one world. Both have some of everything, but what theirs has came into being
// after mine had looked.
type neighbours struct {
	*gatewaytest.World
	mine, theirs *gatewaytest.Seller
	survey       survey
	// seen is what theirs is shown of its own.
	seen *answers
	// secret are the texts that theirs is shown and mine is not.
	secret map[string]bool
}

// startNeighbours puts them up. Their lines are posted, refused and waiting.
func startNeighbours(t *testing.T) *neighbours {
	t.Helper()
	w := gatewaytest.Start(t, gatewaytest.Options{Sellers: 2, Gateway: func(c *gateway.Config) { c.Limits.Cost = 1 << 30 }})
	n := &neighbours{World: w, mine: w.Sellers[0], theirs: w.Sellers[1], survey: survey{loadSchema(t)}}
	w.ConnectWise.AddCompany(companyOf("MINE"))
	w.AddCustomer("Mine", "9", "Active")
	billTo(w, "9", date(2), cycle("mine"))
	n.mine.Sync(t)
	loadLines(t, n.mine)

	moved := *w
	moved.Seller = n.theirs
	d := deskOf(t, &moved)
	refused := cycle("R-3")
	refused.OfferID, refused.OfferName = "O-3", "Unmapped"
	billTo(w, "1", date(3), cycle("R-1"), once("R-2"), refused)
	billTo(w, "2", date(4), cycle("R-4"))
	n.theirs.Load(t, 1)
	loadLines(t, n.theirs)
	mapTo(t, n.theirs, organizationNamed(t, n.theirs, "Alpha").ID, companyID(d.acme), variables{"excludedFromSync": false})
	for _, o := range offers(t, n.theirs) {
		if product := map[string]int{"O-1": d.seat, "O-2": d.disk}[o.PlatformID]; product != 0 {
			sellAs(t, n.theirs, o.ID, nodeID("PsaProduct", int64(product)))
		}
	}
	d.toCloud(t)
	post(t, n.theirs, nil)
	n.compare(t)
	return n
}

// compare finds out what only theirs is shown.
func (n *neighbours) compare(t *testing.T) {
	t.Helper()
	n.seen = newAnswers()
	for _, data := range n.everything(t, n.theirs, nil) {
		n.seen.add(t, data)
	}
	mine := newAnswers()
	for _, data := range n.everything(t, n.mine, nil) {
		mine.add(t, data)
	}
	n.secret = make(map[string]bool)
	for text := range n.seen.texts {
		if len(text) >= 6 && !mine.texts[text] {
			n.secret[text] = true
		}
	}
	for kind, ids := range n.seen.ids {
		// First come those that mine does not know: these are what it must not reach.
		slices.SortStableFunc(ids, func(a, b string) int {
			return compareBool(slices.Contains(mine.ids[kind], a), slices.Contains(mine.ids[kind], b))
		})
	}
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// everything asks every field of Query, and for each record that was found before, and returns what each
// answered.
func (n *neighbours) everything(t *testing.T, s *gatewaytest.Seller, ids map[string][]string) map[string]json.RawMessage {
	t.Helper()
	answered := make(map[string]json.RawMessage)
	for _, field := range n.survey.Query.Fields {
		if strings.HasPrefix(field.Name, "__") || field.Name == "node" || field.Name == "nodes" || field.Name == "job" {
			continue
		}
		query := "{ " + n.survey.call(field, nil, 2) + " }"
		answered[field.Name] = s.Must(t, viewer, query, nil, nil).Data
	}
	for _, definition := range n.survey.nodeTypes() {
		for _, id := range ids[definition.Name] {
			query := "{ node(id: " + quote(id) + ") { ... on " + definition.Name + " " + n.survey.selection(definition, 2) + " } }"
			answered[definition.Name+" "+id] = s.Must(t, viewer, query, nil, nil).Data
		}
	}
	return answered
}

// wantNothing fails the test if an answer to mine shows anything that is only theirs.
func (n *neighbours) wantNothing(t *testing.T, operation string, response gatewaytest.Response) {
	t.Helper()
	if slices.Contains(response.Codes(), "INTERNAL") || response.Status == http.StatusInternalServerError {
		t.Errorf("%s was answered with %s, want no internal error", operation, response.Body)
	}
	if response.Data == nil {
		return
	}
	shown := newAnswers()
	shown.add(t, response.Data)
	for text := range shown.texts {
		if n.secret[text] {
			t.Errorf("%s shows %q of another seller: %.2000s", operation, text, response.Body)
			return
		}
	}
}

// probes are the ids of theirs to try in a slot: some of every type.
func (n *neighbours) probes() []string {
	var ids []string
	for _, kind := range slices.Sorted(maps.Keys(n.seen.ids)) {
		if n.survey.Types[kind] != nil && n.survey.isNode(n.survey.Types[kind]) {
			ids = append(ids, n.seen.ids[kind][:min(2, len(n.seen.ids[kind]))]...)
		}
	}
	return ids
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
			t.Errorf("no %s was seen: give theirs one in startNeighbours, so that it is tried whether mine is shown it", name)
		}
		for _, field := range definition.Fields {
			if field.Directives.ForName("requiresRole") != nil && name != "Mutation" && name != "Subscription" {
				t.Errorf("%s.%s needs a role, which no test tries yet", name, field.Name)
			}
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
			ask("{ node(id: " + quote(id) + ") { __typename ... on " + definition.Name + " " + n.survey.selection(definition, 2) + " } }")
		}
	}
	for _, field := range n.survey.Query.Fields {
		if strings.HasPrefix(field.Name, "__") {
			continue
		}
		for _, place := range n.survey.slots(field) {
			for _, id := range n.probes() {
				ask("{ " + n.survey.call(field, n.survey.arguments(field, filling{slot: place, id: id, ids: n.seen.ids}), 2) + " }")
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

// callsOf writes calls of a mutation with ids of theirs: each type of id in each place that takes one, with and
// without values for what may be left out.
func (n *neighbours) callsOf(field *ast.FieldDefinition) []string {
	places := n.survey.slots(field)
	if len(places) == 0 {
		places = []slot{nil}
	}
	var calls []string
	for _, place := range places {
		for _, id := range n.probes() {
			for _, more := range []bool{false, true} {
				given := n.survey.arguments(field, filling{slot: place, id: id, ids: n.seen.ids, more: more})
				calls = append(calls, "mutation { "+n.survey.call(field, given, 2)+" }")
			}
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
		for _, call := range n.callsOf(field) {
			n.wantNothing(t, call, n.mine.Query(t, admin, call, nil))
			tried++
		}
	}
	for _, id := range jobList(t, n.mine, nil) {
		n.mine.WaitForJob(t, id)
	}
	n.wantUntouched(t, "by mutations of another seller", before)
	if tried < 300 {
		t.Errorf("only %d mutations were tried", tried)
	}
}

func (n *neighbours) wantUntouched(t *testing.T, how string, before map[string]json.RawMessage) {
	t.Helper()
	for what, after := range n.everything(t, n.theirs, n.seen.ids) {
		if string(after) != string(before[what]) {
			t.Errorf("%s was changed %s:\n%.3000s\nwas\n%.3000s", what, how, after, before[what])
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
			if role.Includes(needed) {
				continue
			}
			for _, call := range n.callsOf(field) {
				response := n.theirs.Query(t, role, call, nil)
				if !slices.Equal(response.Codes(), []string{"FORBIDDEN"}) && !slices.Equal(response.Codes(), []string{"BAD_USER_INPUT"}) {
					t.Errorf("%s as %s was answered with %s, want FORBIDDEN", call, role, response.Body)
				}
				if want := `{"` + field.Name + `":null}`; response.Data != nil && string(response.Data) != want {
					t.Errorf("%s as %s has the data %s, want %s", call, role, response.Data, want)
				}
			}
		}
	}
	n.wantUntouched(t, "by roles that may not", before)
}

func TestNoSubscriptionTellsWhatIsAnotherSellers(t *testing.T) {
	t.Parallel()
	n := startNeighbours(t)
	for _, field := range n.survey.Subscription.Fields {
		for _, place := range n.survey.slots(field) {
			for _, id := range n.probes() {
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
		logged(t, n.World, n.theirs, entryTitled("Theirs alone"))
		n.theirs.Sync(t)
		logged(t, n.World, n.mine, entryTitled("Mine again"))
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
			logged(t, n.World, n.mine, entryTitled("Is anybody there?"))
			return false
		}
	})
}

package connectwise

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"crosswalk/internal/simulator/connectwise/condition"
)

const (
	defaultPageSize = 25
	largestPageSize = 1000
)

// query is what the eight parameters of a GET ask for.
type query struct {
	// keys are the ids that alone can match, when narrowed.
	keys     []int64
	narrowed bool
	// matches is nil when everything matches.
	matches func(*record) bool
	order   []orderKey
	fields  *projection

	page, pageSize int
	// forwardOnly pages go on behind pageID and ignore page.
	forwardOnly bool
	pageID      int64
}

// parseQuery reads the parameters of a GET on a collection.
func (t *tenant) parseQuery(c *collection, r *http.Request) (*query, error) {
	values := r.URL.Query()
	q := &query{}
	if err := t.parseConditions(c, values, q); err != nil {
		return nil, err
	}
	if err := t.parseOrder(c, values.Get("orderBy"), q); err != nil {
		return nil, err
	}
	fields, unknown := parseProjection(c, values.Get("fields"))
	if len(unknown) > 0 && t.settings.RefuseUnknownFields {
		return nil, badCondition(condition.UnknownName(unknown[0]).Message)
	}
	q.fields = fields
	return q, q.parsePage(values, r.Header.Get("pagination-type"), t.settings)
}

func (t *tenant) parseConditions(c *collection, values url.Values, q *query) error {
	plain, err := condition.Parse(values.Get("conditions"))
	if err != nil {
		return refuseCondition(err)
	}
	var tests []func(*record) bool
	add := func(e condition.Expression, test func(*record) bool, err error) error {
		if err == nil && e != nil {
			tests = append(tests, test)
		}
		return refuseCondition(err)
	}
	test, err := condition.Compile(plain, func(path string) (condition.Field[*record], error) { return t.field(c, path, false) })
	if err := add(plain, test, err); err != nil {
		return err
	}
	child, err := parseWithoutIn(values.Get("childConditions"))
	if err != nil {
		return err
	}
	test, err = condition.Compile(child, func(path string) (condition.Field[*record], error) { return t.field(c, path, true) })
	if err := add(child, test, err); err != nil {
		return err
	}
	custom, err := parseWithoutIn(values.Get("customFieldConditions"))
	if err != nil {
		return err
	}
	customTest, err := condition.Compile(custom, customField)
	if err := add(custom, anyCustomRow(c, customTest), err); err != nil {
		return err
	}
	q.keys, q.narrowed = condition.Keys(plain, "id")
	q.matches = allOf(tests)
	return nil
}

// parseWithoutIn parses a condition of the two parameters that do not know IN.
func parseWithoutIn(text string) (condition.Expression, error) {
	e, err := condition.Parse(text)
	if err != nil {
		return nil, refuseCondition(err)
	}
	if condition.UsesIn(e) {
		return nil, badCondition("The in operator is not supported here.")
	}
	return e, nil
}

func refuseCondition(err error) error {
	var wrong *condition.Error
	if errors.As(err, &wrong) {
		return badCondition(wrong.Message)
	}
	return err
}

// anyCustomRow holds for a record when one custom field of it passes the test.
func anyCustomRow(c *collection, test func(customRow) bool) func(*record) bool {
	return func(r *record) bool { return slices.ContainsFunc(c.customRows(r), test) }
}

func allOf(tests []func(*record) bool) func(*record) bool {
	switch len(tests) {
	case 0:
		return nil
	case 1:
		return tests[0]
	}
	return func(r *record) bool {
		for _, test := range tests {
			if !test(r) {
				return false
			}
		}
		return true
	}
}

func (q *query) parsePage(values url.Values, paginationType string, settings *Settings) error {
	var err error
	if q.pageSize, err = numberParameter(values, "pageSize", defaultPageSize); err != nil {
		return err
	}
	if q.pageSize > largestPageSize {
		if settings.RefuseLargePages {
			return badParameter("pageSize", "The field pageSize must be between 1 and 1000.")
		}
		q.pageSize = largestPageSize
	}
	q.forwardOnly = strings.EqualFold(paginationType, "forward-only") && !settings.NoForwardOnly
	if !q.forwardOnly {
		q.page, err = numberParameter(values, "page", 1)
		return err
	}
	if values.Get("orderBy") != "" {
		return badParameter("orderBy", "orderBy is not supported with forward-only pagination.")
	}
	if text := values.Get("pageId"); text != "" {
		if q.pageID, err = strconv.ParseInt(text, 10, 32); err != nil {
			return badParameter("pageId", "The field pageId must be a number.")
		}
	}
	return nil
}

func numberParameter(values url.Values, name string, standard int) (int, error) {
	text := values.Get(name)
	if text == "" {
		return standard, nil
	}
	number, err := strconv.ParseInt(text, 10, 32)
	if err != nil || number < 1 {
		return 0, badParameter(name, "The field "+name+" must be a number of at least 1.")
	}
	return int(number), nil
}

package connectwise

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
)

// action is what an endpoint does with its collection.
type action int

const (
	listAction action = iota
	countAction
	itemAction
	invoiceAction
	systemInfoAction
)

// endpoint is one path of the API.
type endpoint struct {
	collection *collection
	action     action
	// template is the path with {id} for numbers, in its official spelling.
	template string
}

// endpointsOf builds the table of endpoints by their folded templates.
func endpointsOf(t *tenant) map[string]endpoint {
	endpoints := map[string]endpoint{}
	add := func(c *collection, path string, action action) {
		endpoints[foldName(path)] = endpoint{collection: c, action: action, template: "/" + path}
	}
	for _, c := range t.collections {
		add(c, c.path, listAction)
		add(c, c.path+"/count", countAction)
		add(c, c.path+"/{id}", itemAction)
	}
	add(t.agreements(), "finance/agreements/{id}/invoice", invoiceAction)
	add(nil, "system/info", systemInfoAction)
	return endpoints
}

const companyInfoPath = "/login/companyinfo/"

// splitPath takes a request path apart: the API path below the root with {id} for numbers, and the numbers.
// It reports false for paths outside the API.
func splitPath(path string) (template string, ids []int64, isAPI bool) {
	segments := strings.Split(strings.Trim(path, "/"), "/")
	if len(segments) < 4 || !strings.EqualFold(segments[1], "apis") || segments[2] != "3.0" {
		return path, nil, false
	}
	if !strings.EqualFold(segments[0], codebase) && !strings.EqualFold(segments[0], routerAlias) {
		return path, nil, false
	}
	segments = segments[3:]
	for i, segment := range segments {
		if id, err := strconv.ParseInt(segment, 10, 64); err == nil {
			ids = append(ids, id)
			segments[i] = "{id}"
		}
	}
	return strings.Join(segments, "/"), ids, true
}

// template names the endpoint of a request for the counters.
func (s *Simulator) template(r *http.Request) string {
	path, _, isAPI := splitPath(r.URL.Path)
	if known, found := s.endpoints[foldName(path)]; found && isAPI {
		return r.Method + " " + known.template
	}
	if strings.HasPrefix(strings.ToLower(r.URL.Path), companyInfoPath) {
		return r.Method + " " + companyInfoPath + "{company}"
	}
	if isAPI {
		path = "/" + path
	}
	return r.Method + " " + path
}

// serveAPI answers what the fault injector let through.
func (s *Simulator) serveAPI(w http.ResponseWriter, r *http.Request) {
	s.writeStandardHeader(w)
	if company, found := strings.CutPrefix(strings.ToLower(r.URL.Path), companyInfoPath); found {
		s.writeCompanyInfo(w, r, company)
		return
	}
	err := s.admit(r)
	if err == nil {
		err = s.dispatch(w, r)
	}
	if err != nil {
		s.writeError(w, r, err)
	}
}

func (s *Simulator) writeError(w http.ResponseWriter, r *http.Request, err error) {
	var no *refusal
	switch {
	case errors.As(err, &no) && no.status == http.StatusNotFound && no.Code == "":
		writeNotFoundPage(w)
	case errors.As(err, &no) && no.status == http.StatusTooManyRequests:
		w.Header().Set("Retry-After", strconv.Itoa(no.retryAfter))
		writeJSON(w, r, no.status, s.limitBody(no.retryAfter))
	case errors.As(err, &no):
		writeJSON(w, r, no.status, no.body())
	case errors.Is(err, context.Canceled):
		// Nobody is waiting for the answer.
	default:
		no = &refusal{status: http.StatusInternalServerError, Code: "ConnectWiseApi", Message: err.Error()}
		writeJSON(w, r, no.status, no.body())
	}
}

// dispatch finds the endpoint and runs the method on it.
func (s *Simulator) dispatch(w http.ResponseWriter, r *http.Request) error {
	path, ids, isAPI := splitPath(r.URL.Path)
	known, found := s.endpoints[foldName(path)]
	if !isAPI || !found {
		return noSuchEndpoint()
	}
	var parent, id int64
	if known.collection != nil && known.collection.parent != "" {
		parent, ids = ids[0], ids[1:]
		if err := s.requireParent(known.collection, parent); err != nil {
			return err
		}
	}
	if len(ids) > 0 {
		id = ids[0]
	}
	switch {
	case known.action == systemInfoAction && isRead(r):
		s.writeSystemInfo(w, r)
		return nil
	case known.action == invoiceAction && r.Method == http.MethodPost:
		return s.postInvoice(w, r, id)
	case known.action == countAction && isRead(r):
		return s.writeCount(w, r, known.collection, parent)
	case known.action == listAction && isRead(r):
		return s.writeList(w, r, known.collection, parent)
	case known.action == listAction && r.Method == http.MethodPost:
		return s.post(w, r, known.collection, parent)
	case known.action == itemAction:
		return s.serveItem(w, r, known.collection, parent, id)
	}
	return notAllowed(r)
}

func isRead(r *http.Request) bool { return r.Method == http.MethodGet || r.Method == http.MethodHead }

func notAllowed(r *http.Request) error {
	return &refusal{
		status: http.StatusMethodNotAllowed, Code: "ConnectWiseApi",
		Message: "The requested resource does not support http method '" + r.Method + "'.",
	}
}

func (s *Simulator) requireParent(c *collection, parent int64) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	owner := s.tenant.collections[c.parent]
	if owner.find(parent) == nil {
		return notFound(owner.title, parent)
	}
	return nil
}

package connectwise

import (
	"net/http"
	"strconv"
)

// writeList answers a GET on a collection.
func (s *Simulator) writeList(w http.ResponseWriter, r *http.Request, c *collection, parent int64) error {
	base := baseURL(r)
	s.mu.RLock()
	q, err := s.tenant.parseQuery(c, r)
	if err != nil {
		s.mu.RUnlock()
		return err
	}
	records, link := q.cut(s.tenant.selectRecords(c, parent, q), base+relativePath(c, parent), r.URL.Query())
	e := encoder{tenant: s.tenant, base: base, out: make([]byte, 0, 1024+1024*len(records))}
	e.records(c, records, q.fields)
	withoutLink := s.settings.NoLinkHeader
	s.mu.RUnlock()
	if link != nil && !withoutLink {
		w.Header()["Link"] = []string{*link}
	}
	writeJSON(w, r, http.StatusOK, e.out)
	return nil
}

// writeCount answers a GET on the count of a collection, which takes the same filters.
func (s *Simulator) writeCount(w http.ResponseWriter, r *http.Request, c *collection, parent int64) error {
	s.mu.RLock()
	q, err := s.tenant.parseQuery(c, r)
	if err != nil {
		s.mu.RUnlock()
		return err
	}
	q.order = nil
	count := len(s.tenant.selectRecords(c, parent, q))
	s.mu.RUnlock()
	writeJSON(w, r, http.StatusOK, []byte(`{"count":`+strconv.Itoa(count)+`}`))
	return nil
}

// find returns the record of a path, or a refusal.
func (t *tenant) find(c *collection, parent, id int64) (*record, error) {
	r := findRecord(c.under(parent), id)
	if r == nil {
		return nil, notFound(c.title, id)
	}
	return r, nil
}

// serveItem runs the methods on one record.
func (s *Simulator) serveItem(w http.ResponseWriter, r *http.Request, c *collection, parent, id int64) error {
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		return s.getItem(w, r, c, parent, id)
	case http.MethodPut:
		var body map[string]any
		if err := readBody(r, &body); err != nil {
			return err
		}
		return s.update(w, r, c, parent, id, func(before *record) (*record, error) {
			return s.tenant.replace(c, before, body, s.options.PublicKey)
		})
	case http.MethodPatch:
		var operations []operation
		if err := readBody(r, &operations); err != nil {
			return err
		}
		return s.update(w, r, c, parent, id, func(before *record) (*record, error) {
			return s.tenant.patch(c, before, operations, s.options.PublicKey)
		})
	case http.MethodDelete:
		return s.deleteItem(w, c, parent, id)
	}
	return notAllowed(r)
}

// getItem answers a GET on one record; it finds records that searches do not see yet.
func (s *Simulator) getItem(w http.ResponseWriter, r *http.Request, c *collection, parent, id int64) error {
	s.mu.RLock()
	found, err := s.tenant.find(c, parent, id)
	var body []byte
	if err == nil {
		body = s.encodeItem(r, c, found)
	}
	s.mu.RUnlock()
	if err != nil {
		return err
	}
	writeJSON(w, r, http.StatusOK, body)
	return nil
}

// encodeItem writes one record as the request wants it. The caller holds the lock.
func (s *Simulator) encodeItem(r *http.Request, c *collection, found *record) []byte {
	fields, _ := parseProjection(c, r.URL.Query().Get("fields"))
	e := encoder{tenant: s.tenant, base: baseURL(r)}
	e.record(c, found, fields)
	return e.out
}

func (s *Simulator) post(w http.ResponseWriter, r *http.Request, c *collection, parent int64) error {
	var body map[string]any
	if err := readBody(r, &body); err != nil {
		return err
	}
	s.mu.Lock()
	created, err := s.tenant.create(c, parent, body, s.options.PublicKey)
	var answer []byte
	if err == nil {
		answer = s.encodeItem(r, c, created)
	}
	s.mu.Unlock()
	if err != nil {
		return err
	}
	w.Header().Set("Location", baseURL(r)+relativePath(c, parent)+"/"+strconv.FormatInt(created.id, 10))
	writeJSON(w, r, http.StatusCreated, answer)
	return nil
}

// update finds a record, lets write change it and answers with what it became.
func (s *Simulator) update(w http.ResponseWriter, r *http.Request, c *collection, parent, id int64, write func(*record) (*record, error)) error {
	s.mu.Lock()
	after, err := s.tenant.find(c, parent, id)
	if err == nil {
		after, err = write(after)
	}
	var answer []byte
	if err == nil {
		answer = s.encodeItem(r, c, after)
	}
	s.mu.Unlock()
	if err != nil {
		return err
	}
	writeJSON(w, r, http.StatusOK, answer)
	return nil
}

// postInvoice generates the next invoice of an agreement and answers with its number.
func (s *Simulator) postInvoice(w http.ResponseWriter, r *http.Request, id int64) error {
	s.mu.Lock()
	agreement, err := s.tenant.find(s.tenant.agreements(), 0, id)
	var number int64
	if err == nil {
		number = s.tenant.invoice(agreement, s.options.PublicKey)
	}
	s.mu.Unlock()
	if err != nil {
		return err
	}
	writeJSON(w, r, http.StatusOK, strconv.AppendInt(nil, number, 10))
	return nil
}

func (s *Simulator) deleteItem(w http.ResponseWriter, c *collection, parent, id int64) error {
	s.mu.Lock()
	found, err := s.tenant.find(c, parent, id)
	if err == nil {
		err = s.tenant.delete(c, found, s.options.PublicKey)
	}
	s.mu.Unlock()
	if err == nil {
		w.WriteHeader(http.StatusNoContent)
	}
	return err
}

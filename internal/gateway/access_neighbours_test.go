package gateway_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"crosswalk/internal/gateway"
	"crosswalk/internal/gateway/gatewaytest"
	"crosswalk/internal/platform"
	"crosswalk/internal/postgres"
	simconnectwise "crosswalk/internal/simulator/connectwise"
	simplatform "crosswalk/internal/simulator/platform"
)

// neighbours are two sellers of one gateway, each with a Platform and a ConnectWise of its own. Both did the same,
// so that what one is shown and the other is not are their data. Some record numbers of their ConnectWise are the
// same and mean different records, as they do everywhere.
type neighbours struct {
	survey survey
	// mine and theirs ask as the seller and have its systems.
	mine, theirs *gatewaytest.World
	// own and seen are what mine and theirs are shown of their own.
	own, seen *answers
	// secret are the texts that theirs is shown and mine is not.
	secret map[string]bool
}

// Words that the names of everything of a seller contain, and of nothing else.
const (
	ofMine   = "Mercury"
	ofTheirs = "Saturn"
)

// startNeighbours puts them up. Answers of ConnectWise are kept for long, so that it would be seen if one seller's
// served the other.
func startNeighbours(t *testing.T) *neighbours {
	t.Helper()
	mine := gatewaytest.Start(t, gatewaytest.Options{Sellers: 2, WithoutCredentials: true, Gateway: func(c *gateway.Config) {
		c.Limits.Cost, c.PSAFreshness = 1<<30, time.Hour
	}})
	theirs := *mine
	theirs.Seller = mine.Sellers[1]
	giveOwnSystems(t, &theirs)
	furnish(t, mine, ofMine, 1, gatewaytest.PublicKey)
	furnish(t, &theirs, ofTheirs, 7, keyOfTheirs)
	holdJob(t, &theirs, theirs.Seller)

	n := &neighbours{survey: survey{loadSchema(t)}, mine: mine, theirs: &theirs}
	n.own, n.seen = n.shown(t, n.mine), n.shown(t, n.theirs)
	n.secret = make(map[string]bool)
	for text := range n.seen.texts {
		if !n.own.texts[text] {
			n.secret[text] = true
		}
	}
	for text := range n.own.texts {
		if speaksOf(text, ofTheirs) {
			t.Errorf("mine is shown %q of another seller", text)
		}
	}
	// First come the ids that mean nothing to mine.
	n.own.sort(func(string, string) bool { return false })
	n.seen.sort(func(kind, id string) bool { return !slices.Contains(n.own.ids[kind], id) })
	return n
}

// keyOfTheirs is the public key to the ConnectWise of theirs.
const keyOfTheirs = "public-key-of-" + ofTheirs

// giveOwnSystems has a seller use a Platform and a ConnectWise that no other does. Their clock is an hour behind, so
// that no record has the same times as one of another seller.
func giveOwnSystems(t *testing.T, w *gatewaytest.World) {
	t.Helper()
	w.ConnectWise = simconnectwise.New(simconnectwise.Options{
		CompanyID: gatewaytest.CompanyID, PublicKey: keyOfTheirs, PrivateKey: gatewaytest.PrivateKey, ClientID: gatewaytest.ClientID,
		Now: gatewaytest.Now, Clock: func() time.Time { return time.Now().Add(-time.Hour) },
	})
	w.Platform = simplatform.New(simplatform.Options{Now: gatewaytest.Now})
	for url, system := range map[*string]http.Handler{&w.ConnectWiseURL: w.ConnectWise, &w.PlatformURL: w.Platform} {
		server := httptest.NewServer(system)
		t.Cleanup(func() {
			server.CloseClientConnections()
			server.Close()
		})
		*url = server.URL
	}
	err := w.DB.System().Write(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE seller SET platform_url = $2 WHERE id = $1`, w.ID, w.PlatformURL)
		return err
	})
	if err != nil {
		t.Fatalf("have %s use another Platform: %v", w.Name, err)
	}
}

// furnish sets a seller up and gives it some of everything, under names that contain name: lines that are posted,
// refused, ready, not ready and excluded, and what they depend on.
func furnish(t *testing.T, w *gatewaytest.World, name string, number int, publicKey string) {
	t.Helper()
	if payload, _ := saveCredentials(t, w, variables{"publicKey": publicKey}); len(payload.UserErrors) > 0 {
		t.Fatalf("save the credentials of %s: %+v", name, payload.UserErrors)
	}
	kind := w.ConnectWise.AddAgreementType(name+" agreements", false)
	if payload := updateSettings(t, w.Seller, variables{"agreementTypeId": nodeID("PsaAgreementType", int64(kind))}); len(payload.UserErrors) > 0 {
		t.Fatalf("choose the Agreement Type of %s: %+v", name, payload.UserErrors)
	}
	own := 1000 * number
	acme := w.ConnectWise.AddCompany(simconnectwise.Company{Identifier: name + "-A", Name: name + " Acme", Currency: "EUR"})
	other := w.ConnectWise.AddCompany(simconnectwise.Company{ID: own, Identifier: name + "-O", Name: name + " Other", Currency: "EUR"})
	seat := w.ConnectWise.AddProduct(simconnectwise.Product{Identifier: name + "-SEAT", Description: name + " Seat", Category: name})
	disk := w.ConnectWise.AddProduct(simconnectwise.Product{ID: own, Identifier: name + "-DISK", Description: name + " Disk", Category: name})
	cloud := addAgreement(t, w, simconnectwise.Agreement{Name: name + " Cloud", CompanyID: acme, Currency: "EUR", StartDate: april(1)})
	late := addAgreement(t, w, simconnectwise.Agreement{ID: own, Name: name + " Late", CompanyID: other, Currency: "EUR", StartDate: date(15)})

	for i, customer := range []struct {
		name string
		rows []platform.InvoiceRow
	}{
		{"Alpha", []platform.InvoiceRow{cycle("posted"), once("posted too"), once("ready"), renamed(cycle("unmapped"), "O-3", "Unmapped")}},
		{"Beta", []platform.InvoiceRow{cycle("refused")}},
		{"Gamma", []platform.InvoiceRow{cycle("excluded")}},
	} {
		for i := range customer.rows {
			customer.rows[i] = rowOf(customer.rows[i], name, number)
		}
		reference := fmt.Sprint(number*10 + i)
		w.AddCustomer(name+" "+customer.name, reference, "Active")
		billTo(w, reference, date(3), customer.rows...)
	}
	w.Sync(t)
	w.Load(t, 1)
	loadLines(t, w.Seller)

	alpha, beta := organizationNamed(t, w.Seller, name+" Alpha"), organizationNamed(t, w.Seller, name+" Beta")
	mapTo(t, w.Seller, alpha.ID, companyID(acme), variables{"excludedFromSync": false})
	mapTo(t, w.Seller, beta.ID, companyID(other), variables{"excludedFromSync": false})
	sellAs(t, w.Seller, offerOf(t, w.Seller, name+" O-1").ID, nodeID("PsaProduct", int64(seat)))
	sellAs(t, w.Seller, offerOf(t, w.Seller, name+" O-2").ID, nodeID("PsaProduct", int64(disk)))
	sign(t, w.Seller, contractOf(t, w.Seller, "C-"+alpha.PlatformID).ID, agreementID(cloud))
	sign(t, w.Seller, contractOf(t, w.Seller, "C-"+beta.PlatformID).ID, agreementID(late))
	lines := linesOf(t, w.Seller, may)
	wantPosted(t, w.Seller, variables{"ids": []string{lines[name+" posted"].ID, lines[name+" posted too"].ID, lines[name+" refused"].ID}},
		"PARTIALLY_SUCCEEDED", counts{Created: 2, Failed: 1})
}

// renamed is a row that sells another offer.
func renamed(row platform.InvoiceRow, offerID, offerName string) platform.InvoiceRow {
	row.OfferID, row.OfferName = offerID, offerName
	return row
}

// rowOf is a row under a seller's names, at a price of its own.
func rowOf(row platform.InvoiceRow, name string, number int) platform.InvoiceRow {
	for _, text := range []*string{
		&row.RowID, &row.SubscriptionID, &row.SubscriptionName, &row.OfferID, &row.OfferName, &row.VendorOfferID, &row.VendorID, &row.VendorName, &row.Description,
	} {
		if *text != "" {
			*text = name + " " + *text
		}
	}
	row.UnitPrice = row.UnitPrice.Add(decimal.New(int64(number), -2))
	row.TotalPrice = row.Quantity.Mul(row.UnitPrice)
	return row
}

// shown is what a seller is shown of its own: by every query, and then of each record that these led to.
func (n *neighbours) shown(t *testing.T, s *gatewaytest.World) *answers {
	t.Helper()
	shown := newAnswers(n.survey)
	for _, data := range n.everything(t, s, nil) {
		shown.add(t, data)
	}
	for _, data := range n.everything(t, s, shown.ids) {
		shown.add(t, data)
	}
	return shown
}

// everything asks every field of Query that needs no id, and for each of the records, and returns what each answered.
func (n *neighbours) everything(t *testing.T, s *gatewaytest.World, ids map[string][]string) map[string]json.RawMessage {
	t.Helper()
	answered := make(map[string]json.RawMessage)
	for _, field := range n.survey.Query.Fields {
		if strings.HasPrefix(field.Name, "__") || n.survey.needsID(field) {
			continue
		}
		query := "{ " + n.survey.call(field, nil, 2) + " }"
		answered[field.Name] = s.Must(t, viewer, query, nil, nil).Data
	}
	for _, definition := range n.survey.nodeTypes() {
		for _, id := range ids[definition.Name] {
			answered[definition.Name+" "+id] = s.Must(t, viewer, n.survey.nodeQuery(definition, id), nil, nil).Data
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
	if speaksOf(string(response.Body), ofTheirs) {
		t.Errorf("%s shows something of another seller: %.2000s", operation, response.Body)
		return
	}
	if response.Data == nil {
		return
	}
	shown := newAnswers(n.survey)
	shown.add(t, response.Data)
	for text := range shown.texts {
		if n.secret[text] {
			t.Errorf("%s shows %q of another seller: %.2000s", operation, text, response.Body)
			return
		}
	}
}

// speaksOf reports whether a text has a name of a seller's in it.
func speaksOf(text, name string) bool {
	return strings.Contains(strings.ToLower(text), strings.ToLower(name))
}

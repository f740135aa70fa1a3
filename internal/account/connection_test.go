package account_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"crosswalk/internal/account"
	"crosswalk/internal/account/seal"
	"crosswalk/internal/postgres"
)

func goodConnection() account.NewConnection {
	return account.NewConnection{
		APIURL:     "api-eu.myconnectwise.net",
		CompanyID:  "Nordwind",
		PublicKey:  "public-44",
		PrivateKey: seal.NewSecret("private-55"),
		ClientID:   seal.NewSecret("6a2d-client-66"),
	}
}

func unused(context.Context, *postgres.Tx) (bool, error) { return false, nil }
func used(context.Context, *postgres.Tx) (bool, error)   { return true, nil }

func (h house) saveConnection(
	t *testing.T, seller postgres.SellerID, input account.NewConnection, inUse func(context.Context, *postgres.Tx) (bool, error),
) (saved account.SavedConnection, err error) {
	t.Helper()
	err = h.write(t, seller, func(ctx context.Context, tx *postgres.Tx) (err error) {
		saved, err = h.SaveConnection(ctx, tx, seller, input, "Ann", inUse)
		return err
	})
	return saved, err
}

func (h house) mustSaveConnection(t *testing.T, seller postgres.SellerID, input account.NewConnection) account.SavedConnection {
	t.Helper()
	saved, err := h.saveConnection(t, seller, input, unused)
	if err != nil {
		t.Fatalf("SaveConnection: %v", err)
	}
	return saved
}

func (h house) connection(t *testing.T, seller postgres.SellerID) (connection account.Connection) {
	t.Helper()
	h.read(t, seller, func(ctx context.Context, tx *postgres.Tx) (err error) {
		connection, err = h.Connection(ctx, tx, seller)
		return err
	})
	return connection
}

func TestConnectionIsSavedSealed(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	seller := h.mustCreateSeller(t).ID
	if got := h.connection(t, seller); got.IsSet() || got != (account.Connection{}) {
		t.Errorf("Connection before saving: want the zero value, got %+v", got)
	}
	h.read(t, seller, func(ctx context.Context, tx *postgres.Tx) error {
		if _, err := h.Credentials(ctx, tx, seller); !errors.Is(err, account.ErrNotConnected) {
			t.Errorf("Credentials before saving: want ErrNotConnected, got %v", err)
		}
		return nil
	})

	saved := h.mustSaveConnection(t, seller, goodConnection())
	if saved.Moved || saved.Before.IsSet() {
		t.Errorf("SaveConnection for the first time: want nothing before and no move, got %+v", saved)
	}
	want := account.Connection{
		APIURL: "https://api-eu.myconnectwise.net", CompanyID: "Nordwind", PublicKey: "public-44",
		Revision: 1, SavedAt: h.clock.Now(), SavedBy: "Ann",
	}
	if diff := cmp.Diff(want, h.connection(t, seller)); diff != "" {
		t.Errorf("Connection (-want +got):\n%s", diff)
	}
	h.read(t, seller, func(ctx context.Context, tx *postgres.Tx) error {
		got, err := h.Credentials(ctx, tx, seller)
		if err != nil || got.APIURL != want.APIURL || got.CompanyID != "Nordwind" || got.PublicKey != "public-44" ||
			got.PrivateKey.Reveal() != "private-55" || got.ClientID.Reveal() != "6a2d-client-66" || got.Revision != 1 {
			t.Errorf("Credentials: want what was saved, got %+v and %v", got, err)
		}
		if printed := fmt.Sprintf("%+v", got); strings.Contains(printed, "private-55") || strings.Contains(printed, "client-66") {
			t.Errorf("Credentials print their secrets: %s", printed)
		}
		return nil
	})
	if dump := h.everythingStored(t); strings.Contains(dump, "private-55") || strings.Contains(dump, "client-66") {
		t.Error("the database holds the private key or the client id readable")
	}
}

func TestEverySaveRaisesTheRevision(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	seller := h.mustCreateSeller(t).ID
	for want := 1; want <= 3; want++ {
		saved := h.mustSaveConnection(t, seller, goodConnection())
		if saved.After.Revision != want || saved.Before.Revision != want-1 {
			t.Errorf("SaveConnection number %d: want revision %d after %d, got %d after %d", want, want, want-1, saved.After.Revision, saved.Before.Revision)
		}
	}
}

func TestMovingAConnectionThatIsInUse(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for name, c := range map[string]struct {
		change   func(*account.NewConnection)
		conflict string
	}{
		"the same again":       {change: func(*account.NewConnection) {}},
		"new keys":             {change: func(c *account.NewConnection) { c.PublicKey, c.PrivateKey = "new", seal.NewSecret("new") }},
		"a new client id":      {change: func(c *account.NewConnection) { c.ClientID = seal.NewSecret("new") }},
		"the host in capitals": {change: func(c *account.NewConnection) { c.APIURL = "API-EU.MYCONNECTWISE.NET" }},
		"the host as origin":   {change: func(c *account.NewConnection) { c.APIURL = "https://api-eu.myconnectwise.net/" }},
		"the sign-in host":     {change: func(c *account.NewConnection) { c.APIURL = "eu.myconnectwise.net" }},
		"the company's case":   {change: func(c *account.NewConnection) { c.CompanyID = "nordWIND" }},
		"another host":         {change: func(c *account.NewConnection) { c.APIURL = "api-na.myconnectwise.net" }, conflict: "apiUrl"},
		"another port":         {change: func(c *account.NewConnection) { c.APIURL = "api-eu.myconnectwise.net:8443" }, conflict: "apiUrl"},
		"another company":      {change: func(c *account.NewConnection) { c.CompanyID = "Suedwind" }, conflict: "companyId"},
	} {
		seller := h.mustCreateSeller(t).ID
		h.mustSaveConnection(t, seller, goodConnection())
		input := goodConnection()
		c.change(&input)
		saved, err := h.saveConnection(t, seller, input, used)
		if c.conflict == "" {
			if err != nil || saved.Moved || saved.After.Revision != 2 {
				t.Errorf("SaveConnection with %s: want it saved, got %+v and %v", name, saved, err)
			}
			continue
		}
		conflict := (*account.ConflictError)(nil)
		if !errors.As(err, &conflict) || !errors.Is(err, account.ErrConflict) || !slices.Equal(conflict.Field, []string{c.conflict}) {
			t.Errorf("SaveConnection with %s: want a conflict at %s, got %v", name, c.conflict, err)
		}
		if got := h.connection(t, seller); got.Revision != 1 || got.CompanyID != "Nordwind" {
			t.Errorf("Connection after a conflict: want it untouched, got %+v", got)
		}
		if saved, err := h.saveConnection(t, seller, input, unused); err != nil || !saved.Moved || saved.After.Revision != 2 {
			t.Errorf("SaveConnection with %s, nothing in use: want a move, got %+v and %v", name, saved, err)
		}
	}
}

func TestMovingForgetsTheAgreementType(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	seller := h.mustCreateSeller(t).ID
	h.mustSaveConnection(t, seller, goodConnection())
	h.mustUpdateSettings(t, seller, account.SettingsChange{
		AgreementType: &account.AgreementType{RecordID: 3, Name: "Managed"},
		DailySync:     &account.DailySyncChange{Enabled: true},
	})
	h.mustSaveConnection(t, seller, goodConnection())
	if got := h.settings(t, seller); got.AgreementType == nil {
		t.Error("Settings after saving the same connection: the agreement type is gone")
	}
	moved := goodConnection()
	moved.CompanyID = "Suedwind"
	h.mustSaveConnection(t, seller, moved)
	if got := h.settings(t, seller); got.AgreementType != nil || !got.DailySync.Enabled {
		t.Errorf("Settings after a move: want no agreement type and the rest kept, got %+v", got)
	}
}

func TestTroubleWithTheUseCheckSavesNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	seller := h.mustCreateSeller(t).ID
	h.mustSaveConnection(t, seller, goodConnection())
	trouble := errors.New("out of order")
	input := goodConnection()
	input.CompanyID = "Suedwind"
	_, err := h.saveConnection(t, seller, input, func(context.Context, *postgres.Tx) (bool, error) { return false, trouble })
	if !errors.Is(err, trouble) {
		t.Errorf("SaveConnection: want the check's own error, got %v", err)
	}
	if got := h.connection(t, seller); got.CompanyID != "Nordwind" {
		t.Errorf("Connection: want it untouched, got %+v", got)
	}
}

func TestSaveConnectionNamesEverythingThatIsWrong(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	seller := h.mustCreateSeller(t).ID
	for name, c := range map[string]struct {
		spoil func(*account.NewConnection)
		want  []string
	}{
		"no address":                 {func(c *account.NewConnection) { c.APIURL = "" }, []string{"apiUrl"}},
		"plain HTTP":                 {func(c *account.NewConnection) { c.APIURL = "http://psa.example.com" }, []string{"apiUrl"}},
		"a private host":             {func(c *account.NewConnection) { c.APIURL = "127.0.0.1:8443" }, []string{"apiUrl"}},
		"a plus in the company":      {func(c *account.NewConnection) { c.CompanyID = "a+b" }, []string{"companyId"}},
		"a colon in the public key":  {func(c *account.NewConnection) { c.PublicKey = "a:b" }, []string{"publicKey"}},
		"a line break in the client": {func(c *account.NewConnection) { c.ClientID = seal.NewSecret("a\r\nb") }, []string{"clientId"}},
		"a huge private key":         {func(c *account.NewConnection) { c.PrivateKey = seal.NewSecret(strings.Repeat("k", 1<<20)) }, []string{"privateKey"}},
		"an umlaut in the key":       {func(c *account.NewConnection) { c.PrivateKey = seal.NewSecret("schlüssel") }, []string{"privateKey"}},
		"nothing at all":             {func(c *account.NewConnection) { *c = account.NewConnection{} }, []string{"apiUrl", "companyId", "publicKey", "privateKey", "clientId"}},
	} {
		input := goodConnection()
		c.spoil(&input)
		_, err := h.saveConnection(t, seller, input, unused)
		if got := fieldsOf(err); !slices.Equal(got, c.want) {
			t.Errorf("SaveConnection with %s: want problems with %v, got %.300v", name, c.want, err)
			continue
		}
		if text := err.Error(); strings.Contains(text, "schl") || strings.Contains(text, "kkkk") {
			t.Errorf("SaveConnection with %s: the error shows the key: %.300s", name, text)
		}
	}
	if got := h.connection(t, seller); got.IsSet() {
		t.Errorf("Connection after refusals only: want none, got %+v", got)
	}
	if _, err := h.saveConnection(t, 4711, goodConnection(), unused); !errors.Is(err, account.ErrNotFound) {
		t.Errorf("SaveConnection for an unknown seller: want ErrNotFound, got %v", err)
	}
}

func TestConnectionsOfSellersAreTheirOwn(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	mine, other := h.mustCreateSeller(t).ID, h.mustCreateSeller(t).ID
	h.mustSaveConnection(t, mine, goodConnection())
	if got := h.connection(t, other); got.IsSet() {
		t.Errorf("Connection of a seller without one: want none, got %+v", got)
	}
}

func TestSavingAtOnceLosesNoRevision(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	seller := h.mustCreateSeller(t).ID
	const writers = 6
	revisions := make([]int, writers)
	var group sync.WaitGroup
	for i := range writers {
		group.Go(func() {
			saved, err := h.saveConnection(t, seller, goodConnection(), unused)
			if err != nil {
				t.Errorf("SaveConnection: %v", err)
			}
			revisions[i] = saved.After.Revision
		})
	}
	group.Wait()
	slices.Sort(revisions)
	if want := []int{1, 2, 3, 4, 5, 6}; !slices.Equal(revisions, want) {
		t.Errorf("revisions of %d saves at once: want %v, got %v", writers, want, revisions)
	}
}

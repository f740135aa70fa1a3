package account_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"crosswalk/internal/account"
	"crosswalk/internal/account/seal"
	"crosswalk/internal/postgres"
)

func TestSellerIsCreatedWithItsCredentialsSealed(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	created := h.mustCreateSeller(t)
	if created.ID <= 0 || created.Name != "Nordwind IT" || created.Zone.String() != "Europe/Vienna" {
		t.Errorf("CreateSeller: want an id, the name and the zone, got %+v", created)
	}
	got, err := h.Seller(t.Context(), created.ID)
	if err != nil || got.Name != created.Name || got.Zone.String() != created.Zone.String() || got.PlatformURL != "https://feed.example.com/v2" {
		t.Errorf("Seller(%s): want %+v, got %+v and %v", created.ID, created, got, err)
	}
	credentials, err := h.PlatformCredentials(t.Context(), created.ID)
	if err != nil {
		t.Fatalf("PlatformCredentials: %v", err)
	}
	if credentials.URL != "https://feed.example.com/v2" || credentials.Key.Reveal() != "platform-key-77" || credentials.Token.Reveal() != "platform-token-88" {
		t.Errorf("PlatformCredentials: want what was given, got %s, %q, %q", credentials.URL, credentials.Key.Reveal(), credentials.Token.Reveal())
	}
	if dump := h.everythingStored(t); strings.Contains(dump, "platform-key-77") || strings.Contains(dump, "platform-token-88") {
		t.Error("the database holds the Platform credentials readable")
	}
}

func TestSellersCountUpAndAreListed(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	first, second := h.mustCreateSeller(t), h.mustCreateSeller(t)
	if second.ID != first.ID+1 {
		t.Errorf("ids of two sellers: want one after the other, got %s and %s", first.ID, second.ID)
	}
	all, err := account.ListSellers(t.Context(), h.db)
	if err != nil || len(all) != 2 || all[0].ID != first.ID || all[1].ID != second.ID {
		t.Errorf("ListSellers: want %s and %s, got %+v and %v", first.ID, second.ID, all, err)
	}
}

func TestCreateSellerNamesEverythingThatIsWrong(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for name, c := range map[string]struct {
		spoil func(*account.NewSeller)
		want  []string
	}{
		"no name":              {func(s *account.NewSeller) { s.Name = " \t" }, []string{"name"}},
		"a line break":         {func(s *account.NewSeller) { s.Name = "a\nb" }, []string{"name"}},
		"broken UTF-8":         {func(s *account.NewSeller) { s.Name = "a\xffb" }, []string{"name"}},
		"a NUL":                {func(s *account.NewSeller) { s.Name = "a\x00b" }, []string{"name"}},
		"a huge name":          {func(s *account.NewSeller) { s.Name = strings.Repeat("ä", 201) }, []string{"name"}},
		"no zone":              {func(s *account.NewSeller) { s.TimeZone = "" }, []string{"timeZone"}},
		"the machine's zone":   {func(s *account.NewSeller) { s.TimeZone = "Local" }, []string{"timeZone"}},
		"an abbreviation":      {func(s *account.NewSeller) { s.TimeZone = "Vienna" }, []string{"timeZone"}},
		"a path as zone":       {func(s *account.NewSeller) { s.TimeZone = "../etc/passwd" }, []string{"timeZone"}},
		"no address":           {func(s *account.NewSeller) { s.PlatformURL = "" }, []string{"platformUrl"}},
		"plain HTTP":           {func(s *account.NewSeller) { s.PlatformURL = "http://feed.example.com" }, []string{"platformUrl"}},
		"a private address":    {func(s *account.NewSeller) { s.PlatformURL = "https://10.0.0.1" }, []string{"platformUrl"}},
		"no key":               {func(s *account.NewSeller) { s.PlatformKey = seal.NewSecret("  ") }, []string{"platformKey"}},
		"a key with a newline": {func(s *account.NewSeller) { s.PlatformKey = seal.NewSecret("a\r\nX: y") }, []string{"platformKey"}},
		"no token":             {func(s *account.NewSeller) { s.PlatformToken = seal.Secret{} }, []string{"platformToken"}},
		"everything":           {func(s *account.NewSeller) { *s = account.NewSeller{} }, []string{"name", "timeZone", "platformUrl", "platformKey", "platformToken"}},
	} {
		input := goodSeller()
		c.spoil(&input)
		_, err := h.CreateSeller(t.Context(), input)
		if got := fieldsOf(err); !slices.Equal(got, c.want) {
			t.Errorf("CreateSeller with %s: want problems with %v, got %v", name, c.want, err)
		}
	}
	if all, err := account.ListSellers(t.Context(), h.db); err != nil || len(all) != 0 {
		t.Errorf("ListSellers after refusals only: want none, got %+v and %v", all, err)
	}
}

func TestInsecureUpstreamsWhenAllowed(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	relaxed := account.NewService(h.db, keys(t, 1), h.clock.Now, account.Options{AllowInsecureUpstreams: true})
	input := goodSeller()
	input.PlatformURL = "http://127.0.0.1:9123"
	seller, err := relaxed.CreateSeller(t.Context(), input)
	if err != nil || seller.PlatformURL != "http://127.0.0.1:9123" {
		t.Errorf("CreateSeller on this machine, allowed: want it, got %+v and %v", seller, err)
	}
}

func TestUnknownSellerIsNotFound(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	if _, err := h.Seller(t.Context(), 4711); !errors.Is(err, account.ErrNotFound) {
		t.Errorf("Seller(4711): want ErrNotFound, got %v", err)
	}
	if _, err := h.PlatformCredentials(t.Context(), 4711); !errors.Is(err, account.ErrNotFound) {
		t.Errorf("PlatformCredentials(4711): want ErrNotFound, got %v", err)
	}
}

func TestCredentialsCopiedToAnotherSellerDoNotOpen(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	victim, thief := h.mustCreateSeller(t), h.mustCreateSeller(t)
	err := h.db.System().Write(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
		_, err := tx.ExecContext(ctx, `
			UPDATE seller
			SET platform_key_sealed = (SELECT platform_key_sealed FROM seller WHERE id = $1)
			WHERE id = $2`, victim.ID, thief.ID)
		return err
	})
	if err != nil {
		t.Fatalf("copy the sealed key: %v", err)
	}
	if _, err := h.PlatformCredentials(t.Context(), thief.ID); !errors.Is(err, seal.ErrDamaged) {
		t.Errorf("PlatformCredentials with another seller's key: want ErrDamaged, got %v", err)
	}
}

func TestRotatingTheEncryptionKey(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	first, second := h.mustCreateSeller(t), h.mustCreateSeller(t)
	h.mustSaveConnection(t, second.ID, goodConnection())
	service := func(each ...byte) *account.Service {
		return account.NewService(h.db, keys(t, each...), h.clock.Now, account.Options{})
	}

	if _, err := service(2).PlatformCredentials(t.Context(), first.ID); !errors.Is(err, seal.ErrUnknownKey) {
		t.Errorf("PlatformCredentials without the old key: want ErrUnknownKey, got %v", err)
	}
	if _, err := service(2).Reseal(t.Context()); !errors.Is(err, seal.ErrUnknownKey) {
		t.Errorf("Reseal without the old key: want ErrUnknownKey, got %v", err)
	}
	wantOpened := func(s *account.Service, want int) {
		t.Helper()
		if sealed, opened, err := s.CountSecrets(t.Context()); sealed != 6 || opened != want || err != nil {
			t.Errorf("CountSecrets gave %d of %d and %v, want %d of 6", opened, sealed, err, want)
		}
	}
	wantOpened(service(2), 0)
	rotating := service(2, 1)
	wantOpened(rotating, 6)
	if n, err := rotating.Reseal(t.Context()); n != 6 || err != nil {
		t.Errorf("Reseal of two sellers and one connection: want 6 secrets, got %d and %v", n, err)
	}
	if n, err := rotating.Reseal(t.Context()); n != 0 || err != nil {
		t.Errorf("Reseal again: want nothing left, got %d and %v", n, err)
	}
	after := service(2)
	wantOpened(after, 6)
	wantOpened(service(1), 0)
	for _, id := range []postgres.SellerID{first.ID, second.ID} {
		credentials, err := after.PlatformCredentials(t.Context(), id)
		if err != nil || credentials.Key.Reveal() != "platform-key-77" || credentials.Token.Reveal() != "platform-token-88" {
			t.Errorf("PlatformCredentials(%s) with the new key alone: %v", id, err)
		}
	}
	h.read(t, second.ID, func(ctx context.Context, tx *postgres.Tx) error {
		credentials, err := after.Credentials(ctx, tx, second.ID)
		if err != nil || credentials.PrivateKey.Reveal() != "private-55" || credentials.Revision != 1 {
			t.Errorf("Credentials with the new key alone: want them at revision 1, got revision %d and %v", credentials.Revision, err)
		}
		return nil
	})
}

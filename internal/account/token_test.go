package account_test

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"crosswalk/internal/account"
	"crosswalk/internal/postgres"
)

func (h house) mustIssue(t *testing.T, input account.NewToken) (string, account.Token) {
	t.Helper()
	text, token, err := h.IssueToken(t.Context(), input)
	if err != nil {
		t.Fatalf("IssueToken(%+v): %v", input, err)
	}
	return text, token
}

func (h house) wantUnauthenticated(t *testing.T, when, text string) {
	t.Helper()
	if who, err := h.Authenticate(t.Context(), text); !errors.Is(err, account.ErrUnauthenticated) || who != (account.Identity{}) {
		t.Errorf("Authenticate %s: want ErrUnauthenticated, got %+v and %v", when, who, err)
	}
}

func TestIssuedTokenAuthenticates(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	seller := h.mustCreateSeller(t)
	for _, role := range []account.Role{account.Viewer, account.Editor, account.Operator, account.Admin} {
		text, token := h.mustIssue(t, account.NewToken{Seller: seller.ID, Subject: "Zoë O'Hara", Role: role})
		if !regexp.MustCompile(`^cw_[A-Za-z0-9_-]{43}$`).MatchString(text) {
			t.Errorf("IssueToken: want cw_ and 43 characters of base64, got %d characters", len(text))
		}
		want := account.Identity{Seller: seller.ID, Subject: "Zoë O'Hara", Role: role, TokenID: token.ID}
		if got, err := h.Authenticate(t.Context(), text); err != nil || got != want {
			t.Errorf("Authenticate with a token of %s: want %+v, got %+v and %v", role, want, got, err)
		}
		if !strings.HasPrefix(text, token.Hint) || len(token.Hint) != 9 {
			t.Errorf("hint: want the first nine characters, got %q", token.Hint)
		}
		if strings.Contains(h.everythingStored(t), text[len(token.Hint):]) {
			t.Error("the database holds the token readable")
		}
	}
}

func TestTokenWithoutSubjectIsNamedByItsHint(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	text, token := h.mustIssue(t, account.NewToken{Seller: h.mustCreateSeller(t).ID, Role: account.Viewer})
	if want := "token " + text[:9]; token.Subject != want {
		t.Errorf("subject: want %q, got %q", want, token.Subject)
	}
}

func TestTokensThatDoNotAuthenticate(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	text, _ := h.mustIssue(t, account.NewToken{Seller: h.mustCreateSeller(t).ID, Role: account.Admin})
	last := text[len(text)-1]
	for name, other := range map[string]string{
		"without a token":            "",
		"with the prefix only":       "cw_",
		"with the token cut short":   text[:len(text)-1],
		"with the token and more":    text + "A",
		"with the hint":              text[:9],
		"with another case":          "CW_" + text[3:],
		"with the scheme before it":  "Bearer " + text,
		"with one character changed": text[:20] + swap(text[20]) + text[21:],
		"with the last one changed":  text[:len(text)-1] + swap(last),
		"with a well-formed unknown": "cw_" + strings.Repeat("A", 43),
		"with not base64":            "cw_" + strings.Repeat("!", 43),
		"with a huge one":            "cw_" + strings.Repeat("A", 1<<20),
		"with quotes":                `cw_' OR '1'='1`,
	} {
		h.wantUnauthenticated(t, name, other)
	}
}

func swap(c byte) string {
	if c == 'A' {
		return "E"
	}
	return "A"
}

func TestTokenExpires(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	seller := h.mustCreateSeller(t).ID
	text, _ := h.mustIssue(t, account.NewToken{Seller: seller, Role: account.Viewer, ExpiresAt: h.clock.Now().Add(time.Hour)})
	lasting, _ := h.mustIssue(t, account.NewToken{Seller: seller, Role: account.Viewer})

	h.clock.Advance(time.Hour - time.Second)
	if _, err := h.Authenticate(t.Context(), text); err != nil {
		t.Errorf("Authenticate a second before expiry: %v", err)
	}
	h.clock.Advance(time.Second)
	h.wantUnauthenticated(t, "at the moment of expiry", text)
	h.clock.Advance(100 * 365 * 24 * time.Hour)
	if _, err := h.Authenticate(t.Context(), lasting); err != nil {
		t.Errorf("Authenticate with a token without expiry: %v", err)
	}
}

func TestRevocationWorksAtOnceByTokenIDAndHint(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	seller := h.mustCreateSeller(t).ID
	// Another replica: it shares nothing but the database.
	replica := house{account.NewService(h.db, keys(t, 1), h.clock.Now, account.Options{}), h.db, h.clock}
	for name, which := range map[string]func(string, account.Token) string{
		"the token": func(text string, _ account.Token) string { return " " + text + "\n" },
		"its id":    func(_ string, token account.Token) string { return strconv.FormatInt(token.ID, 10) },
		"its hint":  func(_ string, token account.Token) string { return token.Hint },
	} {
		text, token := h.mustIssue(t, account.NewToken{Seller: seller, Role: account.Editor})
		bystander, _ := h.mustIssue(t, account.NewToken{Seller: seller, Role: account.Editor})
		if _, err := replica.Authenticate(t.Context(), text); err != nil {
			t.Fatalf("Authenticate before revoking: %v", err)
		}
		first, err := h.RevokeToken(t.Context(), which(text, token))
		if err != nil || first.ID != token.ID || first.RevokedAt == nil {
			t.Errorf("RevokeToken by %s: want token %d, got %+v and %v", name, token.ID, first, err)
			continue
		}
		replica.wantUnauthenticated(t, "right after revoking by "+name, text)
		h.clock.Advance(time.Minute)
		again, err := h.RevokeToken(t.Context(), which(text, token))
		if err != nil || !again.RevokedAt.Equal(*first.RevokedAt) {
			t.Errorf("RevokeToken again by %s: want the first time kept, got %v and %v", name, again.RevokedAt, err)
		}
		if _, err := replica.Authenticate(t.Context(), bystander); err != nil {
			t.Errorf("Authenticate with another token after revoking by %s: %v", name, err)
		}
	}
}

func TestRevokingWhatDoesNotExist(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.mustIssue(t, account.NewToken{Seller: h.mustCreateSeller(t).ID, Role: account.Viewer})
	for _, which := range []string{"", "0", "-1", "4711", "99999999999999999999", "cw_", "cw_%", "cw_" + strings.Repeat("A", 43)} {
		if token, err := h.RevokeToken(t.Context(), which); !errors.Is(err, account.ErrNotFound) {
			t.Errorf("RevokeToken(%q): want ErrNotFound, got %+v and %v", which, token, err)
		}
	}
}

func TestAmbiguousHintRevokesNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	seller := h.mustCreateSeller(t).ID
	text, first := h.mustIssue(t, account.NewToken{Seller: seller, Role: account.Viewer})
	_, second := h.mustIssue(t, account.NewToken{Seller: seller, Role: account.Viewer})
	err := h.db.System().Write(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE api_token SET hint = $1 WHERE id = $2`, first.Hint, second.ID)
		return err
	})
	if err != nil {
		t.Fatalf("make the hints equal: %v", err)
	}
	if _, err := h.RevokeToken(t.Context(), first.Hint); !errors.Is(err, account.ErrAmbiguous) {
		t.Errorf("RevokeToken by a hint of two tokens: want ErrAmbiguous, got %v", err)
	}
	if _, err := h.Authenticate(t.Context(), text); err != nil {
		t.Errorf("Authenticate after an ambiguous revocation: %v", err)
	}
}

func TestIssueTokenNamesEverythingThatIsWrong(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	seller := h.mustCreateSeller(t).ID
	for name, c := range map[string]struct {
		input account.NewToken
		want  []string
	}{
		"no role":           {account.NewToken{Seller: seller}, []string{"role"}},
		"role in lowercase": {account.NewToken{Seller: seller, Role: "admin"}, []string{"role"}},
		"an unknown role":   {account.NewToken{Seller: seller, Role: "ROOT"}, []string{"role"}},
		"expired already":   {account.NewToken{Seller: seller, Role: account.Viewer, ExpiresAt: h.clock.Now()}, []string{"expires"}},
		"a broken subject":  {account.NewToken{Seller: seller, Role: account.Viewer, Subject: "a\x00b"}, []string{"subject"}},
		"all of it":         {account.NewToken{Seller: seller, Subject: strings.Repeat("x", 201), ExpiresAt: time.Unix(1, 0)}, []string{"subject", "role", "expires"}},
	} {
		if _, _, err := h.IssueToken(t.Context(), c.input); !slices.Equal(fieldsOf(err), c.want) {
			t.Errorf("IssueToken with %s: want problems with %v, got %v", name, c.want, err)
		}
	}
	if _, _, err := h.IssueToken(t.Context(), account.NewToken{Seller: 4711, Role: account.Viewer}); !errors.Is(err, account.ErrNotFound) {
		t.Errorf("IssueToken for an unknown seller: want ErrNotFound, got %v", err)
	}
	if tokens, err := h.ListTokens(t.Context(), seller); err != nil || len(tokens) != 0 {
		t.Errorf("ListTokens after refusals only: want none, got %+v and %v", tokens, err)
	}
}

func TestListTokensShowsOneSellersNewestFirst(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	mine, other := h.mustCreateSeller(t).ID, h.mustCreateSeller(t).ID
	_, first := h.mustIssue(t, account.NewToken{Seller: mine, Role: account.Viewer})
	h.mustIssue(t, account.NewToken{Seller: other, Role: account.Viewer})
	_, second := h.mustIssue(t, account.NewToken{Seller: mine, Role: account.Viewer})
	tokens, err := h.ListTokens(t.Context(), mine)
	if err != nil || len(tokens) != 2 || tokens[0].ID != second.ID || tokens[1].ID != first.ID {
		t.Errorf("ListTokens: want %d and %d, got %+v and %v", second.ID, first.ID, tokens, err)
	}
}

func TestDatabaseTroubleIsNotARefusal(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	text, _ := h.mustIssue(t, account.NewToken{Seller: h.mustCreateSeller(t).ID, Role: account.Viewer})
	h.db.Close()
	if _, err := h.Authenticate(t.Context(), text); err == nil || errors.Is(err, account.ErrUnauthenticated) {
		t.Errorf("Authenticate without a database: want an error that is no ErrUnauthenticated, got %v", err)
	}
}

func TestAuthenticatingFromManySidesAtOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	text, token := h.mustIssue(t, account.NewToken{Seller: h.mustCreateSeller(t).ID, Role: account.Viewer})
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 10 {
				if who, err := h.Authenticate(t.Context(), text); err != nil || who.TokenID != token.ID {
					t.Errorf("Authenticate: want token %d, got %+v and %v", token.ID, who, err)
				}
			}
		})
	}
	group.Wait()
}

func TestNoReplicaGoesByWhatItKnewOfATokenOnceItIsRevoked(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	seller := h.mustCreateSeller(t)
	others := []*account.Tokens{account.NewTokens(h.db, h.clock.Now), account.NewTokens(h.db, h.clock.Now)}
	replicas := append([]*account.Tokens{h.Tokens}, others...)
	for range 3 {
		text, token := h.mustIssue(t, account.NewToken{Seller: seller.ID, Role: account.Viewer})
		if who, known := h.Known(text); known {
			t.Errorf("a token that nobody has shown is known as %+v", who)
		}
		// They go on asking while the token is revoked, so that each knows of it as long as can be.
		ctx, revoked := context.WithCancel(t.Context())
		var asking sync.WaitGroup
		for _, replica := range replicas {
			if who, err := replica.Authenticate(t.Context(), text); err != nil || who.TokenID != token.ID {
				t.Fatalf("Authenticate before revoking: %+v and %v", who, err)
			}
			asking.Go(func() {
				for ctx.Err() == nil {
					_, _ = replica.Authenticate(t.Context(), text)
				}
			})
		}
		if _, err := h.RevokeToken(t.Context(), text); err != nil {
			t.Fatal(err)
		}
		for i, replica := range replicas {
			if who, known := replica.Known(text); known {
				t.Errorf("replica %d knows a revoked token as %+v", i, who)
			}
			if who, err := replica.Authenticate(t.Context(), text); !errors.Is(err, account.ErrUnauthenticated) {
				t.Errorf("replica %d takes a revoked token for %+v (%v)", i, who, err)
			}
		}
		revoked()
		asking.Wait()
	}
}

func TestWhatIsKnownOfATokenIsLookedUpAgain(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	text, token := h.mustIssue(t, account.NewToken{Seller: h.mustCreateSeller(t).ID, Role: account.Viewer, ExpiresAt: h.clock.Now().Add(time.Hour)})
	if _, err := h.Authenticate(t.Context(), text); err != nil {
		t.Fatal(err)
	}
	h.clock.Advance(2 * time.Hour)
	h.wantUnauthenticated(t, "after its end, of which the replica knows", text)
	h.clock.Advance(-2 * time.Hour)
	err := h.db.System().Write(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE api_token SET role = 'EDITOR' WHERE id = $1`, token.ID)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for {
		who, err := h.Authenticate(t.Context(), text)
		if err != nil {
			t.Fatal(err)
		}
		if who.Role == account.Editor {
			return
		}
	}
}

package oidc_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"crosswalk/internal/account"
	"crosswalk/internal/account/oidc"
)

func TestTokensOfTheIssuerLetIn(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	rs, ed := rsaKey(t, "second", 2048), edKey(t, "third")
	d.issuer.show(d.key.public(), rs.public(), ed.public())
	want := account.Identity{Seller: d.seller.ID, Subject: "anna@example.com", Role: account.Editor}
	for name, c := range map[string]struct {
		with    key
		changes said
		change  func(*account.Identity)
	}{
		"ES256":                             {with: d.key},
		"RS256":                             {with: rs},
		"EdDSA":                             {with: ed},
		"several audiences":                 {with: d.key, changes: said{"aud": []string{"another", audience}}},
		"the seller's id as text":           {with: d.key, changes: said{"crosswalk_seller": d.seller.ID.String()}},
		"the seller's id in a list":         {with: d.key, changes: said{"crosswalk_seller": []any{d.seller.ID, d.seller.ID.String()}}},
		"the role in lower case":            {with: d.key, changes: said{"crosswalk_role": "editor"}},
		"roles of which the highest counts": {with: d.key, changes: said{"crosswalk_role": []any{"VIEWER", "EDITOR", "other", 17, nil}}},
		"no e-mail address":                 {with: d.key, changes: said{"email": nil}, change: func(i *account.Identity) { i.Subject = "248289761001" }},
		"an e-mail address not verified":    {with: d.key, changes: said{"email_verified": false}, change: func(i *account.Identity) { i.Subject = "248289761001" }},
		"the same as a text":                {with: d.key, changes: said{"email_verified": "False"}, change: func(i *account.Identity) { i.Subject = "248289761001" }},
		"no sub":                            {with: d.key, changes: said{"sub": nil}},
		"neither iat nor nbf":               {with: d.key, changes: said{"iat": nil, "nbf": nil}},
		"times of a clock that is fast":     {with: d.key, changes: said{"nbf": start().Add(59 * time.Second).Unix()}},
		"times of a clock that is slow":     {with: d.key, changes: said{"exp": start().Add(-59 * time.Second).Unix()}},
		"claims nobody knows":               {with: d.key, changes: said{"groups": strings.Split(strings.Repeat("group,", 1000), ",")}},
	} {
		want := want
		if c.change != nil {
			c.change(&want)
		}
		got := d.wantIn(t, "with "+name, c.with.sign(t, d.good.with(c.changes)))
		if got.TokenID >= 0 {
			t.Errorf("with %s the token's number is %d, want one below zero, which no issued token has", name, got.TokenID)
		}
		if got.TokenID = 0; got != want {
			t.Errorf("with %s the holder is %+v, want %+v", name, got, want)
		}
	}
}

func TestTokensThatAreRefused(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	const noSubject = "The token does not say whose it is: it needs sub or email, of at most 200 characters."
	for name, c := range map[string]struct {
		changes said
		reason  string
	}{
		"expired":                   {said{"exp": start().Add(-61 * time.Second).Unix()}, "The token has expired."},
		"without exp":               {said{"exp": nil}, "The token does not say when it expires."},
		"not valid yet":             {said{"nbf": start().Add(2 * time.Minute).Unix()}, "The token is not valid yet."},
		"issued in the future":      {said{"iat": start().Add(2 * time.Minute).Unix()}, "The token is not valid yet."},
		"exp as text":               {said{"exp": "tomorrow"}, "The token's claims cannot be read."},
		"another issuer":            {said{"iss": "https://login.example.com"}, "The token is from another issuer."},
		"the issuer and a slash":    {said{"iss": d.issuer.URL + "/"}, "The token is from another issuer."},
		"no issuer":                 {said{"iss": nil}, "The token is from another issuer."},
		"another audience":          {said{"aud": "crosswalk-staging"}, "The token is for another audience."},
		"other audiences":           {said{"aud": []string{"a", "b"}}, "The token is for another audience."},
		"no audience":               {said{"aud": nil}, "The token is for another audience."},
		"an empty list of audience": {said{"aud": []string{}}, "The token is for another audience."},
		"no seller":                 {said{"crosswalk_seller": nil}, "The token's claim crosswalk_seller must name one seller; it names 0."},
		"two sellers":               {said{"crosswalk_seller": []any{d.seller.ID, d.seller.ID + 1}}, "The token's claim crosswalk_seller must name one seller; it names 2."},
		"an object for a seller":    {said{"crosswalk_seller": said{"id": d.seller.ID}}, "The token's claim crosswalk_seller must name one seller; it names 0."},
		"a fraction for a seller":   {said{"crosswalk_seller": 1.5}, "The token's claim crosswalk_seller is not a seller's id."},
		"a huge seller":             {said{"crosswalk_seller": "99999999999999999999"}, "The token's claim crosswalk_seller is not a seller's id."},
		"a seller that is not":      {said{"crosswalk_seller": 4711}, "The token is for a seller that does not exist."},
		"no role":                   {said{"crosswalk_role": nil}, "The token's claim crosswalk_role names no role."},
		"an unknown role":           {said{"crosswalk_role": "root"}, "The token's claim crosswalk_role names no role."},
		"an empty list of roles":    {said{"crosswalk_role": []string{}}, "The token's claim crosswalk_role names no role."},
		"roles in one text":         {said{"crosswalk_role": "ADMIN EDITOR"}, "The token's claim crosswalk_role names no role."},
		"nobody's name":             {said{"sub": nil, "email": nil}, noSubject},
		"a line break in the name":  {said{"sub": "a\nb", "email": nil}, noSubject},
		"a name too long":           {said{"sub": strings.Repeat("x", 201), "email": nil}, noSubject},
	} {
		d.wantOut(t, name, d.key.sign(t, d.good.with(c.changes)), c.reason)
	}
}

func TestForgedTokensAreRefused(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	rs, foreign := rsaKey(t, "second", 2048), ecKey(t, "first")
	weak, encrypting, misnamed := rsaKey(t, "weak", 1024), ecKey(t, "encrypting"), ecKey(t, "misnamed")
	forEncryption, forAnother := encrypting.public(), misnamed.public()
	forEncryption.Use, forAnother.Algorithm = "enc", "RS256"
	secret := jose.JSONWebKey{Key: []byte(strings.Repeat("s", 64)), KeyID: "secret", Algorithm: "HS256"}
	d.issuer.show(d.key.public(), rs.public(), weak.public(), forEncryption, forAnother, secret)
	const (
		kind      = "The token is not a JSON web token signed with RS256, ES256 or EdDSA."
		signature = "The token's signature is not the issuer's."
		unknown   = "The token is signed with a key that its issuer does not have."
	)
	good := d.key.sign(t, d.good)
	parts := strings.Split(good, ".")
	modulus, err := rs.public().MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	asSecret := func(id string, secret []byte) string {
		return signed(t, jose.HS256, jose.JSONWebKey{Key: secret, KeyID: id}, d.good, nil)
	}
	other := strings.Split(d.key.sign(t, d.good.with(said{"crosswalk_role": "ADMIN"})), ".")
	for name, c := range map[string]struct{ token, reason string }{
		"another's key under a known id":          {foreign.sign(t, d.good), signature},
		"another's key under an unknown id":       {ecKey(t, "nobody").sign(t, d.good), unknown},
		"a known key under another's id":          {signed(t, jose.ES256, jose.JSONWebKey{Key: d.key.private, KeyID: "second"}, d.good, nil), unknown},
		"an id that is a path":                    {ecKey(t, "../../etc/passwd").sign(t, d.good), unknown},
		"another's key without an id":             {signed(t, jose.ES256, foreign.private, d.good, nil), signature},
		"another's key that the header brings":    {signed(t, jose.ES256, jose.JSONWebKey{Key: foreign.private}, d.good, map[jose.HeaderKey]any{"jwk": foreign.public()}), signature},
		"another's key that the header points to": {signed(t, jose.ES256, foreign.private, d.good, map[jose.HeaderKey]any{"jku": "https://evil.example.com/keys", "kid": "first"}), signature},
		"the public key as a secret":              {asSecret("second", modulus), kind},
		"the secret key that the issuer shows":    {asSecret("secret", []byte(strings.Repeat("s", 64))), kind},
		"RS512":                                   {signed(t, jose.RS512, jose.JSONWebKey{Key: rs.private, KeyID: "second"}, d.good, nil), kind},
		"PS256":                                   {signed(t, jose.PS256, jose.JSONWebKey{Key: rs.private, KeyID: "second"}, d.good, nil), kind},
		"a key too weak":                          {weak.sign(t, d.good), unknown},
		"a key for encryption":                    {encrypting.sign(t, d.good), unknown},
		"a key for another algorithm":             {misnamed.sign(t, d.good), unknown},
		"no algorithm":                            {"eyJhbGciOiJub25lIn0." + parts[1] + ".", kind},
		"no algorithm, in capitals":               {"eyJhbGciOiJOT05FIn0." + parts[1] + ".", kind},
		"no signature":                            {parts[0] + "." + parts[1] + ".", signature},
		"the signature of another token":          {parts[0] + "." + other[1] + "." + parts[2], signature},
		"an extension nobody knows":               {signed(t, jose.ES256, jose.JSONWebKey{Key: d.key.private, KeyID: "first"}, d.good, map[jose.HeaderKey]any{"crit": []string{"x"}, "x": 1}), "The token's claims cannot be read."},
		"dots":                                    {"..", kind},
		"words":                                   {"not.a.token", kind},
		"one that is large":                       {d.key.sign(t, d.good.with(said{"groups": strings.Repeat("g", 32<<10)})), "The token is longer than 32768 bytes."},
		"one that is huge":                        {strings.Repeat("A", 10<<20) + ".A.A", "The token is longer than 32768 bytes."},
	} {
		d.wantOut(t, "with "+name, c.token, c.reason)
	}
	d.wantIn(t, "with the token that was changed", good)
	d.wantIn(t, "without an id, which is every key's", signed(t, jose.ES256, d.key.private, d.good, nil))
}

func TestIssuedTokensGoOnWorkingBesideThoseOfTheIssuer(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	d.issuer.Close()
	text, token, err := d.accounts.IssueToken(t.Context(), account.NewToken{Seller: d.seller.ID, Role: account.Admin, Subject: "ci"})
	if err != nil {
		t.Fatal(err)
	}
	want := account.Identity{Seller: d.seller.ID, Subject: "ci", Role: account.Admin, TokenID: token.ID}
	if got := d.wantIn(t, "with an issued token", text); got != want {
		t.Errorf("the holder is %+v, want %+v", got, want)
	}
	for _, text := range []string{"", "garbage", "a.b", "a.b.c.d", text + "x"} {
		if _, err := d.Authenticate(t.Context(), text); err == nil {
			t.Errorf("%q lets in", text)
		}
	}
}

func TestRolesComeFromGroupsWhereTheyAreGivenOne(t *testing.T) {
	t.Parallel()
	d := newDoor(t, func(c *oidc.Config) {
		c.SellerClaim, c.RoleClaim = "https://crosswalk.example.com/seller", "realm_access.roles"
		c.Roles = map[string]account.Role{"billing": account.Operator, "staff": account.Viewer}
	})
	claims := d.good.with(said{"https://crosswalk.example.com/seller": d.seller.ID})
	for name, c := range map[string]struct {
		groups any
		want   account.Role
	}{
		"one group":                     {[]string{"staff"}, account.Viewer},
		"two groups":                    {[]string{"staff", "billing", "more"}, account.Operator},
		"one group that is not listed":  {"billing", account.Operator},
		"a group that is named as role": {[]string{"staff", "ADMIN"}, account.Viewer},
	} {
		token := d.key.sign(t, claims.with(said{"realm_access": said{"roles": c.groups}}))
		if got := d.wantIn(t, "with "+name, token).Role; got != c.want {
			t.Errorf("with %s the role is %s, want %s", name, got, c.want)
		}
	}
	for name, access := range map[string]any{"no group": said{"roles": []string{}}, "a role": said{"roles": "ADMIN"}, "no object": "billing"} {
		d.wantOut(t, "with "+name, d.key.sign(t, claims.with(said{"realm_access": access})), "The token's claim realm_access.roles names no role.")
	}
}

func TestHoldersAreToldApart(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	number := func(changes said) int64 { return d.wantIn(t, "", d.key.sign(t, d.good.with(changes))).TokenID }
	anna := number(nil)
	if again := number(said{"exp": start().Add(2 * time.Hour).Unix(), "email": "anna@example.org"}); again != anna {
		t.Errorf("a renewed token has the number %d, want %d, its holder's", again, anna)
	}
	if bert := number(said{"sub": "248289761002"}); bert == anna {
		t.Errorf("two people have the number %d", bert)
	}
}

func TestConfigurationsThatCannotBeMeantAreRefused(t *testing.T) {
	t.Parallel()
	good := oidc.Config{Issuer: "https://login.example.com", Audience: audience}
	if _, err := oidc.NewAuthenticator(good, nil); err != nil {
		t.Fatalf("a good configuration is refused: %v", err)
	}
	for want, change := range map[string]func(*oidc.Config){
		"the audience is missing":                func(c *oidc.Config) { c.Audience = " " },
		"must be a URL":                          func(c *oidc.Config) { c.Issuer = "login.example.com" },
		"must start with https://":               func(c *oidc.Config) { c.Issuer = "http://login.example.com" },
		"private, loopback":                      func(c *oidc.Config) { c.Issuer = "https://10.0.0.1" },
		`"group" stands for "BOSS", which is no`: func(c *oidc.Config) { c.Roles = map[string]account.Role{"group": "BOSS"} },
	} {
		config := good
		change(&config)
		if _, err := oidc.NewAuthenticator(config, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("NewAuthenticator(%s): want an error saying %q, got %v", fmt.Sprintf("%+v", config), want, err)
		}
	}
}

package oidc

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"crosswalk/internal/account"
	"crosswalk/internal/postgres"
)

// claims are what a token says, by name.
type claims map[string]json.RawMessage

// identity reads who the holder is.
func (a *Authenticator) identity(said claims) (account.Identity, error) {
	sellers := said.values(a.config.SellerClaim)
	if len(sellers) != 1 {
		return account.Identity{}, refuse("The token's claim %s must name one seller; it names %d.", a.config.SellerClaim, len(sellers))
	}
	seller, err := postgres.ParseSellerID(sellers[0])
	if err != nil {
		return account.Identity{}, refuse("The token's claim %s is not a seller's id.", a.config.SellerClaim)
	}
	role := a.role(said)
	if role == "" {
		return account.Identity{}, refuse("The token's claim %s names no role.", a.config.RoleClaim)
	}
	subject, holder := said.subject()
	if subject == "" {
		return account.Identity{}, refuse("The token does not say whose it is: it needs sub or email, of at most %d characters.", maxSubject)
	}
	return account.Identity{Seller: seller, Subject: subject, Role: role, TokenID: standIn(seller, holder)}, nil
}

// role is the highest that the claim names, empty for none.
func (a *Authenticator) role(said claims) account.Role {
	var highest account.Role
	for _, value := range said.values(a.config.RoleClaim) {
		role := a.config.Roles[value]
		if a.config.Roles == nil {
			role, _ = account.ParseRole(value) // what is no role says nothing
		}
		if role.Includes(account.Viewer) && !highest.Includes(role) {
			highest = role
		}
	}
	return highest
}

// maxSubject bounds a subject, in characters.
const maxSubject = 200

// subject is what histories name the holder by, the e-mail address unless the issuer says that it is not
// verified, else sub, and what tells one holder from another. Empty when neither can be used.
func (c claims) subject() (name, holder string) {
	sub, email := c.text("sub"), c.text("email")
	// Some issuers write it as a text.
	if verified := strings.Trim(string(c["email_verified"]), " \t\r\n\""); strings.EqualFold(verified, "false") {
		email = ""
	}
	name, holder = email, sub
	if name == "" {
		name = sub
	}
	if holder == "" {
		holder = email
	}
	return name, holder
}

// text is a claim that is a text fit to be shown, trimmed; else empty.
func (c claims) text(name string) string {
	var text string
	if json.Unmarshal(c[name], &text) != nil {
		return ""
	}
	text = strings.TrimSpace(text)
	if !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) || utf8.RuneCountInString(text) > maxSubject {
		return ""
	}
	return text
}

// values are the texts and numbers of a claim that is one or a list of them, each once; what is anything else
// says nothing.
func (c claims) values(name string) []string {
	raw := c.find(name)
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil {
		list = []json.RawMessage{raw}
	}
	var values []string
	for _, item := range list {
		var text string
		var number json.Number
		switch {
		case json.Unmarshal(item, &text) == nil && text != "":
		case json.Unmarshal(item, &number) == nil && number != "":
			text = number.String()
		default:
			continue
		}
		if !slices.Contains(values, text) {
			values = append(values, text)
		}
	}
	return values
}

// find returns the claim with the name or, if there is none, what the dots in the name lead to.
func (c claims) find(name string) json.RawMessage {
	if found, ok := c[name]; ok {
		return found
	}
	outer, inner, dotted := strings.Cut(name, ".")
	var object claims
	if !dotted || json.Unmarshal(c[outer], &object) != nil {
		return nil
	}
	return object.find(inner)
}

// standIn is a number below zero, where no issued token has its id, that stands for one holder. It stays the
// same when tokens are renewed.
func standIn(seller postgres.SellerID, holder string) int64 {
	sum := sha256.Sum256([]byte(seller.String() + "\x00" + holder))
	return -1 - int64(binary.BigEndian.Uint64(sum[:8])>>1)
}

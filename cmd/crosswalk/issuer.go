package main

import (
	"fmt"

	"crosswalk/internal/account"
	"crosswalk/internal/account/oidc"
)

// issuerFlags say whose JSON web tokens are accepted beside the tokens that crosswalk issues.
type issuerFlags struct {
	Issuer      string            `name:"oidc-issuer" env:"CROSSWALK_OIDC_ISSUER" help:"OpenID Connect issuer whose tokens are accepted, too, such as https://login.example.com."`
	Audience    string            `name:"oidc-audience" env:"CROSSWALK_OIDC_AUDIENCE" help:"What the issuer's tokens must have in aud."`
	SellerClaim string            `name:"oidc-seller-claim" env:"CROSSWALK_OIDC_SELLER_CLAIM" default:"${sellerClaim}" help:"Claim that holds the seller's id."`
	RoleClaim   string            `name:"oidc-role-claim" env:"CROSSWALK_OIDC_ROLE_CLAIM" default:"${roleClaim}" help:"Claim that holds the role, or several; dots lead into objects."`
	Roles       map[string]string `name:"oidc-roles" env:"CROSSWALK_OIDC_ROLES" mapsep:"," placeholder:"GROUP=ROLE,..." help:"What the values of the role claim mean. Default: they are roles."`
}

// issuer returns nil when no issuer is given.
func (f issuerFlags) issuer() (*oidc.Config, error) {
	if f.Issuer == "" {
		return nil, nil
	}
	config := &oidc.Config{Issuer: f.Issuer, Audience: f.Audience, SellerClaim: f.SellerClaim, RoleClaim: f.RoleClaim}
	for value, text := range f.Roles {
		role, err := account.ParseRole(text)
		if err != nil {
			return nil, fmt.Errorf("CROSSWALK_OIDC_ROLES: %s: %w", value, err)
		}
		if config.Roles == nil {
			config.Roles = make(map[string]account.Role)
		}
		config.Roles[value] = role
	}
	return config, nil
}

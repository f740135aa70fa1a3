package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"crosswalk/internal/account"
	"crosswalk/internal/postgres"
)

// tokenCommand administers what callers authenticate with.
type tokenCommand struct {
	Issue  tokenIssueCommand  `cmd:"" help:"Issue a token and print it, once."`
	Revoke tokenRevokeCommand `cmd:"" help:"Revoke a token, on every replica at once."`
	List   tokenListCommand   `cmd:"" help:"List a seller's tokens by their beginnings."`
}

type tokenIssueCommand struct {
	databaseFlags
	Seller  postgres.SellerID `required:"" placeholder:"ID" help:"The seller the token is for."`
	Role    string            `required:"" placeholder:"ROLE" help:"VIEWER, EDITOR, OPERATOR or ADMIN; each includes the ones before it."`
	Subject string            `help:"Who holds it, as histories and logs name them. Default: the token's beginning."`
	Expires time.Duration     `placeholder:"720h" help:"How long it lasts. Default: until it is revoked."`
}

// Run prints the token and nothing else.
func (c *tokenIssueCommand) Run(ctx context.Context, stdout io.Writer) error {
	role, err := account.ParseRole(c.Role)
	if err != nil {
		return fmt.Errorf("--role: %w", err)
	}
	input := account.NewToken{Seller: c.Seller, Subject: c.Subject, Role: role}
	if c.Expires != 0 {
		input.ExpiresAt = time.Now().Add(c.Expires)
	}
	db, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	text, token, err := account.NewTokens(db, time.Now).IssueToken(ctx, input)
	if err != nil {
		return flagErrors(err)
	}
	fmt.Fprintf(os.Stderr, "Token %d for %q, %s of seller %s, %s. It is shown only now:\n",
		token.ID, token.Subject, token.Role, token.Seller, validity(token, time.Now()))
	_, err = fmt.Fprintln(stdout, text)
	return err
}

type tokenRevokeCommand struct {
	databaseFlags
	Token string `arg:"" help:"The token itself, its id, or its beginning as token list shows it."`
}

// Run tells on stderr which token was revoked.
func (c *tokenRevokeCommand) Run(ctx context.Context) error {
	db, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	token, err := account.NewTokens(db, time.Now).RevokeToken(ctx, c.Token)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "Token %d for %q, %s of seller %s, is revoked.\n", token.ID, token.Subject, token.Role, token.Seller)
	return nil
}

type tokenListCommand struct {
	databaseFlags
	Seller postgres.SellerID `required:"" placeholder:"ID" help:"The seller whose tokens to list."`
}

// Run prints one line for each token, the newest first.
func (c *tokenListCommand) Run(ctx context.Context, stdout io.Writer) error {
	db, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	accounts := account.NewService(db, nil, time.Now, account.Options{}) // without keys: no secret is opened
	if _, err := accounts.Seller(ctx, c.Seller); err != nil {
		return fmt.Errorf("list tokens: %w", err)
	}
	tokens, err := accounts.ListTokens(ctx, c.Seller)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tBEGINS WITH\tROLE\tSUBJECT\tVALID")
	for _, token := range tokens {
		fmt.Fprintf(table, "%d\t%s\t%s\t%s\t%s\n", token.ID, token.Hint, token.Role, token.Subject, validity(token, time.Now()))
	}
	return table.Flush()
}

// validity says how long a token lasts or lasted, in words.
func validity(token account.Token, now time.Time) string {
	switch {
	case token.RevokedAt != nil:
		return "revoked " + token.RevokedAt.UTC().Format(time.RFC3339)
	case token.ExpiresAt != nil && !token.ExpiresAt.After(now):
		return "expired " + token.ExpiresAt.UTC().Format(time.RFC3339)
	case token.ExpiresAt != nil:
		return "until " + token.ExpiresAt.UTC().Format(time.RFC3339)
	}
	return "until it is revoked"
}

// flagErrors names the flags of an input's problems as the command line has them, one a line.
func flagErrors(err error) error {
	var problems account.FieldErrors
	if !errors.As(err, &problems) {
		return err
	}
	lines := make([]string, len(problems))
	for i, problem := range problems {
		lines[i] = flagName(strings.Join(problem.Field, "-")) + " " + problem.Message
	}
	return errors.New(strings.Join(lines, "\n"))
}

// flagName turns "platformUrl" into "--platform-url".
func flagName(field string) string {
	var flag strings.Builder
	flag.WriteString("--")
	for _, r := range field {
		if r >= 'A' && r <= 'Z' {
			flag.WriteByte('-')
			r += 'a' - 'A'
		}
		flag.WriteRune(r)
	}
	return flag.String()
}

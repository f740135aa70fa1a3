package testschema

import (
	"context"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
)

// Resolver answers with what a test put into it.
type Resolver struct {
	// All are the organizations there are.
	All []*Organization
	// Caller says who asks, by what the context of an operation holds.
	Caller func(ctx context.Context) string
	// Waiting gets a value when somebody waits for the field stubborn.
	Waiting chan struct{}
	// Release lets the field stubborn answer.
	Release chan struct{}
	// Renamed gets the name of every organization that is renamed.
	Renamed chan string
	// Listening gets 1 for every subscription that begins and -1 when it ends.
	Listening chan int
}

// New returns an executable schema; served prepares the schema it is built
// from.
func New(resolver *Resolver, served func(*ast.Schema) *ast.Schema) graphql.ExecutableSchema {
	schema := served(NewExecutableSchema(Config{}).Schema())
	return NewExecutableSchema(Config{Schema: schema, Resolvers: resolver})
}

// CodedError is an error that a resolver wants to be seen.
type CodedError struct{}

func (*CodedError) Error() string { return "The organization has moved on; read it again." }

// Code is what extensions.code should say.
func (*CodedError) Code() string { return "SETUP_INCOMPLETE" }

// Extensions go beside the code.
func (*CodedError) Extensions() map[string]any {
	return map[string]any{"missing": []string{"CREDENTIALS"}}
}

func answer(text string) *string { return &text }

// Package testschema is a small gqlgen schema that the tests of the HTTP side
// execute instead of the gateway's own: a list with filters, fields that fail
// or dawdle in every way the HTTP side must cope with, a mutation and
// subscriptions. Nothing but tests imports it. Start with schema.graphqls.
package testschema

//go:generate go tool gqlgen generate --config gqlgen.yml

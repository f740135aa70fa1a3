// Package httpapi is everything of the gateway that is HTTP and not a
// resolver: routes, who may come in, how a GraphQL operation gets in and its
// answer out over plain requests, server-sent events and WebSockets, what an
// operation may cost, how errors look, and the explorer.
//
// It takes an executable schema and knows nothing of what its fields mean:
// no organization, no mapping, no SQL. A resolver's error reaches the caller
// only if it says so by being Coded.
//
// Start reading at Config and New; the life of a request is in graphql.go.
package httpapi

package main

import (
	"time"

	"crosswalk/internal/httpapi"
)

// limitFlags bound what callers and operations may cost.
type limitFlags struct {
	MaxBody                 int64         `group:"Limits" env:"CROSSWALK_MAX_BODY" default:"4194304" help:"Largest request body and WebSocket message, in bytes."`
	MaxTokens               int           `group:"Limits" env:"CROSSWALK_MAX_TOKENS" default:"15000" help:"Longest document, in tokens."`
	MaxDepth                int           `group:"Limits" env:"CROSSWALK_MAX_DEPTH" default:"15" help:"Deepest nesting of fields."`
	MaxAliases              int           `group:"Limits" env:"CROSSWALK_MAX_ALIASES" default:"100" help:"Most aliases in an operation."`
	MaxDirectives           int           `group:"Limits" env:"CROSSWALK_MAX_DIRECTIVES" default:"50" help:"Most directives in a document."`
	MaxCost                 int           `group:"Limits" env:"CROSSWALK_MAX_COST" default:"250000" help:"Highest cost of an operation: rows times fields, those that may need ConnectWise five times."`
	MaxExecution            time.Duration `group:"Limits" env:"CROSSWALK_MAX_EXECUTION" default:"30s" help:"Longest execution of a query or mutation."`
	MaxConcurrentOperations int           `group:"Limits" env:"CROSSWALK_MAX_CONCURRENT_OPERATIONS" default:"0" help:"Most queries and mutations of one token under way at a time, on each replica; 0 for any number."`
	MaxOperationsPerMinute  int           `group:"Limits" env:"CROSSWALK_MAX_OPERATIONS_PER_MINUTE" default:"0" help:"Most operations a minute of one token, on each replica; 0 for any number."`
	MaxSubscriptions        int           `group:"Limits" env:"CROSSWALK_MAX_SUBSCRIPTIONS" default:"20" help:"Most subscriptions of one token open at a time, on each replica."`
}

func (f limitFlags) limits() httpapi.Limits {
	return httpapi.Limits{
		BodyBytes: f.MaxBody, Tokens: f.MaxTokens, Depth: f.MaxDepth, Aliases: f.MaxAliases, Directives: f.MaxDirectives,
		Cost: f.MaxCost, ExecutionTime: f.MaxExecution, ConcurrentOperations: f.MaxConcurrentOperations,
		OperationsPerMinute: f.MaxOperationsPerMinute, Subscriptions: f.MaxSubscriptions,
	}
}

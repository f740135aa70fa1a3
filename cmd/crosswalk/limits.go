package main

import (
	"errors"
	"fmt"
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

// check names the limits that are negative.
func (f limitFlags) check() error {
	return errors.Join(
		notNegative("CROSSWALK_MAX_BODY", f.MaxBody),
		notNegative("CROSSWALK_MAX_TOKENS", f.MaxTokens),
		notNegative("CROSSWALK_MAX_DEPTH", f.MaxDepth),
		notNegative("CROSSWALK_MAX_ALIASES", f.MaxAliases),
		notNegative("CROSSWALK_MAX_DIRECTIVES", f.MaxDirectives),
		notNegative("CROSSWALK_MAX_COST", f.MaxCost),
		notNegative("CROSSWALK_MAX_EXECUTION", f.MaxExecution),
		notNegative("CROSSWALK_MAX_CONCURRENT_OPERATIONS", f.MaxConcurrentOperations),
		notNegative("CROSSWALK_MAX_OPERATIONS_PER_MINUTE", f.MaxOperationsPerMinute),
		notNegative("CROSSWALK_MAX_SUBSCRIPTIONS", f.MaxSubscriptions),
	)
}

// notNegative refuses a number or duration below zero, which stands for the default.
func notNegative[N int | int64 | time.Duration](variable string, value N) error {
	if value < 0 {
		return fmt.Errorf("%s is %v; it must not be negative, and 0 stands for the default", variable, value)
	}
	return nil
}

func (f limitFlags) limits() httpapi.Limits {
	return httpapi.Limits{
		BodyBytes: f.MaxBody, Tokens: f.MaxTokens, Depth: f.MaxDepth, Aliases: f.MaxAliases, Directives: f.MaxDirectives,
		Cost: f.MaxCost, ExecutionTime: f.MaxExecution, ConcurrentOperations: f.MaxConcurrentOperations,
		OperationsPerMinute: f.MaxOperationsPerMinute, Subscriptions: f.MaxSubscriptions,
	}
}

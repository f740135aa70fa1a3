package httpapi

import (
	"context"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
)

// costExtension is where answers say what the operation cost, and under what
// name an operation keeps it.
const costExtension = "cost"

// costReport is what an answer says of an operation's cost.
type costReport struct {
	Requested int `json:"requested"`
	Limit     int `json:"limit"`
}

// costOf is the cost that was reckoned for an operation; nil if none was.
func costOf(operation *graphql.OperationContext) *costReport {
	report, _ := operation.Stats.GetExtension(costExtension).(*costReport)
	return report
}

// checkCost reckons the cost of an operation, keeps it, and returns why it is
// too high, or nil.
func (d documentLimits) checkCost(operation *graphql.OperationContext) error {
	if d.cost == nil {
		return nil
	}
	report := &costReport{Requested: d.cost(operation), Limit: d.limits.Cost}
	operation.Stats.SetExtension(costExtension, report)
	if report.Requested <= report.Limit {
		return nil
	}
	refused := reached(LimitCost, "The operation would cost %d; at most %d is allowed. Ask for fewer rows or fields at a time.",
		report.Requested, report.Limit)
	refused.code = codeCostExceeded
	refused.extensions[costExtension] = report
	return refused
}

// reportsCost says in answers what the operation cost. It is one of gqlgen's
// hooks.
type reportsCost struct{}

var _ graphql.ResponseInterceptor = reportsCost{}

func (reportsCost) ExtensionName() string                   { return "ReportsCost" }
func (reportsCost) Validate(graphql.ExecutableSchema) error { return nil }

// InterceptResponse is called with every answer. Those to a subscription, of
// which there are many, do not repeat it.
func (reportsCost) InterceptResponse(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
	if !graphql.HasOperationContext(ctx) {
		return next(ctx)
	}
	operation := graphql.GetOperationContext(ctx)
	if report := costOf(operation); report != nil && operation.Operation.Operation != ast.Subscription {
		graphql.RegisterExtension(ctx, costExtension, report)
	}
	return next(ctx)
}

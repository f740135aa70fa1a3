package graph

import (
	"context"

	"crosswalk/graph/model"
)

// BestPractices resolves the guide of the Mapping page.
func (r *queryResolver) BestPractices(context.Context) ([]*model.BestPractice, error) {
	return []*model.BestPractice{
		{
			Title: "Map organizations and products first",
			Text:  "Finish mapping organizations and products before you load and sync invoice lines. Lines that are not mapped cannot be posted to ConnectWise.",
		},
		{
			Title: "Load Products incrementally",
			Text:  "Start with a window of one to three months, so that the list holds the offers you bill now rather than everything you ever sold.",
		},
		{
			Title: "Keep organizations current",
			Text:  "Run Sync Organizations whenever you have brought many new customers on board.",
		},
		{
			Title: "Check for Response Errors",
			Text:  "A Response Error badge means that ConnectWise could not be read for a moment. The mapping stands; refresh the page after a few minutes.",
		},
		{
			Title: "Post invoices after month-end",
			Text:  "Wait until your provider has delivered all invoices of the month. Posting a part of a month makes reconciliation harder.",
		},
		{
			Title: "Manage Automated Sync",
			Text:  "Turn Automated Daily Sync on when many lines are routinely mapped in full, and off while you re-map or change settings.",
		},
		{
			Title: "Handle multi-org mapping",
			Text:  "When several organizations are mapped to one ConnectWise company, say yourself which agreement each invoice line is posted to.",
		},
		{
			Title: "Charge End Date",
			Text:  "Without a rule or a date of your own, the sync sets the end: one-time lines end on the last day of the month they start in, recurring lines stay open.",
		},
	}, nil
}

// Dictionary resolves which Platform term is which ConnectWise term.
func (r *queryResolver) Dictionary(context.Context) ([]*model.DictionaryEntry, error) {
	return []*model.DictionaryEntry{
		{Platform: "Organization", ConnectWise: "Company", Note: optional("Many organizations may share one company.")},
		{Platform: "Offer", ConnectWise: "Product", Note: optional("A product is an item of the catalog; many offers may share one.")},
		{Platform: "Contract", ConnectWise: "Agreement", Note: optional("The agreement belongs to the company of the contract's organization.")},
		{Platform: "Invoice line", ConnectWise: "Addition", Note: optional("Recurring lines keep one Addition per subscription; one-time lines have one each.")},
	}, nil
}

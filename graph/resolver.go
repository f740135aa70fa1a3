// Package graph answers the schema: it turns fields and arguments into requests to the packages below and
// their answers into the schema's types. It holds no SQL and no business rule.
//
// One file per domain has its queries, mutations and types. What is selected decides what is read: see
// selection.go. ConnectWise records are looked up through loaders/. Start reading at Resolver.
package graph

import (
	"context"
	"log/slog"
	"time"

	"crosswalk/graph/generated"
	"crosswalk/graph/model"
	"crosswalk/internal/account"
	"crosswalk/internal/invoicing"
	"crosswalk/internal/jobs"
	"crosswalk/internal/mapping"
	"crosswalk/internal/postgres"
	"crosswalk/internal/postgres/notify"
	"crosswalk/internal/psa"
	"crosswalk/internal/psa/connectwise"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
)

// Resolver holds what resolvers need. All fields are required.
type Resolver struct {
	DB       *postgres.DB
	Accounts *account.Service
	Mapping  *mapping.Service
	Clients  *connectwise.Pool
	// Invoicing edits invoice lines.
	Invoicing *invoicing.Service
	// Directory verifies ConnectWise records live.
	Directory *psa.Directory
	// Budget is how long one operation waits for ConnectWise in all.
	Budget time.Duration
	// Today tells the date in a seller's time zone, as business rules take it.
	Today mapping.Today
	// Now is real time; stored timestamps are compared with it.
	Now func() time.Time
	// JobChanges and LogChanges tell when a run, or a seller's log, may have changed on any replica.
	JobChanges *notify.Watchers[jobs.Ref]
	LogChanges *notify.Watchers[postgres.SellerID]
	// Log takes what concerns operators.
	Log *slog.Logger
}

// Schema returns the executable schema, over the parsed one as adapt leaves it.
func (r *Resolver) Schema(adapt func(*ast.Schema) *ast.Schema) graphql.ExecutableSchema {
	config := generated.Config{Resolvers: r, Directives: generated.DirectiveRoot{RequiresRole: requiresRole}}
	config.Schema = adapt(generated.NewExecutableSchema(config).Schema())
	return generated.NewExecutableSchema(config)
}

// SDL returns the text of the schema as it was written.
func SDL() string {
	return generated.NewExecutableSchema(generated.Config{}).Schema().Query.Position.Src.Input
}

type (
	queryResolver        struct{ *Resolver }
	mutationResolver     struct{ *Resolver }
	subscriptionResolver struct{ *Resolver }
	organizationResolver struct{ *Resolver }
	offerResolver        struct{ *Resolver }
	contractResolver     struct{ *Resolver }
	psaCompanyResolver   struct{ *Resolver }
	psaAgreementResolver struct{ *Resolver }
	invoiceLineResolver  struct{ *Resolver }
	syncBlockerResolver  struct{ *Resolver }
	jobResolver          struct{ *Resolver }
	logEntryResolver     struct{ *Resolver }
)

// Query returns the resolver of root queries.
func (r *Resolver) Query() generated.QueryResolver { return &queryResolver{r} }

// Mutation returns the resolver of mutations.
func (r *Resolver) Mutation() generated.MutationResolver { return &mutationResolver{r} }

// Subscription returns the resolver of subscriptions.
func (r *Resolver) Subscription() generated.SubscriptionResolver { return &subscriptionResolver{r} }

// Organization returns the resolver of an organization's looked-up fields.
func (r *Resolver) Organization() generated.OrganizationResolver { return &organizationResolver{r} }

// Offer returns the resolver of an offer's looked-up fields.
func (r *Resolver) Offer() generated.OfferResolver { return &offerResolver{r} }

// Contract returns the resolver of a contract's looked-up fields.
func (r *Resolver) Contract() generated.ContractResolver { return &contractResolver{r} }

// InvoiceLine returns the resolver of a line's looked-up fields.
func (r *Resolver) InvoiceLine() generated.InvoiceLineResolver { return &invoiceLineResolver{r} }

// SyncBlocker returns the resolver of a blocker's subject.
func (r *Resolver) SyncBlocker() generated.SyncBlockerResolver { return &syncBlockerResolver{r} }

// PsaAgreement returns the resolver of an agreement's looked-up fields.
func (r *Resolver) PsaAgreement() generated.PsaAgreementResolver { return &psaAgreementResolver{r} }

// PsaCompany returns the resolver of a company's looked-up fields.
func (r *Resolver) PsaCompany() generated.PsaCompanyResolver { return &psaCompanyResolver{r} }

// Job returns the resolver of a job's looked-up fields.
func (r *Resolver) Job() generated.JobResolver { return &jobResolver{r} }

// LogEntry returns the resolver of a log entry's looked-up fields.
func (r *Resolver) LogEntry() generated.LogEntryResolver { return &logEntryResolver{r} }

// requiresRole refuses a field to callers whose role does not include the one it needs.
func requiresRole(ctx context.Context, _ any, next graphql.Resolver, role model.Role) (any, error) {
	caller := identity(ctx)
	if needed := account.Role(role); !caller.Role.Includes(needed) {
		return nil, &Failure{code: "FORBIDDEN", message: "This needs the role " + string(needed) + "; the token has " + string(caller.Role) + "."}
	}
	return next(ctx)
}

// identity returns who is asking. Nothing is executed for callers who are not authenticated, so that it is
// always there; the zero identity, which owns nothing, stands in should it ever be missing.
func identity(ctx context.Context) account.Identity {
	who, _ := account.IdentityFrom(ctx)
	return who
}

func seller(ctx context.Context) postgres.SellerID { return identity(ctx).Seller }

// read runs a read for the caller's seller.
func (r *Resolver) read(ctx context.Context, fn func(context.Context, *postgres.Tx) error) error {
	return r.DB.Seller(seller(ctx)).Read(ctx, fn)
}

// readMapping is read for what may be used only after set-up.
func (r *Resolver) readMapping(ctx context.Context, fn func(context.Context, *postgres.Tx) error) error {
	return r.readStatements(ctx, false, fn)
}

// readStatements is readMapping that may be told that fn runs one statement only, which needs no transaction.
func (r *Resolver) readStatements(ctx context.Context, oneOnly bool, fn func(context.Context, *postgres.Tx) error) error {
	switch setUp := identity(ctx).SetUp; {
	case setUp && oneOnly:
		return r.DB.Seller(seller(ctx)).ReadOne(ctx, fn)
	case setUp:
		return r.read(ctx, fn)
	}
	return r.read(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		missing, err := r.missingSetup(ctx, tx)
		if err != nil {
			return err
		}
		if len(missing) > 0 {
			return setupIncomplete(missing)
		}
		return fn(ctx, tx)
	})
}

func (r *Resolver) missingSetup(ctx context.Context, tx *postgres.Tx) ([]model.SetupStep, error) {
	steps, err := r.Accounts.MissingSetup(ctx, tx, seller(ctx))
	missing := make([]model.SetupStep, len(steps))
	for i, step := range steps {
		missing[i] = model.SetupStep(step)
	}
	return missing, err
}

// refuseWithoutSetup returns the refusal of a mutation that may be used only after set-up, or nil.
func (r *Resolver) refuseWithoutSetup(ctx context.Context) ([]*model.UserError, error) {
	var missing []model.SetupStep
	err := r.read(ctx, func(ctx context.Context, tx *postgres.Tx) (err error) {
		missing, err = r.missingSetup(ctx, tx)
		return err
	})
	if err != nil || len(missing) == 0 {
		return nil, err
	}
	return []*model.UserError{userError(model.UserErrorCodeSetupIncomplete, setupMessage(missing))}, nil
}

// userError returns a refusal about the field at path, or about the whole input.
func userError(code model.UserErrorCode, message string, path ...string) *model.UserError {
	return &model.UserError{Code: code, Message: message, Field: path}
}

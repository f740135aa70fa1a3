package graph

import (
	"context"
	"time"

	"crosswalk/graph/loaders"
	"crosswalk/graph/model"
	"crosswalk/graph/wire"
	"crosswalk/internal/mapping"
	"crosswalk/internal/psa"
)

// shownContract is a contract that the fast lane shows.
type shownContract struct {
	row *mapping.Contract
	// mapped is the agreement that it is mapped to, used the one its lines post to.
	mapped, used *loaders.Found[psa.Agreement]
	organization *shownOrganization
}

// showContracts looks up what is selected of contracts.
func showContracts(ctx context.Context, selected selection, rows []mapping.Contract) ([]shownContract, error) {
	shown, err := showContractsAlone(ctx, selected, rows)
	if err != nil || !selected.has("organization") {
		return shown, err
	}
	err = lookUpRows(ctx, loadersFrom(ctx).Organizations, rows, func(c mapping.Contract) int64 { return c.OrganizationID },
		selected.under("organization"), toCompany.show, func(at int, found *shownOrganization) { shown[at].organization = found })
	return shown, err
}

// showContractsAlone is showContracts without their organizations.
func showContractsAlone(ctx context.Context, selected selection, rows []mapping.Contract) ([]shownContract, error) {
	shown := make([]shownContract, len(rows))
	for i := range rows {
		shown[i].row = &rows[i]
	}
	agreements := loadersFrom(ctx).Agreements
	if selected.has("psaAgreement") {
		err := lookUpAll(ctx, agreements, rows, func(c mapping.Contract) *psa.RecordID { return c.UsedAgreementID },
			func(at int, found *loaders.Found[psa.Agreement]) { shown[at].used = found })
		if err != nil {
			return nil, err
		}
	}
	if selected.has("mappingStatus", "mappingStatusMessage") {
		err := lookUpAll(ctx, agreements, rows, func(c mapping.Contract) *psa.RecordID { return c.PsaAgreementID },
			func(at int, found *loaders.Found[psa.Agreement]) { shown[at].mapped = found })
		if err != nil {
			return nil, err
		}
	}
	return shown, nil
}

var (
	ownContractFields = wire.Fields[shownContract]{
		"id":                wire.ID(typeContract, func(s *shownContract) int64 { return s.row.ID }),
		"platformId":        wire.Text(func(s *shownContract) string { return s.row.PlatformID }),
		"currency":          wire.Text(func(s *shownContract) string { return s.row.Currency }),
		"billingCycleDay":   wire.Int(func(s *shownContract) int { return s.row.BillingCycleDay }),
		"contractType":      wire.OptionalText(func(s *shownContract) *string { return s.row.ContractType }),
		"agreementRequired": wire.Boolean(func(s *shownContract) bool { return s.row.AgreementRequired }),
		"agreementProblem":  wire.OptionalText(func(s *shownContract) *string { return (*string)(s.row.AgreementProblem) }),
		"revision":          wire.Int(func(s *shownContract) int { return s.row.Revision }),
		"mappedAt":          wire.OptionalInstant(func(s *shownContract) *time.Time { return s.row.MappedAt }),
		"mappedBy":          wire.OptionalText(func(s *shownContract) *string { return s.row.MappedBy }),
	}
	// laneContractFieldsAlone are all but the organization.
	laneContractFieldsAlone = withFields(ownContractFields, wire.Fields[shownContract]{
		"psaAgreement":         wire.Nested(laneAgreementFields, func(s *shownContract) *loaders.Found[psa.Agreement] { return s.used }, typePsaAgreement, "Node"),
		"mappingStatus":        wire.Text(func(s *shownContract) model.MappingStatus { return badge(s.mapped) }),
		"mappingStatusMessage": wire.OptionalText((*shownContract).message),
	})
	laneContractFields = withFields(laneContractFieldsAlone, wire.Fields[shownContract]{
		"organization": wire.Nested(laneOrganizationFields, func(s *shownContract) *shownOrganization { return s.organization }, typeOrganization, "Node"),
	})
)

// message is what to say about the status of the mapping, or about why the agreement does not fit.
func (s *shownContract) message() (message *string) {
	if s.mapped != nil {
		message = liveMessageOf(*s.mapped, "agreement")
	}
	if message == nil && s.row.AgreementProblem != nil {
		message = optional(agreementProblems[model.SyncBlockerCode(*s.row.AgreementProblem)])
	}
	return message
}

// contractLane writes pages of contracts.
var contractLane = lane[mapping.Contract, shownContract]{
	connection: "ContractConnection", edge: "ContractEdge", node: typeContract, show: showContracts, fields: laneContractFields,
	facets: facetsOf[model.ContractFacets, mapping.Contract, shownContract]("ContractFacets", map[string]func(*model.ContractFacets) []*model.FacetValue{
		"currency":         func(f *model.ContractFacets) []*model.FacetValue { return f.Currency },
		"mappingStatus":    func(f *model.ContractFacets) []*model.FacetValue { return f.MappingStatus },
		"agreementProblem": func(f *model.ContractFacets) []*model.FacetValue { return f.AgreementProblem },
	}),
}

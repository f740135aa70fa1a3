package posting

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf16"

	"crosswalk/internal/activity"
	"crosswalk/internal/civil"
	"crosswalk/internal/jobs"
	"crosswalk/internal/postgres"
	"crosswalk/internal/psa"
)

// agreementless is a contract without an agreement, whose lines go to a company that no other organization shares.
type agreementless struct {
	Contract int64        `db:"contract_id"`
	Company  psa.RecordID `db:"company_id"`
	Number   string       `db:"platform_id"`
	// OrganizationID and Organization are whom the lines are of.
	OrganizationID int64  `db:"organization_id"`
	Organization   string `db:"organization_name"`
	Currency       string `db:"currency"`
	// Start is the first day any of its lines that are not posted is charged, be they part of the run or not.
	Start civil.Date `db:"charge_start"`
	// Sent is the name that an agreement was sent with whose creation was not answered. The organization may be called
	// otherwise since.
	Sent string `db:"name"`
}

// maxAgreementName is how many UTF-16 units the name of an agreement may have.
const maxAgreementName = 100

// name names an agreement after its organization and contract. The contract's number is never cut: by it the
// agreement is found again.
func (a agreementless) name() string {
	if a.Sent != "" {
		return a.Sent
	}
	suffix := " " + strings.Join(strings.Fields(a.Number), " ")
	room := maxAgreementName - len(utf16.Encode([]rune(suffix)))
	organization := []rune(strings.Join(strings.Fields(a.Organization), " "))
	for len(organization) > 0 && len(utf16.Encode(organization)) > room {
		organization = organization[:len(organization)-1]
	}
	return strings.TrimSpace(strings.TrimSpace(string(organization)) + suffix)
}

// lock names the lock that whoever creates the agreement holds.
func (a agreementless) lock() string { return fmt.Sprintf("contract/%d", a.Contract) }

// createAgreements creates an agreement for every contract of a month's items that has none.
func (p *posting) createAgreements(ctx context.Context, month civil.YearMonth) error {
	var wanted []agreementless
	err := p.db.Read(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		return tx.SelectContext(ctx, &wanted, `
			SELECT i.contract_id, i.company_id, t.platform_id, o.id AS organization_id, o.name AS organization_name, t.currency, (
					SELECT min(u.charge_start)
					FROM invoice_line u
					WHERE u.seller_id = $1 AND u.contract_id = i.contract_id AND u.listed AND u.state IN ('OPEN', 'FAILED')
				) AS charge_start
			FROM posting_item i
			JOIN invoice_line l ON l.seller_id = i.seller_id AND l.id = i.line_id
			JOIN contract t ON t.seller_id = i.seller_id AND t.id = i.contract_id
			JOIN organization o ON o.seller_id = l.seller_id AND o.id = l.organization_id
			WHERE i.seller_id = $1 AND i.job_id = $2 AND i.agreement_id IS NULL AND NOT o.excluded_from_sync
			GROUP BY 1, 2, 3, 4, 5, 6
			HAVING bool_or(i.period = $3)
			ORDER BY min(i.invoice_date), 1`, p.seller, p.run.Job().ID, month.FirstDay())
	})
	if err != nil {
		return fmt.Errorf("find contracts without agreement: %w", err)
	}
	return each(ctx, wanted, p.createAgreement)
}

// createAgreement finds or creates the agreement of a contract and sends its items there.
func (p *posting) createAgreement(ctx context.Context, a agreementless) error {
	if err := p.locks.Lock(ctx, a.lock()); err != nil {
		return err
	}
	defer func() { _ = p.locks.Unlock(a.lock()) }()

	company, existing, err := p.lookUp(ctx, a)
	switch {
	case err == nil:
	case p.isApart(ctx, err):
		return p.failContract(ctx, a, cannotRead(fmt.Sprintf("company %d and its agreements", a.Company), err))
	default:
		return err
	}
	switch {
	case company.ID == 0 || company.Deleted:
		return p.failContract(ctx, a, missing("company"))
	case existing.ID != 0:
		return p.haveAgreement(ctx, a, existing, false)
	case company.Currency != "" && company.Currency != a.Currency:
		return p.failContract(ctx, a, mismatchOfCompany(company, a.Currency))
	case company.DefaultContact == 0:
		return p.failContract(ctx, a, withoutContact())
	}
	waits, err := p.intendAgreement(ctx, a)
	if err != nil || waits {
		return err
	}
	return p.sendAgreement(ctx, a, company)
}

// lookUp asks ConnectWise for the company and for an agreement that was created for the contract before, by a
// gateway that forgot.
func (p *posting) lookUp(ctx context.Context, a agreementless) (company psa.Company, existing psa.Agreement, err error) {
	err = p.patiently(ctx, func() error {
		companies, err := p.client.CompaniesByID(ctx, []psa.RecordID{a.Company})
		if err == nil && len(companies) > 0 {
			company = companies[0]
		}
		return err
	})
	if err != nil {
		return company, existing, err
	}
	var agreements []psa.Agreement
	err = p.patiently(ctx, func() (err error) {
		agreements, err = p.client.AgreementsOfCompany(ctx, a.Company)
		return err
	})
	existing, _ = a.among(agreements, p.today)
	return company, existing, err
}

// among finds the agreement that was created for the contract.
func (a agreementless) among(agreements []psa.Agreement, today civil.Date) (psa.Agreement, bool) {
	for _, agreement := range agreements {
		isOurs := agreement.CompanyID == a.Company && sameText(agreement.Name, a.name())
		if isOurs && !agreement.IsClosed(today) && (agreement.Currency == "" || agreement.Currency == a.Currency) {
			return agreement, true
		}
	}
	return psa.Agreement{}, false
}

// intendAgreement notes that an agreement is about to be created; waits is true while one may be there already, and
// when the organization was excluded meanwhile.
func (p *posting) intendAgreement(ctx context.Context, a agreementless) (waits bool, err error) {
	err = p.run.Write(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		err := tx.GetContext(ctx, &waits, `
			SELECT excluded_from_sync
			FROM organization
			WHERE seller_id = $1 AND id = $2
			FOR SHARE`, p.seller, a.OrganizationID)
		if err != nil || waits {
			return err
		}
		result, err := tx.ExecContext(ctx, `
			INSERT INTO created_agreement AS c (seller_id, contract_id, company_id, name)
			VALUES ($1, $2, $3, $4)
			ON CONFLICT (seller_id, contract_id, company_id) DO UPDATE
			SET name = EXCLUDED.name, agreement_id = NULL, state = 'SENDING', intended_at = now(), looked_at = NULL
			WHERE c.state = 'DONE' -- and belongs to another company by now
				AND NOT EXISTS (
					SELECT
					FROM psa_agreement own
					WHERE own.seller_id = c.seller_id AND own.record_id = c.agreement_id AND own.company_id = c.company_id
				)`, p.seller, a.Contract, a.Company, a.name())
		if err != nil {
			return fmt.Errorf("note an agreement: %w", err)
		}
		inserted, err := result.RowsAffected()
		waits = inserted == 0
		return err
	})
	return waits, err
}

func (p *posting) sendAgreement(ctx context.Context, a agreementless, company psa.Company) error {
	var created psa.Agreement
	underway := p.whileWanted(ctx, func(ctx context.Context, tx *postgres.Tx) (wanted bool, err error) {
		err = tx.GetContext(ctx, &wanted, `
			SELECT NOT excluded_from_sync
			FROM organization
			WHERE seller_id = $1 AND id = $2`, p.seller, a.OrganizationID)
		return wanted, err
	})
	create := func(currency string) error {
		return p.patiently(ctx, func() (err error) {
			created, err = p.client.CreateAgreement(underway, psa.NewAgreement{
				Name: a.name(), TypeID: p.agreementType, CompanyID: a.Company, ContactID: company.DefaultContact,
				StartDate: a.Start, BillStartDate: a.Start, Currency: currency,
			})
			return err
		})
	}
	err := create(a.Currency)
	var unavailable *psa.UnavailableError
	if errors.As(err, &unavailable) && company.Currency == a.Currency && p.isApart(ctx, err) {
		err = create("") // its currencies cannot be read, but the company's is the one
	}
	var lost *psa.UnconfirmedError
	var refused *psa.RefusedError
	switch {
	case err == nil:
		return p.haveAgreement(ctx, a, created, true)
	case errors.Is(err, errUnwanted):
		return p.forgetAgreement(ctx, a)
	case errors.As(err, &lost):
		return p.loseAgreement(ctx, a)
	case errors.As(err, &refused):
		if err := p.forgetAgreement(ctx, a); err != nil {
			return err
		}
		return p.failContract(ctx, a, refusal{Refused, "ConnectWise refused to create an agreement for the contract: " + quote(refused) +
			" Correct that, or map the contract to an agreement; then post again."})
	}
	if forgotten := p.forgetAgreement(ctx, a); forgotten != nil {
		return errors.Join(err, forgotten)
	}
	if p.isApart(ctx, err) {
		return p.failContract(ctx, a, cannotRead("what a new agreement depends on", err))
	}
	return err
}

// haveAgreement remembers the agreement of a contract and sends the items there.
func (p *posting) haveAgreement(ctx context.Context, a agreementless, agreement psa.Agreement, isNew bool) error {
	if agreement.CompanyID == 0 {
		agreement.CompanyID = a.Company
	}
	if agreement.Name == "" {
		agreement.Name = a.name()
	}
	if agreement.StartDate.IsZero() {
		agreement.StartDate = a.Start
	}
	err := p.keep(ctx, func(ctx context.Context, tx *postgres.Tx) (jobs.Counts, error) {
		if _, err := psa.Agreements.Save(ctx, tx, p.seller, []psa.Agreement{agreement}); err != nil {
			return jobs.Counts{}, err
		}
		_, err := tx.ExecContext(ctx, `
			INSERT INTO created_agreement (seller_id, contract_id, company_id, name, agreement_id, state)
			VALUES ($1, $2, $3, $4, $5, 'DONE')
			ON CONFLICT (seller_id, contract_id, company_id) DO UPDATE
			SET agreement_id = EXCLUDED.agreement_id, state = 'DONE'`, p.seller, a.Contract, a.Company, a.name(), agreement.ID)
		if err != nil {
			return jobs.Counts{}, fmt.Errorf("remember agreement %d: %w", agreement.ID, err)
		}
		_, err = tx.ExecContext(ctx, `
			UPDATE posting_item
			SET agreement_id = $4, agreement_origin = 'AUTO_CREATED'
			WHERE seller_id = $1 AND contract_id = $2 AND company_id = $3 AND agreement_id IS NULL`, p.seller, a.Contract, a.Company, agreement.ID)
		if err != nil {
			return jobs.Counts{}, fmt.Errorf("send lines to agreement %d: %w", agreement.ID, err)
		}
		if !isNew {
			return jobs.Counts{}, nil
		}
		return jobs.Counts{}, p.run.LogTx(ctx, tx, activity.Entry{
			Level: activity.Info, Code: activity.AgreementCreated, Title: fmt.Sprintf("Agreement %q was created", agreement.Name),
			Details: fmt.Sprintf("Number %d, for contract %s, from %s on.", agreement.ID, a.Number, agreement.StartDate),
			Subject: &activity.Subject{Kind: "CONTRACT", ID: a.Contract},
		})
	})
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.known[agreement.ID] = agreement
	return nil
}

func (p *posting) loseAgreement(ctx context.Context, a agreementless) error {
	return p.keep(ctx, func(ctx context.Context, tx *postgres.Tx) (jobs.Counts, error) {
		_, err := tx.ExecContext(ctx, `
			UPDATE created_agreement
			SET state = 'UNCONFIRMED'
			WHERE seller_id = $1 AND contract_id = $2 AND company_id = $3 AND state = 'SENDING'`, p.seller, a.Contract, a.Company)
		if err != nil {
			return jobs.Counts{}, fmt.Errorf("note that an answer was lost: %w", err)
		}
		return jobs.Counts{}, nil
	})
}

// forgetAgreement notes that an agreement was not created.
func (p *posting) forgetAgreement(ctx context.Context, a agreementless) error {
	return p.keep(ctx, func(ctx context.Context, tx *postgres.Tx) (jobs.Counts, error) {
		_, err := tx.ExecContext(ctx, `
			DELETE FROM created_agreement
			WHERE seller_id = $1 AND contract_id = $2 AND company_id = $3 AND state <> 'DONE'`, p.seller, a.Contract, a.Company)
		if err != nil {
			return jobs.Counts{}, fmt.Errorf("forget an agreement: %w", err)
		}
		return jobs.Counts{}, nil
	})
}

// failContract fails the items of a contract for which there can be no agreement.
func (p *posting) failContract(ctx context.Context, a agreementless, why refusal) error {
	if err := p.failItems(ctx, why, `i.agreement_id IS NULL AND i.contract_id = $3 AND i.company_id = $4`, a.Contract, a.Company); err != nil {
		return err
	}
	return p.run.Log(ctx, activity.Entry{
		Level: activity.Error, Code: activity.AgreementCreateFailed, Title: "No agreement could be created for contract " + a.Number,
		Details: why.Message, Subject: &activity.Subject{Kind: "CONTRACT", ID: a.Contract},
	})
}

// lostAgain counts how often the creation of a contract's agreement was lost in this attempt.
func (p *posting) lostAgain(contract int64) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.agreementLosses[contract]++
	return p.agreementLosses[contract]
}

// lostAgreement is an agreement whose creation was not answered.
type lostAgreement struct {
	agreementless
	LookedBefore bool `db:"looked_before"`
}

// settleAgreements looks for agreements whose creation was not answered. Searches lag behind writes, so all
// agreements are listed, once for all that are looked for, and while nobody else creates them.
func (p *posting) settleAgreements(ctx context.Context) error {
	lost, err := p.lostAgreements(ctx)
	if err != nil || len(lost) == 0 {
		return err
	}
	for _, a := range lost {
		if err := p.locks.Lock(ctx, a.lock()); err != nil {
			return err
		}
		defer func() { _ = p.locks.Unlock(a.lock()) }()
	}
	found := make(map[lostAgreement]psa.Agreement)
	err = p.patiently(ctx, func() error {
		clear(found)
		return p.client.Agreements(ctx, func(page []psa.Agreement) error {
			for _, a := range lost {
				if agreement, ok := a.among(page, p.today); ok && found[a].ID == 0 {
					found[a] = agreement
				}
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	for _, a := range lost {
		if err := p.settleAgreement(ctx, a, found[a]); err != nil {
			return err
		}
	}
	return nil
}

// lostAgreements returns those that can be looked for now, at most one for each contract.
func (p *posting) lostAgreements(ctx context.Context) (lost []lostAgreement, err error) {
	err = p.db.Read(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		return tx.SelectContext(ctx, &lost, `
			SELECT DISTINCT ON (c.contract_id) c.contract_id, c.company_id, t.platform_id, o.id AS organization_id, o.name AS organization_name, t.currency,
				$3::date AS charge_start, c.name, c.looked_at IS NOT NULL AS looked_before
			FROM created_agreement c
			JOIN contract t ON t.seller_id = c.seller_id AND t.id = c.contract_id
			JOIN organization o ON o.seller_id = t.seller_id AND o.id = t.organization_id
			WHERE c.seller_id = $1
				AND c.state = 'UNCONFIRMED'
				AND (c.looked_at IS NULL OR c.looked_at + $2 * interval '1 millisecond' <= now())
			ORDER BY c.contract_id, c.company_id`, p.seller, p.delay().Milliseconds(), p.today)
	})
	if err != nil {
		return nil, fmt.Errorf("read lost agreements: %w", err)
	}
	return lost, nil
}

func (p *posting) settleAgreement(ctx context.Context, a lostAgreement, found psa.Agreement) error {
	switch {
	case found.ID != 0:
		return p.haveAgreement(ctx, a.agreementless, found, true)
	case a.LookedBefore:
		if err := p.forgetAgreement(ctx, a.agreementless); err != nil {
			return err
		}
		if p.lostAgain(a.Contract) < losses {
			return nil
		}
		return p.failContract(ctx, a.agreementless, refusal{Refused, "ConnectWise broke off each time an agreement for the contract was created, and does not have it. " +
			"Map the contract to an agreement, or post again later."})
	}
	return p.keep(ctx, func(ctx context.Context, tx *postgres.Tx) (jobs.Counts, error) {
		_, err := tx.ExecContext(ctx, `
			UPDATE created_agreement
			SET looked_at = coalesce(looked_at, now())
			WHERE seller_id = $1 AND contract_id = $2 AND company_id = $3 AND state = 'UNCONFIRMED'`, p.seller, a.Contract, a.Company)
		if err != nil {
			return jobs.Counts{}, fmt.Errorf("note a look for an agreement: %w", err)
		}
		return jobs.Counts{}, nil
	})
}

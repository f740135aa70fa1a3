package connectwise

import (
	"fmt"

	"crosswalk/internal/civil"
)

// operator is who changes things in ConnectWise's own screens.
const operator = "jdoe"

// The methods below do what people working in ConnectWise do. They fail when the record does not exist.

// RenameCompany gives a company another name.
func (s *Simulator) RenameCompany(id int, name string) error {
	return s.edit("company", id, map[string]any{"name": name})
}

// SetCompanyStatus gives a company the status of a name, which is made when it does not exist.
func (s *Simulator) SetCompanyStatus(id int, status string) error {
	s.mu.Lock()
	value := s.tenant.named("companyStatus", status, operator)
	s.mu.Unlock()
	return s.edit("company", id, map[string]any{"status": value})
}

// SetCompanyIdentifier gives a company another identifier.
func (s *Simulator) SetCompanyIdentifier(id int, identifier string) error {
	return s.edit("company", id, map[string]any{"identifier": identifier})
}

// RemoveDefaultContact takes the default contact from a company.
func (s *Simulator) RemoveDefaultContact(id int) error {
	return s.edit("company", id, map[string]any{"defaultContact": nil})
}

// DeleteCompany moves a company to the recycle bin: it stays readable, with deletedFlag.
func (s *Simulator) DeleteCompany(id int) error {
	return s.edit("company", id, map[string]any{
		"deletedFlag": true, "dateDeleted": s.tenant.instant(), "deletedBy": operator,
	})
}

// RestoreCompany takes a company out of the recycle bin.
func (s *Simulator) RestoreCompany(id int) error {
	return s.edit("company", id, map[string]any{"deletedFlag": false, "dateDeleted": nil, "deletedBy": nil})
}

// PurgeCompany removes a company for good. Its agreements stay, and point nowhere.
func (s *Simulator) PurgeCompany(id int) error { return s.purge("company", id) }

// PurgeProduct removes a product for good. Additions of it stay, and point nowhere.
func (s *Simulator) PurgeProduct(id int) error { return s.purge("catalogItem", id) }

// PurgeAgreement removes an agreement and its additions for good.
func (s *Simulator) PurgeAgreement(id int) error { return s.purge("agreement", id) }

// DeleteAddition removes a line from its agreement.
func (s *Simulator) DeleteAddition(id int) error { return s.purge("addition", id) }

// RenameProduct gives a product another description, which is the name people see.
func (s *Simulator) RenameProduct(id int, description string) error {
	return s.edit("catalogItem", id, map[string]any{"description": description})
}

// DeactivateProduct takes a product out of use.
func (s *Simulator) DeactivateProduct(id int) error {
	return s.edit("catalogItem", id, map[string]any{"inactiveFlag": true})
}

// RenameAgreement gives an agreement another name.
func (s *Simulator) RenameAgreement(id int, name string) error {
	return s.edit("agreement", id, map[string]any{"name": name})
}

// CancelAgreement cancels an agreement from a day on. It then takes no more additions.
func (s *Simulator) CancelAgreement(id int, from civil.Date) error {
	return s.edit("agreement", id, map[string]any{"cancelledFlag": true, "dateCancelled": dateValueOf(from)})
}

// EndAgreement ends an agreement with a day.
func (s *Simulator) EndAgreement(id int, last civil.Date) error {
	return s.edit("agreement", id, map[string]any{"endDate": dateValueOf(last), "noEndingDateFlag": false})
}

// SetAgreementCurrency moves an agreement to the currency with an ISO 4217 code; an empty one takes its currency away.
func (s *Simulator) SetAgreementCurrency(id int, code string) error {
	s.mu.Lock()
	value := s.tenant.referTo("currency", "currencyIdentifier", code)
	s.mu.Unlock()
	if code != "" && value == nil {
		return fmt.Errorf("currency %s is not set up", code)
	}
	return s.edit("agreement", id, map[string]any{"currency": value})
}

// MoveAgreement gives an agreement to another company.
func (s *Simulator) MoveAgreement(id, company int) error {
	to, exists := s.CompanyByID(company)
	if !exists {
		return fmt.Errorf("company %d does not exist", company)
	}
	return s.edit("agreement", id, map[string]any{"company": reference{id: int64(company), name: to.Name}})
}

// MarkInvoiced says that everything before a day is invoiced: the agreement's nextInvoiceDate moves there.
func (s *Simulator) MarkInvoiced(agreement int, next civil.Date) error {
	return s.edit("agreement", agreement, map[string]any{"nextInvoiceDate": dateValueOf(next)})
}

// DeactivateAgreementType takes an agreement type out of use.
func (s *Simulator) DeactivateAgreementType(id int) error {
	return s.edit("agreementType", id, map[string]any{"inactiveFlag": true})
}

// CancelAddition ends a line with a day.
func (s *Simulator) CancelAddition(id int, last civil.Date) error {
	return s.edit("addition", id, map[string]any{"cancelledDate": dateValueOf(last)})
}

// edit changes fields of a record.
func (s *Simulator) edit(kind string, id int, values map[string]any) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.tenant.collections[kind]
	before := c.find(int64(id))
	if before == nil {
		return fmt.Errorf("%s %d does not exist", c.title, id)
	}
	after := before.clone()
	for name, value := range values {
		c.set(after, name, value)
	}
	s.tenant.store(c, after, operator)
	return nil
}

func (s *Simulator) purge(kind string, id int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.tenant.collections[kind]
	found := c.find(int64(id))
	if found == nil {
		return fmt.Errorf("%s %d does not exist", c.title, id)
	}
	s.tenant.remove(c, found)
	return nil
}

package connectwise

// The schemas of the company module.

func companySchema() *schema {
	return &schema{
		name: "company", title: "Company", path: "company/companies", hrefName: "company_href",
		shown: []string{"identifier", "name"}, unique: "identifier", recycled: true,
		related: []link{
			{"contacts_href", "company/contacts?conditions=company/id=%d"},
			{"agreements_href", "finance/agreements?conditions=company/id=%d"},
			{"tickets_href", "service/tickets?conditions=company/id=%d"},
			{"opportunities_href", "sales/opportunities?conditions=company/id=%d"},
			{"activities_href", "sales/activities?conditions=company/id=%d"},
			{"projects_href", "project/projects?conditions=company/id=%d"},
			{"configurations_href", "company/configurations?conditions=company/id=%d"},
			{"orders_href", "sales/orders?conditions=company/id=%d"},
			{"documents_href", "system/documents?recordType=Company&recordId=%d"},
			{"sites_href", "company/companies/%d/sites"},
			{"teams_href", "company/companies/%d/teams"},
			{"reports_href", "company/companies/%d/managementSummaryReports"},
			{"notes_href", "company/companies/%d/notes"},
		},
		fields: join(
			required(texts(30, "identifier")),
			required(texts(50, "name")),
			referencesTo("companyStatus", "status"),
			texts(50, "addressLine1", "addressLine2", "city", "state"),
			texts(12, "zip"),
			referencesTo("country", "country"),
			texts(30, "phoneNumber", "faxNumber"),
			texts(255, "website"),
			anything("territory", "market"),
			texts(0, "accountNumber"),
			referencesTo("contact", "defaultContact"),
			moments("dateAcquired"),
			anything("sicCode"),
			referencesTo("company", "parentCompany"),
			numbers("annualRevenue"),
			integers("numberOfEmployees"),
			with(integers("yearEstablished", "revenueYear"), func(f *field) { f.least, f.most = 1900, 9999 }),
			anything("ownershipType", "timeZoneSetup", "calendar", "taxCode", "invoiceTemplate", "pricingSchedule",
				"companyEntityType", "invoiceDeliveryMethod", "territoryManager", "billingSite"),
			texts(50, "leadSource"),
			flags("leadFlag", "unsubscribeFlag"),
			texts(50, "userDefinedField1", "userDefinedField2", "userDefinedField3", "userDefinedField4", "userDefinedField5",
				"userDefinedField6", "userDefinedField7", "userDefinedField8", "userDefinedField9", "userDefinedField10"),
			texts(0, "vendorIdentifier", "taxIdentifier", "resellerIdentifier", "invoiceToEmailAddress",
				"invoiceCCEmailAddress", "facebookUrl", "twitterUrl", "linkedInUrl"),
			referencesTo("billingTerms", "billingTerms"),
			referencesTo("company", "billToCompany"),
			referencesTo("contact", "billingContact"),
			readOnly(flags("deletedFlag")),
			readOnly(moments("dateDeleted")),
			readOnly(texts(0, "deletedBy", "mobileGuid")),
			referencesTo("currency", "currency"),
			flags("isVendorFlag"),
			numbers("creditLimit", "additionalDebt"),
			[]field{{name: "types", kind: referenceList, target: "companyType", createOnly: "typeIds"}},
			anything("site"),
			[]field{{name: "integratorTags", kind: textList}},
			customFields(),
		),
		complete: completeCompany,
	}
}

func contactSchema() *schema {
	return &schema{
		name: "contact", title: "Contact", path: "company/contacts", hrefName: "contact_href", shown: []string{"name"},
		fields: join(
			required(texts(30, "firstName")),
			texts(30, "lastName"),
			computed("name", textValue, contactName),
			referencesTo("company", "company"),
			texts(100, "title"),
			flags("inactiveFlag", "defaultFlag", "disablePortalLoginFlag", "unsubscribeFlag"),
			customFields(),
		),
	}
}

func companyStatusSchema() *schema {
	return &schema{
		name: "companyStatus", title: "Company status", path: "company/companies/statuses", hrefName: "status_href", shown: []string{"name"},
		fields: join(
			required(texts(50, "name")),
			flags("defaultFlag", "inactiveFlag", "notifyFlag", "disallowSavingFlag"),
			texts(500, "notificationMessage"),
			flags("customNoteFlag", "cancelOpenTracksFlag"),
			anything("track"),
		),
	}
}

func companyTypeSchema() *schema {
	return &schema{
		name: "companyType", title: "Company type", path: "company/companies/types", hrefName: "type_href", shown: []string{"name"},
		fields: join(
			required(texts(50, "name")),
			flags("defaultFlag", "vendorFlag", "serviceAlertFlag"),
			texts(150, "serviceAlertMessage"),
		),
	}
}

func countrySchema() *schema {
	return &schema{
		name: "country", title: "Country", path: "company/countries", hrefName: "country_href", shown: []string{"name"},
		fields: join(required(texts(50, "name")), flags("defaultFlag")),
	}
}

package connectwise

// The schemas of the finance module.

func agreementStatuses() []string { return []string{"Active", "Cancelled", "Expired", "Inactive"} }

// billingRules are the members that an agreement and its type share; an agreement takes over its type's.
func billingRules() []field {
	billing := []string{"Billable", "DoNotBill", "NoCharge", "NoDefault"}
	return join(
		requiredOnPut(enumeration("invoicingCycle", nil, "ContractYear", "CalendarYear")),
		requiredOnPut(enumeration("employeeCompRate", nil, "Actual", "Hourly")),
		enumeration("employeeCompNotExceed", nil, "Billing", "Amount", "Percent"),
		requiredOnPut(enumeration("billTime", nil, billing...)),
		requiredOnPut(enumeration("billExpenses", nil, billing...)),
		requiredOnPut(enumeration("billProducts", nil, billing...)),
		referencesTo("billingCycle", "billingCycle"),
		referencesTo("billingTerms", "billingTerms"),
		anything("location", "department"),
		enumeration("applicationUnits", nil, "Amount", "Hours", "Incidents"),
		named(field{kind: booleanValue}, []string{"prorateFlag", "autoInvoiceFlag", "invoiceProratedAdditionsFlag"}),
	)
}

func agreementSchema() *schema {
	return &schema{
		name: "agreement", title: "Agreement", path: "finance/agreements", hrefName: "agreement_href", shown: []string{"name"},
		related: []link{
			{"additions_href", "finance/agreements/%d/additions"},
			{"adjustments_href", "finance/agreements/%d/adjustments"},
			{"sites_href", "finance/agreements/%d/sites"},
		},
		fields: join(
			required(texts(100, "name")),
			required(referencesTo("agreementType", "type")),
			required(referencesTo("company", "company")),
			required(referencesTo("contact", "contact")),
			anything("site", "subContractContact", "opportunity", "sla", "taxCode", "workRole", "workType", "projectType",
				"invoiceTemplate", "companyLocation", "billToSite", "shipToSite"),
			referencesTo("company", "subContractCompany", "billToCompany", "shipToCompany"),
			referencesTo("contact", "billToContact", "shipToContact"),
			referencesTo("agreement", "parentAgreement"),
			texts(50, "customerPO"), texts(20, "workOrder"), texts(0, "internalNotes"),
			dates("startDate", "endDate"),
			named(field{kind: booleanValue}, []string{"noEndingDateFlag"}),
			flags("cancelledFlag"),
			dates("dateCancelled"),
			texts(100, "reasonCancelled"),
			flags("billOneTimeFlag", "oneTimeFlag", "coverAgreementTime", "coverAgreementProduct", "coverAgreementExpense",
				"coverSalesTax", "carryOverUnused", "allowOverruns", "expireWhenZero", "chargeToFirm", "applicationUnlimitedFlag",
				"restrictLocationFlag", "restrictDepartmentFlag", "taxable", "restrictDownPayment", "topComment",
				"bottomComment", "billableTimeInvoice", "billableExpenseInvoice", "billableProductInvoice"),
			integers("expiredDays", "limit"),
			dates("billStartDate"),
			numbers("billAmount", "prorateFirstBill", "applicationLimit", "compHourlyRate", "compLimitAmount"),
			enumeration("applicationCycle", nil, "Contract2Weeks", "Contract4Weeks", "ContractYear", "CalendarMonth",
				"CalendarQuarter", "CalendarWeek", "ContractQuarter", "CalendarYear"),
			texts(0, "invoiceDescription"),
			billingRules(),
			referencesTo("currency", "currency"),
			enumeration("periodType", "Current", "Current", "Future", "Both", "Undefined"),
			readOnly(dates("nextInvoiceDate")),
			with(computed("agreementStatus", enumerationValue, agreementStatus), func(f *field) { f.oneOf = agreementStatuses() }),
			customFields(),
		),
		complete: completeAgreement,
		verify:   verifyAgreement,
	}
}

func agreementTypeSchema() *schema {
	rules := with(billingRules(), func(f *field) {
		f.required, f.requiredOnPut = f.requiredOnPut || f.name == "employeeCompNotExceed", false
		if f.kind == booleanValue {
			f.initial = false
		}
	})
	return &schema{
		name: "agreementType", title: "Agreement type", path: "finance/agreements/types", hrefName: "type_href", shown: []string{"name"},
		fields: join(
			required(texts(50, "name")),
			flags("defaultFlag", "inactiveFlag", "oneTimeFlag", "prePaymentFlag", "taxableFlag", "coverAgreementTimeFlag",
				"coverAgreementProductFlag", "coverAgreementExpenseFlag", "coverSalesTaxFlag", "carryOverUnusedFlag",
				"allowOverrunsFlag", "expireWhenZeroFlag", "chargeToFirmFlag", "applicationUnlimitedFlag"),
			enumeration("prefixSuffixOption", nil, "Prefix", "Suffix"),
			texts(5, "invoicePreSuffix"), texts(4000, "invoiceDescription"), texts(50, "integrationXRef"),
			rules,
		),
	}
}

func additionSchema() *schema {
	return &schema{
		name: "addition", title: "Addition", path: "finance/agreements/{id}/additions", hrefName: "addition_href", parent: "agreement",
		fields: join(
			required(referencesTo("catalogItem", "product")),
			numbers("quantity", "lessIncluded", "unitPrice", "unitCost"),
			required(enumeration("billCustomer", nil, "Billable", "DoNotBill", "NoCharge")),
			dates("effectiveDate", "cancelledDate"),
			named(field{kind: booleanValue}, []string{"taxableFlag"}),
			texts(50, "serialNumber"),
			texts(6000, "invoiceDescription"),
			flags("purchaseItemFlag", "specialOrderFlag"),
			computed("agreementId", integerValue, func(_ *tenant, r *record) any { return r.parent }),
			readOnly(texts(0, "description")),
			computed("billedQuantity", numberValue, billedQuantity),
			readOnly(texts(0, "uom")),
			computed("extPrice", numberValue, extendedPrice),
			computed("extCost", numberValue, extendedCost),
			numbers("sequenceNumber"),
			computed("margin", numberValue, margin),
			readOnly(numbers("prorateCost", "proratePrice", "extendedProrateCost", "extendedProratePrice")),
			flags("prorateCurrentPeriodFlag"),
			anything("opportunity"),
			with(computed("agreementStatus", enumerationValue, additionAgreementStatus), func(f *field) { f.oneOf = agreementStatuses() }),
			anything("invoiceGrouping"),
			customFields(),
		),
		complete: completeAddition,
		verify:   verifyAddition,
	}
}

func currencySchema() *schema {
	return &schema{
		name: "currency", title: "Currency", path: "finance/currencies", hrefName: "currency_href", unique: "currencyIdentifier",
		shown: []string{"symbol", "currencyCode", "decimalSeparator", "numberOfDecimals", "thousandsSeparator",
			"negativeParenthesesFlag", "displaySymbolFlag", "currencyIdentifier", "displayIdFlag", "rightAlign", "name"},
		fields: join(
			required(texts(10, "symbol", "currencyCode", "decimalSeparator")),
			integers("numberOfDecimals"),
			texts(1, "thousandsSeparator"),
			flags("negativeParenthesesFlag", "displaySymbolFlag"),
			required(texts(10, "currencyIdentifier")),
			flags("displayIdFlag", "rightAlign"),
			required(texts(50, "name")),
		),
	}
}

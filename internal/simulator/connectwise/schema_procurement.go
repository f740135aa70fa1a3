package connectwise

// The schemas of the procurement module.

func catalogItemSchema() *schema {
	return &schema{
		name: "catalogItem", title: "Catalog item", path: "procurement/catalog", hrefName: "catalog_href",
		shown: []string{"identifier"}, unique: "identifier",
		fields: join(
			required(texts(75, "identifier")),
			required(texts(60, "description")),
			flags("inactiveFlag"),
			required(referencesTo("subcategory", "subcategory")),
			required(referencesTo("productType", "type")),
			enumeration("productClass", "NonInventory", "Agreement", "Bundle", "Inventory", "NonInventory", "Service"),
			flags("serializedFlag", "serializedCostFlag", "phaseProductFlag"),
			referencesTo("unitOfMeasure", "unitOfMeasure"),
			integers("minStockLevel"),
			numbers("price", "cost"),
			enumeration("priceAttribute", nil, "FixedFee", "NotToExceed", "OverrideRate", "TimeAndMaterials"),
			flags("taxableFlag"),
			required(texts(6000, "customerDescription")),
			anything("manufacturer"),
			texts(50, "manufacturerPartNumber"),
			referencesTo("company", "vendor"),
			texts(50, "vendorSku"),
			texts(0, "notes"),
			texts(50, "integrationXRef"),
			flags("dropShipFlag", "specialOrderFlag"),
			anything("sla", "entityType"),
			referencesTo("productCategory", "category"),
			flags("recurringFlag"),
			numbers("recurringRevenue", "recurringCost"),
			flags("recurringOneTimeFlag"),
			referencesTo("billingCycle", "recurringBillCycle"),
			enumeration("recurringCycleType", nil, "ContractYear", "CalendarYear"),
			flags("calculatedPriceFlag", "calculatedCostFlag"),
			numbers("calculatedPrice", "calculatedCost"),
			enumeration("billableOption", "Billable", "Billable", "DoNotBill", "NoCharge", "NoDefault"),
			referencesTo("agreementType", "agreementType"),
			numbers("markupPercentage"),
			flags("markupFlag", "autoUpdateUnitCostFlag", "autoUpdateUnitPriceFlag"),
			customFields(),
		),
		complete: completeCatalogItem,
		verify:   verifyCatalogItem,
	}
}

func subcategorySchema() *schema {
	return &schema{
		name: "subcategory", title: "Subcategory", path: "procurement/subcategories", hrefName: "subcategory_href", shown: []string{"name"},
		fields: join(
			required(texts(50, "name")),
			required(referencesTo("productCategory", "category")),
			flags("inactiveFlag"),
		),
	}
}

// nameSchema is for set-up records that are little more than a name.
func nameSchema(name, title, path, hrefName string) *schema {
	return &schema{
		name: name, title: title, path: path, hrefName: hrefName, shown: []string{"name"},
		fields: join(required(texts(50, "name")), flags("inactiveFlag", "defaultFlag")),
	}
}

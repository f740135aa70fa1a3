package activity

// Code says what an entry is about, for programs: it never changes, however titles are worded.
type Code string

// The codes of Info entries.
const (
	OrgSyncStarted   Code = "ORG_SYNC_STARTED"
	OrgSyncCompleted Code = "ORG_SYNC_COMPLETED"
	OrgsCreated      Code = "ORGS_CREATED"
	OrgsUpdated      Code = "ORGS_UPDATED"

	ProductLoadStarted   Code = "PRODUCT_LOAD_STARTED"
	ProductLoadCompleted Code = "PRODUCT_LOAD_COMPLETED"
	InvoiceLoadStarted   Code = "INVOICE_LOAD_STARTED"
	InvoiceLoadCompleted Code = "INVOICE_LOAD_COMPLETED"

	LineSyncStarted      Code = "LINE_SYNC_STARTED"
	LineSyncCompleted    Code = "LINE_SYNC_COMPLETED"
	AgreementCreated     Code = "AGREEMENT_CREATED"
	AdditionsCreated     Code = "ADDITION_CREATED"
	AdditionsUpdated     Code = "ADDITION_UPDATED"
	AdditionCancelled    Code = "ADDITION_CANCELLED"
	CancellationsSkipped Code = "CANCELLATIONS_SKIPPED"

	MappingChanged   Code = "MAPPING_CHANGED"
	MappingRemoved   Code = "MAPPING_REMOVED"
	ExclusionChanged Code = "EXCLUSION_CHANGED"
	LinesChanged     Code = "LINES_CHANGED"
	RuleChanged      Code = "RULE_CHANGED"
	AutoSyncToggled  Code = "AUTO_SYNC_TOGGLED"
	AutoSyncUnneeded Code = "AUTO_SYNC_UNNEEDED"
	SettingsChanged  Code = "SETTINGS_CHANGED"
	CredentialsSaved Code = "CREDENTIALS_SAVED"
	JobCancelled     Code = "JOB_CANCELLED"
	JobResumed       Code = "JOB_RESUMED"
)

// The codes of Warning entries.
const (
	OrganizationNotInFeed Code = "ORGANIZATION_NOT_IN_FEED"
	ContractNotInFeed     Code = "CONTRACT_NOT_IN_FEED"
	LinesNotInFeed        Code = "LINES_NOT_IN_FEED"
	InvoiceNotInFeed      Code = "INVOICE_NOT_IN_FEED"
	UnknownChargeType     Code = "UNKNOWN_CHARGE_TYPE"
	TotalMismatch         Code = "TOTAL_MISMATCH"
	DuplicateLine         Code = "DUPLICATE_LINE"
	AutoSyncMissed        Code = "AUTO_SYNC_MISSED"
	AutoSyncNotReady      Code = "AUTO_SYNC_NOT_READY"

	LinesSkippedUnmapped   Code = "LINES_SKIPPED_UNMAPPED"
	LinesSkippedExcluded   Code = "LINES_SKIPPED_EXCLUDED"
	LinesSkippedChanged    Code = "LINES_SKIPPED_CHANGED"
	LinesSkippedWaiting    Code = "LINES_SKIPPED_WAITING"
	AgreementRequired      Code = "AGREEMENT_REQUIRED"
	CurrencyMismatch       Code = "CURRENCY_MISMATCH"
	DuplicateRecurringLine Code = "DUPLICATE_RECURRING_LINE"
	SurplusAddition        Code = "SURPLUS_ADDITION"
	AdditionLeft           Code = "ADDITION_LEFT"
)

// The codes of Error entries.
const (
	PSAAuthFailed         Code = "PSA_AUTH_FAILED"
	PSAUnavailable        Code = "PSA_UNAVAILABLE"
	PSARateLimited        Code = "PSA_RATE_LIMITED"
	AgreementCreateFailed Code = "AGREEMENT_CREATE_FAILED"
	AdditionWriteFailed   Code = "ADDITION_WRITE_FAILED"

	PlatformLoadFailed Code = "PLATFORM_LOAD_FAILED"
	JobFailed          Code = "JOB_FAILED"
)

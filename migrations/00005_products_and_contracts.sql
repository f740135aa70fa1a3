-- Offers with the product each is mapped to, contracts with the agreement each is mapped to, and the mirror
-- of both kinds of ConnectWise record.

-- +goose Up
CREATE TABLE psa_product (
	seller_id         bigint NOT NULL REFERENCES seller,
	record_id         int NOT NULL,
	identifier        text NOT NULL COLLATE alphabetical,
	description       text NOT NULL COLLATE alphabetical,
	category          text COLLATE alphabetical,
	price             numeric,
	cost              numeric,
	inactive          boolean NOT NULL DEFAULT false,
	deleted           boolean NOT NULL DEFAULT false,
	last_updated      timestamptz,
	mirrored_at       timestamptz NOT NULL DEFAULT now(),
	search_text       text COLLATE "C" NOT NULL
		GENERATED ALWAYS AS (lower(description || chr(31) || identifier)) STORED,
	-- The Products tab searches the identifier and not the description.
	identifier_search text COLLATE "C" NOT NULL GENERATED ALWAYS AS (lower(identifier)) STORED,
	PRIMARY KEY (seller_id, record_id)
);
CREATE INDEX psa_product_by_description ON psa_product (seller_id, description, record_id);
CREATE INDEX psa_product_by_search ON psa_product USING gin (seller_id, search_text gin_trgm_ops);

CREATE TABLE psa_agreement (
	seller_id       bigint NOT NULL REFERENCES seller,
	record_id       int NOT NULL,
	name            text NOT NULL COLLATE alphabetical,
	type            text COLLATE alphabetical,
	type_id         int,
	company_id      int NOT NULL,
	start_date      date,
	end_date        date,
	bill_start_date date,
	cancelled       boolean NOT NULL DEFAULT false,
	currency        text,
	deleted         boolean NOT NULL DEFAULT false,
	last_updated    timestamptz,
	mirrored_at     timestamptz NOT NULL DEFAULT now(),
	search_text     text COLLATE "C" NOT NULL
		GENERATED ALWAYS AS (lower(name || chr(31) || record_id::text)) STORED,
	PRIMARY KEY (seller_id, record_id)
);
CREATE INDEX psa_agreement_by_name ON psa_agreement (seller_id, name, record_id);
CREATE INDEX psa_agreement_by_company ON psa_agreement (seller_id, company_id, name, record_id);
CREATE INDEX psa_agreement_by_search ON psa_agreement USING gin (seller_id, search_text gin_trgm_ops);

CREATE TABLE vendor (
	seller_id   bigint NOT NULL REFERENCES seller,
	id          bigint GENERATED ALWAYS AS IDENTITY,
	platform_id text NOT NULL,
	name        text NOT NULL COLLATE alphabetical,
	PRIMARY KEY (seller_id, id),
	UNIQUE (seller_id, platform_id)
);

CREATE TABLE offer (
	seller_id      bigint NOT NULL REFERENCES seller,
	id             bigint GENERATED ALWAYS AS IDENTITY,
	platform_id    text NOT NULL,
	name           text NOT NULL COLLATE alphabetical,
	external_id    text,
	vendor_id      bigint NOT NULL,
	-- The offer that stands for the lines of custom invoices has no identifier at any vendor.
	is_custom      boolean NOT NULL GENERATED ALWAYS AS (name = 'Offer for Default Subscription' COLLATE "C") STORED,
	psa_product_id int,
	revision       int NOT NULL DEFAULT 1,
	mapped_at      timestamptz,
	mapped_by      text,
	created_at     timestamptz NOT NULL DEFAULT now(),
	updated_at     timestamptz NOT NULL DEFAULT now(),
	search_text    text COLLATE "C" NOT NULL GENERATED ALWAYS AS
		(lower(name || chr(31) || platform_id || chr(31) || coalesce(external_id, '') COLLATE alphabetical)) STORED,
	PRIMARY KEY (seller_id, id),
	UNIQUE (seller_id, platform_id),
	FOREIGN KEY (seller_id, vendor_id) REFERENCES vendor (seller_id, id),
	FOREIGN KEY (seller_id, psa_product_id) REFERENCES psa_product (seller_id, record_id),
	CHECK ((psa_product_id IS NULL) = (mapped_at IS NULL)),
	CHECK ((psa_product_id IS NULL) = (mapped_by IS NULL))
);
CREATE INDEX offer_by_name ON offer (seller_id, name, id);
CREATE INDEX offer_by_vendor ON offer (seller_id, vendor_id, id);
CREATE INDEX offer_by_product ON offer (seller_id, psa_product_id, id);
CREATE INDEX offer_by_mapping ON offer (seller_id, (psa_product_id IS NULL), id);
CREATE INDEX offer_by_search ON offer USING gin (seller_id, search_text gin_trgm_ops);

CREATE TABLE contract (
	seller_id         bigint NOT NULL REFERENCES seller,
	id                bigint GENERATED ALWAYS AS IDENTITY,
	platform_id       text NOT NULL,
	organization_id   bigint NOT NULL,
	currency          text NOT NULL,
	billing_cycle_day int NOT NULL,
	contract_type     text,
	psa_agreement_id  int,
	revision          int NOT NULL DEFAULT 1,
	mapped_at         timestamptz,
	mapped_by         text,
	created_at        timestamptz NOT NULL DEFAULT now(),
	updated_at        timestamptz NOT NULL DEFAULT now(),
	search_text       text COLLATE "C" NOT NULL GENERATED ALWAYS AS (lower(platform_id COLLATE alphabetical)) STORED,
	PRIMARY KEY (seller_id, id),
	UNIQUE (seller_id, platform_id),
	FOREIGN KEY (seller_id, organization_id) REFERENCES organization (seller_id, id),
	FOREIGN KEY (seller_id, psa_agreement_id) REFERENCES psa_agreement (seller_id, record_id),
	CHECK ((psa_agreement_id IS NULL) = (mapped_at IS NULL)),
	CHECK ((psa_agreement_id IS NULL) = (mapped_by IS NULL))
);
CREATE INDEX contract_by_organization ON contract (seller_id, organization_id, platform_id, id);
CREATE INDEX contract_by_agreement ON contract (seller_id, psa_agreement_id, id);
CREATE INDEX contract_by_mapping ON contract (seller_id, (psa_agreement_id IS NULL), id);
CREATE INDEX contract_by_search ON contract USING gin (seller_id, search_text gin_trgm_ops);

SELECT keep_mapping_totals('offer', 'OFFER', 'psa_product_id');
SELECT keep_mapping_totals('contract', 'CONTRACT', 'psa_agreement_id');

SELECT isolate_sellers('psa_product');
SELECT isolate_sellers('psa_agreement');
SELECT isolate_sellers('vendor');
SELECT isolate_sellers('offer');
SELECT isolate_sellers('contract');

-- +goose Down
DROP TABLE contract, offer, vendor, psa_agreement, psa_product;

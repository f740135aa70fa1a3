-- Invoice lines as the Platform bills them. A line stores what the invoice says, the dates a rule computed when it
-- was loaded and what a user set; its company, agreement and product are resolved from organization,
-- contract and offer whenever somebody asks, until it is posted.

-- +goose Up
CREATE TABLE invoice (
	seller_id   bigint NOT NULL REFERENCES seller,
	id          bigint GENERATED ALWAYS AS IDENTITY,
	platform_id text NOT NULL,
	number      text NOT NULL,
	date        date NOT NULL,
	period      date NOT NULL,
	status      text NOT NULL,
	-- True while the Platform lists the invoice with a status that freezes its data.
	valid       boolean NOT NULL,
	custom      boolean NOT NULL,
	currency    text NOT NULL,
	PRIMARY KEY (seller_id, id),
	UNIQUE (seller_id, platform_id),
	CHECK (period = date_trunc('month', date::timestamp)::date)
);
CREATE INDEX invoice_by_period ON invoice (seller_id, period, id);

CREATE TABLE invoice_line (
	seller_id          bigint NOT NULL REFERENCES seller,
	id                 bigint GENERATED ALWAYS AS IDENTITY,
	platform_id        text NOT NULL COLLATE "C",
	period             date NOT NULL,
	invoice_id         bigint NOT NULL,
	invoice_number     text NOT NULL COLLATE alphabetical,
	invoice_date       date NOT NULL,
	organization_id    bigint NOT NULL,
	contract_id        bigint NOT NULL,
	offer_id           bigint NOT NULL,
	subscription_id    text,
	subscription_name  text COLLATE alphabetical,
	subscription_start date,
	subscription_end   date,
	description        text NOT NULL,
	charge_type        text NOT NULL,
	charge_type_text   text NOT NULL,
	custom             boolean NOT NULL,
	quantity           numeric NOT NULL,
	unit_price         numeric NOT NULL,
	unit_cost          numeric,
	amount             numeric NOT NULL,
	currency           text NOT NULL,
	invoiced_start     date,
	invoiced_end       date,
	-- What a rule computed when the line was loaded. A rule may say that there is no end, so that it spoke is
	-- kept beside what it said.
	ruled_start        date,
	ruled_end          date,
	end_is_ruled       boolean NOT NULL DEFAULT false,
	-- What a user set; it wins.
	chosen_start       date,
	chosen_end         date,
	-- An agreement chosen for this line alone.
	psa_agreement_id   int,
	-- False when the Platform does not list the line any more.
	listed             boolean NOT NULL DEFAULT true,
	state              text NOT NULL DEFAULT 'OPEN'
		CHECK (state IN ('OPEN', 'SYNCING', 'UNCONFIRMED', 'SYNCED', 'FAILED')),
	revision           int NOT NULL DEFAULT 1,
	loaded_at          timestamptz NOT NULL DEFAULT now(),
	-- Only a line of a subscription that is charged each cycle can keep one Addition going; what custom invoices
	-- bill never does.
	recurring          boolean NOT NULL GENERATED ALWAYS AS
		(NOT custom AND subscription_id IS NOT NULL AND charge_type IN ('CYCLE_FEE', 'PURCHASE_FEE')) STORED,
	charge_start       date NOT NULL GENERATED ALWAYS AS
		(coalesce(chosen_start, ruled_start, invoiced_start, invoice_date)) STORED,
	charge_end         date GENERATED ALWAYS AS (CASE
		WHEN chosen_end IS NOT NULL THEN chosen_end
		WHEN end_is_ruled THEN ruled_end
		WHEN NOT custom AND subscription_id IS NOT NULL AND charge_type IN ('CYCLE_FEE', 'PURCHASE_FEE') THEN NULL
		ELSE (date_trunc('month', coalesce(chosen_start, ruled_start, invoiced_start, invoice_date)::timestamp)
			+ interval '1 month' - interval '1 day')::date
	END) STORED,
	search_text        text COLLATE "C" NOT NULL GENERATED ALWAYS AS
		(lower(coalesce(subscription_name, '') || chr(31) || invoice_number)) STORED,
	PRIMARY KEY (seller_id, id),
	UNIQUE (seller_id, platform_id),
	FOREIGN KEY (seller_id, invoice_id) REFERENCES invoice (seller_id, id),
	FOREIGN KEY (seller_id, organization_id) REFERENCES organization (seller_id, id),
	FOREIGN KEY (seller_id, contract_id) REFERENCES contract (seller_id, id),
	FOREIGN KEY (seller_id, offer_id) REFERENCES offer (seller_id, id),
	FOREIGN KEY (seller_id, psa_agreement_id) REFERENCES psa_agreement (seller_id, record_id)
);
CREATE INDEX invoice_line_by_date ON invoice_line (seller_id, period, invoice_date, invoice_number, id);
CREATE INDEX invoice_line_by_organization ON invoice_line (seller_id, organization_id, period, id);
CREATE INDEX invoice_line_by_contract ON invoice_line (seller_id, contract_id, period, id);
CREATE INDEX invoice_line_by_offer ON invoice_line (seller_id, offer_id, period, id);
CREATE INDEX invoice_line_by_invoice ON invoice_line (seller_id, invoice_id, id);
CREATE INDEX invoice_line_by_search ON invoice_line USING gin (seller_id, period, search_text gin_trgm_ops);

-- The months that have been loaded.
CREATE TABLE invoice_period (
	seller_id  bigint NOT NULL REFERENCES seller,
	period     date NOT NULL,
	line_count int NOT NULL,
	loaded_at  timestamptz NOT NULL,
	PRIMARY KEY (seller_id, period)
);

SELECT isolate_sellers('invoice');
SELECT isolate_sellers('invoice_line');
SELECT isolate_sellers('invoice_period');

-- +goose Down
DROP TABLE invoice_period, invoice_line, invoice;

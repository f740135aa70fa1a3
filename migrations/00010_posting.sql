-- Posting: what became of each line in ConnectWise, and the journal that keeps an Addition from being sent twice.

-- +goose Up
ALTER TABLE invoice_line
	-- The Addition the line is part of, once that is certain.
	ADD COLUMN addition_id bigint,
	ADD COLUMN synced_at timestamptz,
	-- Why the last attempt to post it was refused.
	ADD COLUMN sync_error_code text,
	ADD COLUMN sync_error text,
	-- Where it was sent, from the moment that was decided on: mappings that change later do not change these.
	ADD COLUMN posted_company_id int,
	ADD COLUMN posted_agreement_id int,
	ADD COLUMN posted_product_id int,
	ADD COLUMN posted_agreement_origin text;

-- An Addition of ours. A lasting one stands for a subscription and is changed month after month; the others stand
-- for one line each. The marker is derived from what it stands for and written into the Addition, so that it
-- is found again when the answer to its creation is lost.
CREATE TABLE addition (
	seller_id           bigint NOT NULL REFERENCES seller,
	id                  bigint GENERATED ALWAYS AS IDENTITY,
	marker              text NOT NULL,
	subscription_id     text,
	-- A lasting Addition that was ended may be followed by another one.
	generation          int NOT NULL DEFAULT 1,
	-- True for the lasting Addition that the next line of its subscription changes.
	current             boolean NOT NULL,
	-- The line whose values it has.
	line_id             bigint NOT NULL,
	organization_id     bigint NOT NULL,
	contract_id         bigint NOT NULL,
	agreement_id        int NOT NULL,
	product_id          int NOT NULL,
	-- The values below are as ConnectWise confirmed them last; there are none before the first time.
	record_id           int,
	product_identifier  text,
	description         text,
	invoice_description text,
	quantity            numeric,
	unit_price          numeric,
	unit_cost           numeric,
	effective_date      date,
	cancelled_date      date,
	bill_customer       text,
	written_at          timestamptz,
	PRIMARY KEY (seller_id, id),
	UNIQUE (seller_id, marker),
	CHECK (NOT current OR subscription_id IS NOT NULL),
	FOREIGN KEY (seller_id, line_id) REFERENCES invoice_line (seller_id, id)
);
CREATE UNIQUE INDEX addition_current ON addition (seller_id, subscription_id) WHERE current;
CREATE UNIQUE INDEX addition_by_subscription ON addition (seller_id, subscription_id, generation) WHERE subscription_id IS NOT NULL;
CREATE UNIQUE INDEX addition_by_record ON addition (seller_id, agreement_id, record_id) WHERE record_id IS NOT NULL;
CREATE INDEX addition_by_line ON addition (seller_id, line_id);

-- The journal: a row is committed before anything is sent and says what ConnectWise is to have afterwards.
--   SENDING      it may be on its way, or was when its sender died
--   UNCONFIRMED  its answer was lost; looked_at is when the first look did not find it
--   DONE         ConnectWise has it
--   REFUSED      ConnectWise said no
--   DROPPED      it was not sent, or is certain not to have arrived
CREATE TABLE addition_write (
	seller_id           bigint NOT NULL REFERENCES seller,
	id                  bigint GENERATED ALWAYS AS IDENTITY,
	addition_id         bigint NOT NULL,
	-- The line it is for; cancellations are for none.
	line_id             bigint,
	job_id              bigint,
	operation           text NOT NULL CHECK (operation IN ('CREATE', 'CHANGE', 'END')),
	agreement_id        int NOT NULL,
	product_id          int NOT NULL,
	quantity            numeric,
	unit_price          numeric,
	unit_cost           numeric,
	effective_date      date,
	cancelled_date      date,
	invoice_description text,
	state               text NOT NULL DEFAULT 'SENDING'
		CHECK (state IN ('SENDING', 'UNCONFIRMED', 'DONE', 'REFUSED', 'DROPPED')),
	intended_at         timestamptz NOT NULL DEFAULT now(),
	looked_at           timestamptz,
	settled_at          timestamptz,
	PRIMARY KEY (seller_id, id),
	FOREIGN KEY (seller_id, addition_id) REFERENCES addition (seller_id, id)
);
-- One write at a time for each Addition.
CREATE UNIQUE INDEX addition_write_unsettled ON addition_write (seller_id, addition_id) WHERE state IN ('SENDING', 'UNCONFIRMED');
CREATE INDEX addition_write_by_line ON addition_write (seller_id, line_id, job_id);
CREATE INDEX addition_write_by_job ON addition_write (seller_id, job_id, agreement_id);
CREATE INDEX addition_write_by_addition ON addition_write (seller_id, addition_id);

-- Agreements created because a contract had none, one for each contract and company. The row is the journal too.
CREATE TABLE created_agreement (
	seller_id    bigint NOT NULL REFERENCES seller,
	contract_id  bigint NOT NULL,
	company_id   int NOT NULL,
	name         text NOT NULL,
	-- Known once ConnectWise has it.
	agreement_id int,
	state        text NOT NULL DEFAULT 'SENDING' CHECK (state IN ('SENDING', 'UNCONFIRMED', 'DONE')),
	intended_at  timestamptz NOT NULL DEFAULT now(),
	looked_at    timestamptz,
	PRIMARY KEY (seller_id, contract_id, company_id),
	FOREIGN KEY (seller_id, contract_id) REFERENCES contract (seller_id, id),
	CHECK ((state = 'DONE') = (agreement_id IS NOT NULL))
);
CREATE INDEX created_agreement_unsettled ON created_agreement (seller_id) WHERE state <> 'DONE';

-- What a run has still to post. Lines chosen by a user are noted when the run is asked for; where each goes is
-- noted when it begins, and stays so however often it is interrupted. An item goes when its line is done.
CREATE TABLE posting_item (
	seller_id        bigint NOT NULL REFERENCES seller,
	job_id           bigint NOT NULL,
	line_id          bigint NOT NULL,
	period           date,
	invoice_date     date,
	contract_id      bigint,
	company_id       int,
	-- None while it is to be created.
	agreement_id     int,
	agreement_origin text,
	product_id       int,
	-- True for the line that has the say about the lasting Addition of its subscription this month.
	lasting          boolean,
	revision         int,
	PRIMARY KEY (seller_id, job_id, line_id),
	FOREIGN KEY (seller_id, job_id) REFERENCES job (seller_id, id),
	FOREIGN KEY (seller_id, line_id) REFERENCES invoice_line (seller_id, id)
);
CREATE INDEX posting_item_by_target ON posting_item (seller_id, job_id, period, agreement_id, invoice_date, line_id);

-- Runs that have noted where their lines go.
CREATE TABLE posting_plan (
	seller_id  bigint NOT NULL REFERENCES seller,
	job_id     bigint NOT NULL,
	line_count int NOT NULL,
	planned_at timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (seller_id, job_id),
	FOREIGN KEY (seller_id, job_id) REFERENCES job (seller_id, id)
);

SELECT isolate_sellers('addition');
SELECT isolate_sellers('addition_write');
SELECT isolate_sellers('created_agreement');
SELECT isolate_sellers('posting_item');
SELECT isolate_sellers('posting_plan');

-- +goose Down
DROP TABLE posting_plan, posting_item, created_agreement, addition_write, addition;
ALTER TABLE invoice_line
	DROP COLUMN addition_id, DROP COLUMN synced_at, DROP COLUMN sync_error_code, DROP COLUMN sync_error,
	DROP COLUMN posted_company_id, DROP COLUMN posted_agreement_id, DROP COLUMN posted_product_id, DROP COLUMN posted_agreement_origin;

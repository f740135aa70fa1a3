-- The mirror: the last copy of what ConnectWise told us. Search, filters, pickers and counts run over it;
-- the rows on screen are verified live. A record that vanished keeps its row, flagged, because mappings
-- and posted lines still point at it.

-- +goose Up
CREATE TABLE psa_company (
	seller_id          bigint NOT NULL REFERENCES seller,
	record_id          int NOT NULL,
	identifier         text NOT NULL COLLATE alphabetical,
	name               text NOT NULL COLLATE alphabetical,
	status             text COLLATE alphabetical,
	currency           text,
	default_contact_id int,
	deleted            boolean NOT NULL DEFAULT false,
	last_updated       timestamptz,
	mirrored_at        timestamptz NOT NULL DEFAULT now(),
	search_text        text COLLATE "C" NOT NULL
		GENERATED ALWAYS AS (lower(name || chr(31) || identifier)) STORED,
	PRIMARY KEY (seller_id, record_id)
);
CREATE INDEX psa_company_by_name ON psa_company (seller_id, name, record_id);
CREATE INDEX psa_company_by_search ON psa_company USING gin (seller_id, search_text gin_trgm_ops);

SELECT isolate_sellers('psa_company');

-- +goose Down
DROP TABLE psa_company;

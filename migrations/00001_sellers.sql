-- Sellers are the tenants. Everything else belongs to one, and seller_id leads every key, so that the
-- database itself refuses a reference from one seller's row to another's.

-- +goose Up
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE EXTENSION IF NOT EXISTS btree_gin;

-- One order for names everywhere, independent of the server's locale: alphabetical as the Unicode
-- collation algorithm has it, so that Ärzte stands beside Arzt and case does not split a list.
CREATE COLLATION alphabetical (provider = icu, locale = 'und');

CREATE TABLE seller (
	id                    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	name                  text NOT NULL CHECK (name <> ''),
	time_zone             text NOT NULL,
	platform_url          text NOT NULL,
	platform_key_sealed   bytea NOT NULL,
	platform_token_sealed bytea NOT NULL,
	created_at            timestamptz NOT NULL DEFAULT now()
);

-- Tokens are kept as SHA-256 sums: a copy of this table opens nothing.
CREATE TABLE api_token (
	seller_id  bigint NOT NULL REFERENCES seller,
	id         bigint GENERATED ALWAYS AS IDENTITY,
	hash       bytea NOT NULL UNIQUE,
	hint       text NOT NULL,
	subject    text NOT NULL,
	role       text NOT NULL CHECK (role IN ('VIEWER', 'EDITOR', 'OPERATOR', 'ADMIN')),
	created_at timestamptz NOT NULL DEFAULT now(),
	expires_at timestamptz,
	revoked_at timestamptz,
	PRIMARY KEY (seller_id, id)
);

CREATE TABLE seller_settings (
	seller_id           bigint PRIMARY KEY REFERENCES seller,
	agreement_type_id   int,
	agreement_type_name text,
	charge_start_rule   text NOT NULL DEFAULT 'NO_RULE',
	charge_start_day    int CHECK (charge_start_day BETWEEN 1 AND 31),
	charge_end_rule     text NOT NULL DEFAULT 'NO_RULE',
	charge_end_day      int CHECK (charge_end_day BETWEEN 1 AND 31),
	daily_sync_enabled  boolean NOT NULL DEFAULT false,
	daily_sync_time     text NOT NULL DEFAULT '02:00',
	CHECK ((agreement_type_id IS NULL) = (agreement_type_name IS NULL)),
	CHECK ((charge_start_rule = 'FIXED_DAY') = (charge_start_day IS NOT NULL)),
	CHECK ((charge_end_rule = 'FIXED_DAY') = (charge_end_day IS NOT NULL))
);

-- The seller's ConnectWise. The revision tells replicas that a client they hold is out of date.
CREATE TABLE psa_connection (
	seller_id          bigint PRIMARY KEY REFERENCES seller,
	api_url            text NOT NULL,
	company_id         text NOT NULL,
	public_key         text NOT NULL,
	private_key_sealed bytea NOT NULL,
	client_id_sealed   bytea NOT NULL,
	revision           int NOT NULL DEFAULT 1,
	saved_at           timestamptz NOT NULL,
	saved_by           text NOT NULL
);

-- +goose Down
DROP TABLE psa_connection, seller_settings, api_token, seller;
DROP COLLATION alphabetical;

-- Sellers are the tenants. Everything else belongs to one, and seller_id leads every key, so that the
-- database itself refuses a reference from one seller's row to another's.

-- +goose Up
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE EXTENSION IF NOT EXISTS btree_gin;

-- One order for names everywhere, independent of the server's locale: alphabetical as the Unicode
-- collation algorithm has it, so that Ärzte stands beside Arzt and case does not split a list.
CREATE COLLATION alphabetical (provider = icu, locale = 'und');

-- The second lock: whatever a query forgets to say, a transaction sees and writes the rows of the seller that
-- crosswalk.seller_id names, and no others. Work across sellers sets it to a star. Owners and superusers are not
-- held by policies, so the gateway works as a role that owns nothing; where this migration may not create
-- roles, the policies are forced upon the owner instead.
-- +goose StatementBegin
DO $$
BEGIN
	CREATE ROLE crosswalk_app NOLOGIN;
EXCEPTION
	WHEN duplicate_object OR unique_violation OR insufficient_privilege THEN NULL;
END
$$;
DO $$
BEGIN
	EXECUTE format('GRANT crosswalk_app TO %I', current_user);
EXCEPTION
	WHEN undefined_object OR insufficient_privilege OR invalid_grant_operation OR unique_violation THEN NULL;
END
$$;

CREATE FUNCTION isolate_sellers(relation regclass, seller_column name DEFAULT 'seller_id') RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', relation);
	EXECUTE format($policy$
		CREATE POLICY seller_isolation ON %s USING (
			%I = (SELECT CASE WHEN current_setting('crosswalk.seller_id', true) ~ '^[0-9]+$'
				THEN current_setting('crosswalk.seller_id', true)::bigint END)
			OR (SELECT current_setting('crosswalk.seller_id', true) = '*'))
		$policy$, relation, seller_column);
	IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'crosswalk_app' AND pg_has_role(oid, 'MEMBER')) THEN
		EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO crosswalk_app', relation);
	ELSE
		EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', relation);
	END IF;
END
$$;
-- +goose StatementEnd

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

SELECT isolate_sellers('seller', 'id');
SELECT isolate_sellers('api_token');
SELECT isolate_sellers('seller_settings');
SELECT isolate_sellers('psa_connection');

-- +goose StatementBegin
DO $$
BEGIN
	IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'crosswalk_app' AND pg_has_role(oid, 'MEMBER')) THEN
		GRANT USAGE ON SCHEMA public TO crosswalk_app;
		GRANT USAGE ON SEQUENCE seller_id_seq TO crosswalk_app;
		GRANT SELECT ON goose_db_version TO crosswalk_app;
	END IF;
END
$$;
-- +goose StatementEnd

-- +goose Down
DROP TABLE psa_connection, seller_settings, api_token, seller;
DROP FUNCTION isolate_sellers;
DROP COLLATION alphabetical;

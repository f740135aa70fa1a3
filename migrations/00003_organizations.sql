-- Organizations of the Platform and the company each one is mapped to. The mapping lives here and nowhere
-- else: invoice lines resolve it when asked.

-- +goose Up
CREATE TABLE organization (
	seller_id          bigint NOT NULL REFERENCES seller,
	id                 bigint GENERATED ALWAYS AS IDENTITY,
	platform_id        text NOT NULL,
	name               text NOT NULL COLLATE alphabetical,
	reference_number   text NOT NULL,
	status             text NOT NULL CHECK (status IN ('NEW', 'ACTIVE', 'BLOCKED', 'OTHER')),
	status_text        text NOT NULL,
	external_id        text,
	erp_id             text,
	psa_company_id     int,
	-- New organizations stay out of ConnectWise until someone lets them in.
	excluded_from_sync boolean NOT NULL DEFAULT true,
	revision           int NOT NULL DEFAULT 1,
	mapped_at          timestamptz,
	mapped_by          text,
	created_at         timestamptz NOT NULL DEFAULT now(),
	updated_at         timestamptz NOT NULL DEFAULT now(),
	-- Reference numbers are numbers that count up; sorting them as text would put 10 before 9.
	reference_order    bigint
		GENERATED ALWAYS AS (CASE WHEN reference_number ~ '^[0-9]{1,18}$' THEN reference_number::bigint END) STORED,
	search_text        text COLLATE "C" NOT NULL
		GENERATED ALWAYS AS (lower(name || chr(31) || reference_number COLLATE alphabetical)) STORED,
	PRIMARY KEY (seller_id, id),
	UNIQUE (seller_id, platform_id),
	FOREIGN KEY (seller_id, psa_company_id) REFERENCES psa_company (seller_id, record_id),
	CHECK ((psa_company_id IS NULL) = (mapped_at IS NULL)),
	CHECK ((psa_company_id IS NULL) = (mapped_by IS NULL))
);
CREATE INDEX organization_by_name ON organization (seller_id, name, id);
CREATE INDEX organization_by_reference ON organization (seller_id, reference_order, id);
CREATE INDEX organization_by_status ON organization (seller_id, status, id);
CREATE INDEX organization_by_exclusion ON organization (seller_id, excluded_from_sync, id);
CREATE INDEX organization_by_mapping ON organization (seller_id, (psa_company_id IS NULL), id);
CREATE INDEX organization_by_company ON organization (seller_id, psa_company_id, id);
CREATE INDEX organization_by_search ON organization USING gin (seller_id, search_text gin_trgm_ops);

-- Totals of the summary line, kept by triggers in the transaction of each change, so that reading them
-- costs the same at any size and they agree with the lists at every moment.
CREATE TABLE mapping_total (
	seller_id bigint NOT NULL REFERENCES seller,
	kind      text NOT NULL,
	total     bigint NOT NULL DEFAULT 0,
	mapped    bigint NOT NULL DEFAULT 0,
	excluded  bigint NOT NULL DEFAULT 0,
	PRIMARY KEY (seller_id, kind)
);

-- One function keeps the totals of every kind: it takes the kind and the column with the mapping. A kind that
-- cannot be excluded counts no exclusions.
-- +goose StatementBegin
CREATE FUNCTION count_mappings() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
	counted constant text := CASE TG_OP
		WHEN 'INSERT' THEN 'SELECT seller_id, 1 AS sign, $target$ IS NOT NULL AS mapped, $excluded$ AS excluded FROM added'
		WHEN 'DELETE' THEN 'SELECT seller_id, -1 AS sign, $target$ IS NOT NULL AS mapped, $excluded$ AS excluded FROM removed'
		ELSE 'SELECT seller_id, 1 AS sign, $target$ IS NOT NULL AS mapped, $excluded$ AS excluded FROM added
			UNION ALL SELECT seller_id, -1, $target$ IS NOT NULL, $excluded$ FROM removed' END;
BEGIN
	EXECUTE format($upsert$
		INSERT INTO mapping_total AS t (seller_id, kind, total, mapped, excluded)
		SELECT seller_id, %L, sum(sign), sum(sign * mapped::int), sum(sign * excluded::int)
		FROM (%s) changed
		GROUP BY seller_id
		HAVING sum(sign) <> 0 OR sum(sign * mapped::int) <> 0 OR sum(sign * excluded::int) <> 0
		ON CONFLICT (seller_id, kind) DO UPDATE
		SET total = t.total + EXCLUDED.total, mapped = t.mapped + EXCLUDED.mapped, excluded = t.excluded + EXCLUDED.excluded
		$upsert$,
		TG_ARGV[0], replace(replace(counted, '$target$', quote_ident(TG_ARGV[1])), '$excluded$', TG_ARGV[2]));
	RETURN NULL;
END
$$;

CREATE FUNCTION keep_mapping_totals(relation regclass, kind text, target name, excluded text DEFAULT 'false') RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
	counts constant text := format('FOR EACH STATEMENT EXECUTE FUNCTION count_mappings(%L, %L, %L)', kind, target, excluded);
BEGIN
	EXECUTE format('CREATE TRIGGER count_added AFTER INSERT ON %s REFERENCING NEW TABLE AS added %s', relation, counts);
	EXECUTE format('CREATE TRIGGER count_removed AFTER DELETE ON %s REFERENCING OLD TABLE AS removed %s', relation, counts);
	EXECUTE format('CREATE TRIGGER count_changed AFTER UPDATE ON %s REFERENCING OLD TABLE AS removed NEW TABLE AS added %s', relation, counts);
END
$$;
-- +goose StatementEnd

SELECT keep_mapping_totals('organization', 'ORGANIZATION', 'psa_company_id', 'excluded_from_sync');

SELECT isolate_sellers('organization');
SELECT isolate_sellers('mapping_total');

-- +goose Down
DROP TABLE organization, mapping_total;
DROP FUNCTION keep_mapping_totals, count_mappings;

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

-- +goose StatementBegin
CREATE FUNCTION count_organizations() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF TG_OP = 'INSERT' THEN
		INSERT INTO mapping_total AS t (seller_id, kind, total, mapped, excluded)
		SELECT seller_id, 'ORGANIZATION', count(*), count(psa_company_id), count(*) FILTER (WHERE excluded_from_sync)
		FROM added
		GROUP BY seller_id
		ON CONFLICT (seller_id, kind) DO UPDATE
		SET total = t.total + EXCLUDED.total, mapped = t.mapped + EXCLUDED.mapped, excluded = t.excluded + EXCLUDED.excluded;
	ELSIF TG_OP = 'DELETE' THEN
		UPDATE mapping_total t
		SET total = t.total - d.total, mapped = t.mapped - d.mapped, excluded = t.excluded - d.excluded
		FROM (
			SELECT seller_id, count(*) AS total, count(psa_company_id) AS mapped,
				count(*) FILTER (WHERE excluded_from_sync) AS excluded
			FROM removed
			GROUP BY seller_id
		) d
		WHERE t.seller_id = d.seller_id AND t.kind = 'ORGANIZATION';
	ELSE
		UPDATE mapping_total t
		SET mapped = t.mapped + d.mapped, excluded = t.excluded + d.excluded
		FROM (
			SELECT seller_id, sum(mapped) AS mapped, sum(excluded) AS excluded
			FROM (
				SELECT seller_id, (psa_company_id IS NOT NULL)::int AS mapped, excluded_from_sync::int AS excluded FROM added
				UNION ALL
				SELECT seller_id, -(psa_company_id IS NOT NULL)::int, -excluded_from_sync::int FROM removed
			) changed
			GROUP BY seller_id
			HAVING sum(mapped) <> 0 OR sum(excluded) <> 0
		) d
		WHERE t.seller_id = d.seller_id AND t.kind = 'ORGANIZATION';
	END IF;
	RETURN NULL;
END
$$;
-- +goose StatementEnd

CREATE TRIGGER count_added AFTER INSERT ON organization
	REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION count_organizations();
CREATE TRIGGER count_removed AFTER DELETE ON organization
	REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION count_organizations();
CREATE TRIGGER count_changed AFTER UPDATE ON organization
	REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION count_organizations();

SELECT isolate_sellers('organization');
SELECT isolate_sellers('mapping_total');

-- +goose Down
DROP TABLE organization, mapping_total;
DROP FUNCTION count_organizations;

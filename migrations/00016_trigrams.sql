-- Searches have fewer candidates to look at. pg_trgm takes a text apart into words and knows nothing of what is between them: of
-- "d 12" it looks up little more than the words that begin with 12, and letters that the locale of the database does not know, as a
-- Cyrillic name has in the locale C, are not indexed at all. These indexes hold every three characters of a text, whatever they are,
-- with the seller in each entry, so that one seller's search never goes through what others have.

-- +goose Up

-- trigrams returns every three characters in a row of a seller's text.
CREATE FUNCTION trigrams(seller bigint, value text) RETURNS text[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
	SELECT ARRAY(SELECT seller || ':' || substr(value, at, 3) COLLATE "C" FROM generate_series(1, length(value) - 2) at)
$$;

-- The separator begins each text, too, so that what names and identifiers begin with can be looked up. Every search goes through the
-- rows that wait to be taken in by an index, so that few of them may.
CREATE INDEX psa_company_by_trigrams ON psa_company USING gin (trigrams(seller_id, chr(31) || search_text)) WITH (gin_pending_list_limit = 256);
CREATE INDEX psa_product_by_trigrams ON psa_product USING gin (trigrams(seller_id, chr(31) || search_text)) WITH (gin_pending_list_limit = 256);
CREATE INDEX psa_agreement_by_trigrams ON psa_agreement USING gin (trigrams(seller_id, chr(31) || search_text)) WITH (gin_pending_list_limit = 256);
CREATE INDEX organization_by_trigrams ON organization USING gin (trigrams(seller_id, chr(31) || search_text)) WITH (gin_pending_list_limit = 256);
CREATE INDEX offer_by_trigrams ON offer USING gin (trigrams(seller_id, chr(31) || search_text)) WITH (gin_pending_list_limit = 256);
CREATE INDEX contract_by_trigrams ON contract USING gin (trigrams(seller_id, chr(31) || search_text)) WITH (gin_pending_list_limit = 256);

-- The functions below leave the planner no other index to use.
ALTER INDEX psa_company_by_trigrams ALTER COLUMN 1 SET STATISTICS 0;
ALTER INDEX psa_product_by_trigrams ALTER COLUMN 1 SET STATISTICS 0;
ALTER INDEX psa_agreement_by_trigrams ALTER COLUMN 1 SET STATISTICS 0;
ALTER INDEX organization_by_trigrams ALTER COLUMN 1 SET STATISTICS 0;
ALTER INDEX offer_by_trigrams ALTER COLUMN 1 SET STATISTICS 0;
ALTER INDEX contract_by_trigrams ALTER COLUMN 1 SET STATISTICS 0;

DROP INDEX psa_company_by_search, psa_product_by_search, psa_agreement_by_search, organization_by_search, offer_by_search,
	contract_by_search;

-- typed_trigrams returns trigrams that have every character of what was typed, escaped for LIKE. More of them would hardly name fewer
-- candidates, and each has to be looked up.
CREATE FUNCTION typed_trigrams(seller bigint, typed text) RETURNS text[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
	SELECT ARRAY(
		SELECT seller || ':' || substr(plain, least(at, length(plain) - 2), 3) COLLATE "C"
		FROM regexp_replace(typed, '\\(.)', '\1', 'g') plain, generate_series(1, length(plain), 3) at
		WHERE length(plain) >= 3)
$$;

-- matches returns the numbers of the records of a list whose search text is LIKE a pattern, which begins and ends with %, or NULL
-- where there are more than most. Where the policies are forced upon the owner they keep it from the index, so that it goes through
-- all texts of the seller.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION matches(list text, pattern text, most int) RETURNS bigint[]
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path FROM CURRENT SET enable_seqscan = off SET enable_indexscan = off AS $$
DECLARE
	scope text := current_setting('crosswalk.seller_id', true);
	sought text := lower(pattern COLLATE alphabetical) COLLATE "C";
	key text := 'record_id';
	relation text := list;
	also text := '';
	found bigint[];
BEGIN
	IF list IN ('organization', 'offer', 'contract') THEN
		key := 'id';
	ELSIF list = 'psa_product_identifier' THEN
		relation := 'psa_product';
		also := 'AND identifier_search LIKE $2';
	ELSIF list NOT IN ('psa_company', 'psa_product', 'psa_agreement') THEN
		RAISE EXCEPTION 'there is no list %', list;
	END IF;
	IF scope IS NULL OR scope !~ '^[0-9]+$' THEN
		RETURN '{}';
	END IF;
	IF NOT row_security_active(relation) THEN
		also := also || ' AND trigrams(seller_id, chr(31) || search_text) @> typed_trigrams($1, $4)';
	END IF;
	EXECUTE format('
		SELECT coalesce(array_agg(number), ''{}'')
		FROM (
			SELECT %I AS number
			FROM %I
			WHERE seller_id = $1
				AND search_text LIKE $2 %s
			LIMIT $3 + 1) matching',
		key, relation, also)
	INTO found
	USING scope::bigint, sought, most, substr(sought, 2, length(sought) - 2);
	RETURN CASE WHEN cardinality(found) <= most THEN found END;
END
$$;
-- +goose StatementEnd

-- match_rank does what it did with fewer comparisons.
CREATE OR REPLACE FUNCTION match_rank(search_text text, typed text) RETURNS int
LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE
		WHEN search_text LIKE '%' || chr(31) || typed || '%' THEN CASE
			WHEN search_text LIKE '%' || chr(31) || typed THEN 0
			WHEN search_text LIKE typed || chr(31) || '%' THEN 1
			ELSE 2
		END
		WHEN search_text LIKE typed || '%' THEN CASE
			WHEN search_text LIKE typed || chr(31) || '%' THEN 1
			ELSE 3
		END
		WHEN search_text LIKE '% ' || typed || '%' THEN 4
		ELSE 5
	END
$$;

-- first_matches returns the first records of a picker's list, in its order, that have what was typed within a word. It is for
-- texts that very many records have.
-- +goose StatementBegin
CREATE FUNCTION first_matches(list text, sorted text, seller bigint, typed text, most int) RETURNS bigint[]
LANGUAGE plpgsql STABLE SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET enable_indexscan = on AS $$
DECLARE
	found bigint[];
BEGIN
	EXECUTE format('
		SELECT ARRAY(
			SELECT record_id
			FROM %I
			WHERE seller_id = $1
				AND search_text LIKE ''%%'' || $2 || ''%%''
				AND match_rank(search_text, $2) = 5
			ORDER BY %I, record_id
			LIMIT $3)',
		list, sorted)
	INTO found
	USING seller, typed, most;
	RETURN found;
END
$$;
-- +goose StatementEnd

-- best_matches returns the numbers of the records of a picker's list that fit best what was typed, escaped for LIKE. What it says
-- of matches holds for it, too. Names, identifiers and then words that begin with what was typed are looked up before the rest,
-- which is read only if they are not enough.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION best_matches(list text, typed text, most int) RETURNS bigint[]
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path FROM CURRENT SET enable_seqscan = off SET enable_indexscan = off AS $$
DECLARE
	dense CONSTANT int := 2000;
	scope text := current_setting('crosswalk.seller_id', true);
	sought text := lower(typed COLLATE alphabetical) COLLATE "C";
	sorted text := 'name';
	found bigint[];
	others bigint[];
BEGIN
	IF list = 'psa_product' THEN
		sorted := 'description';
	ELSIF list NOT IN ('psa_company', 'psa_agreement') THEN
		RAISE EXCEPTION 'there is no picker of %', list;
	END IF;
	IF scope IS NULL OR scope !~ '^[0-9]+$' THEN
		RETURN '{}';
	END IF;
	IF row_security_active(list) THEN
		EXECUTE format('
			SELECT ARRAY(
				SELECT record_id
				FROM %I
				WHERE seller_id = $1
					AND search_text LIKE ''%%'' || $2 || ''%%''
				ORDER BY match_rank(search_text, $2), %I, record_id
				LIMIT $3)',
			list, sorted)
		INTO found
		USING scope::bigint, sought, most;
		RETURN found;
	END IF;
	EXECUTE format('
		SELECT ARRAY(
			(
				SELECT record_id
				FROM %1$I
				WHERE seller_id = $1
					AND trigrams(seller_id, chr(31) || search_text) @> typed_trigrams($1, chr(31) || $2)
					AND match_rank(search_text, $2) <= 3
				ORDER BY match_rank(search_text, $2), %2$I, record_id
				LIMIT $3
			)
			UNION ALL (
				SELECT record_id
				FROM %1$I
				WHERE seller_id = $1
					AND trigrams(seller_id, chr(31) || search_text) @> typed_trigrams($1, '' '' || $2)
					AND match_rank(search_text, $2) = 4
				ORDER BY %2$I, record_id
				LIMIT $3
			)
			LIMIT $3)',
		list, sorted)
	INTO found
	USING scope::bigint, sought, most;
	IF cardinality(found) = most THEN
		RETURN found;
	END IF;
	IF matches(list, '%' || sought || '%', dense) IS NULL THEN
		RETURN found || first_matches(list, sorted, scope::bigint, sought, most - cardinality(found));
	END IF;
	EXECUTE format('
		SELECT ARRAY(
			SELECT record_id
			FROM %I
			WHERE seller_id = $1
				AND trigrams(seller_id, chr(31) || search_text) @> typed_trigrams($1, $2)
				AND search_text LIKE ''%%'' || $2 || ''%%''
				AND match_rank(search_text, $2) = 5
			ORDER BY %I, record_id
			LIMIT $3)',
		list, sorted)
	INTO others
	USING scope::bigint, sought, most - cardinality(found);
	RETURN found || others;
END
$$;
-- +goose StatementEnd

-- +goose Down
DROP INDEX psa_company_by_trigrams, psa_product_by_trigrams, psa_agreement_by_trigrams, organization_by_trigrams,
	offer_by_trigrams, contract_by_trigrams;
CREATE INDEX psa_company_by_search ON psa_company USING gin (seller_id, search_text gin_trgm_ops);
CREATE INDEX psa_product_by_search ON psa_product USING gin (seller_id, search_text gin_trgm_ops);
CREATE INDEX psa_agreement_by_search ON psa_agreement USING gin (seller_id, search_text gin_trgm_ops);
CREATE INDEX organization_by_search ON organization USING gin (seller_id, search_text gin_trgm_ops);
CREATE INDEX offer_by_search ON offer USING gin (seller_id, search_text gin_trgm_ops);
CREATE INDEX contract_by_search ON contract USING gin (seller_id, search_text gin_trgm_ops);
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION matches(list text, pattern text, most int) RETURNS bigint[]
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path FROM CURRENT SET enable_seqscan = off SET enable_indexscan = off AS $$
DECLARE
	scope text := current_setting('crosswalk.seller_id', true);
	key text := 'record_id';
	relation text := list;
	also text := '';
	found bigint[];
BEGIN
	IF list IN ('organization', 'offer', 'contract') THEN
		key := 'id';
	ELSIF list = 'psa_product_identifier' THEN
		relation := 'psa_product';
		also := 'AND identifier_search LIKE $2';
	ELSIF list NOT IN ('psa_company', 'psa_product', 'psa_agreement') THEN
		RAISE EXCEPTION 'there is no list %', list;
	END IF;
	IF scope IS NULL OR scope !~ '^[0-9]+$' THEN
		RETURN '{}';
	END IF;
	EXECUTE format('
		SELECT coalesce(array_agg(number), ''{}'')
		FROM (SELECT %I AS number FROM %I WHERE seller_id = $1 AND search_text LIKE $2 %s LIMIT $3 + 1) matching',
		key, relation, also)
	INTO found
	USING scope::bigint, lower(pattern COLLATE alphabetical) COLLATE "C", most;
	RETURN CASE WHEN cardinality(found) <= most THEN found END;
END
$$;
-- +goose StatementEnd

CREATE OR REPLACE FUNCTION match_rank(search_text text, typed text) RETURNS int
LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE
		WHEN search_text LIKE '%' || chr(31) || typed THEN 0
		WHEN search_text LIKE typed || chr(31) || '%' THEN 1
		WHEN search_text LIKE '%' || chr(31) || typed || '%' THEN 2
		WHEN search_text LIKE typed || '%' THEN 3
		WHEN search_text LIKE '% ' || typed || '%' THEN 4
		ELSE 5
	END
$$;

-- +goose StatementBegin
CREATE OR REPLACE FUNCTION best_matches(list text, typed text, most int) RETURNS bigint[]
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path FROM CURRENT SET enable_seqscan = off SET enable_indexscan = off AS $$
DECLARE
	scope text := current_setting('crosswalk.seller_id', true);
	sorted text := 'name';
	found bigint[];
BEGIN
	IF list = 'psa_product' THEN
		sorted := 'description';
	ELSIF list NOT IN ('psa_company', 'psa_agreement') THEN
		RAISE EXCEPTION 'there is no picker of %', list;
	END IF;
	IF scope IS NULL OR scope !~ '^[0-9]+$' THEN
		RETURN '{}';
	END IF;
	EXECUTE format('
		SELECT ARRAY(
			SELECT record_id
			FROM %I
			WHERE seller_id = $1
				AND search_text LIKE ''%%'' || $2 || ''%%''
			ORDER BY match_rank(search_text, $2), %I, record_id
			LIMIT $3)',
		list, sorted)
	INTO found
	USING scope::bigint, lower(typed COLLATE alphabetical) COLLATE "C", most;
	RETURN found;
END
$$;
-- +goose StatementEnd
DROP FUNCTION first_matches;
DROP FUNCTION typed_trigrams;
DROP FUNCTION trigrams;

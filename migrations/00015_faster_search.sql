-- Searches have less to do: pickers read the best matches alone, and indexes have taken in what is new. New rows wait in a list
-- of their own until the trigram indexes take them in, and every search goes through that list; after a run that filled a table
-- it is long.

-- +goose Up

-- refresh_statistics tells the planner what is in tables, and has their search indexes take in what is new.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION refresh_statistics(VARIADIC tables text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
	name text;
BEGIN
	FOREACH name IN ARRAY tables LOOP
		EXECUTE format('ANALYZE %I', name);
		PERFORM gin_clean_pending_list(i.indexrelid)
		FROM pg_index i
		JOIN pg_class c ON c.oid = i.indexrelid
		JOIN pg_am m ON m.oid = c.relam
		WHERE i.indrelid = name::regclass
			AND m.amname = 'gin';
	END LOOP;
END
$$;
-- +goose StatementEnd

-- match_rank sorts what a picker found by how well it fits what was typed, which is in lower case and escaped for LIKE: an exact
-- identifier, an exact name, a beginning, the beginning of a word, the rest. The search text is the name, a separator, and the
-- identifier; no text that is typed has the separator in it.
CREATE FUNCTION match_rank(search_text text, typed text) RETURNS int
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

-- best_matches returns the numbers of the records of a picker's list that fit best what was typed, escaped for LIKE, in the
-- order of the list. What it says of matches holds for it, too.
-- +goose StatementBegin
CREATE FUNCTION best_matches(list text, typed text, most int) RETURNS bigint[]
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

-- +goose Down
DROP FUNCTION best_matches;
DROP FUNCTION match_rank;
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION refresh_statistics(VARIADIC tables text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
	name text;
BEGIN
	FOREACH name IN ARRAY tables LOOP
		EXECUTE format('ANALYZE %I', name);
	END LOOP;
END
$$;
-- +goose StatementEnd

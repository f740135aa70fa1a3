-- Searches use their index. Row-level security keeps LIKE out of index conditions, because LIKE might tell something of the
-- rows that a policy hides; so the index is asked by a function that the policies do not hold, and that looks at nothing but
-- the seller whose scope it is called in.

-- +goose Up

-- matches returns the numbers of the records of a list whose search text is LIKE a pattern, or NULL where there are more than most.
-- Where the policies are forced upon the owner it is as right, and slower.
-- +goose StatementBegin
CREATE FUNCTION matches(list text, pattern text, most int) RETURNS bigint[]
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

-- +goose Down
DROP FUNCTION matches;

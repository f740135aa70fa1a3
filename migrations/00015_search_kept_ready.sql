-- New rows wait in a list of their own until the trigram indexes take them in, and every search goes through that list. After
-- a run that filled a table it is long.

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

-- +goose Down
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

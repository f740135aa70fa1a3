-- A first sync or load fills tables that the planner knows nothing of yet, and the next query comes before
-- autovacuum does. Whoever has filled a table says so with this. Only owners may analyze, so it runs as the owner.

-- +goose Up
-- +goose StatementBegin
CREATE FUNCTION refresh_statistics(VARIADIC tables text[]) RETURNS void
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

-- +goose Down
DROP FUNCTION refresh_statistics;

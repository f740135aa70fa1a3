-- What the role that the gateway works as may do: make temporary tables, in which lines are loaded, edited and planned, and call
-- the functions that run as the owner, which find nothing of what it may make. Finished runs take with them what they planned.

-- +goose Up
-- +goose StatementBegin
DO $$
DECLARE
	-- The role, where the gateway works as one.
	application oid := (SELECT oid FROM pg_roles WHERE rolname = 'crosswalk_app' AND has_table_privilege(oid, 'seller', 'SELECT'));
	-- Where the tables are. Temporary ones are looked for last: unless a path names them, they come first.
	path text := (SELECT string_agg(quote_ident(name), ', ' ORDER BY place)
		FROM unnest(current_schemas(false) || name 'pg_temp') WITH ORDINALITY AS found (name, place));
	privileged regprocedure;
BEGIN
	FOREACH privileged IN ARRAY ARRAY['matches(text, text, int)', 'best_matches(text, text, int)', 'refresh_statistics(text[])']::regprocedure[] LOOP
		EXECUTE format('ALTER FUNCTION %s SET search_path = %s', privileged, path);
		EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', privileged);
		IF application IS NOT NULL THEN
			EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO crosswalk_app', privileged);
		END IF;
	END LOOP;
	-- Only the owner of the database may, or who was given the right to. Others leave it, and serve tells what is missing.
	IF application IS NOT NULL AND has_database_privilege(current_database(), 'TEMPORARY WITH GRANT OPTION') THEN
		EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO crosswalk_app', current_database());
	END IF;
END
$$;
-- +goose StatementEnd

-- In the order in which runs lock them, the runs themselves last, so that none that is under way has to be broken off.
LOCK TABLE posting_plan, posting_item;
ALTER TABLE posting_item
	DROP CONSTRAINT posting_item_seller_id_job_id_fkey,
	ADD CONSTRAINT posting_item_seller_id_job_id_fkey FOREIGN KEY (seller_id, job_id) REFERENCES job (seller_id, id) ON DELETE CASCADE;
ALTER TABLE posting_plan
	DROP CONSTRAINT posting_plan_seller_id_job_id_fkey,
	ADD CONSTRAINT posting_plan_seller_id_job_id_fkey FOREIGN KEY (seller_id, job_id) REFERENCES job (seller_id, id) ON DELETE CASCADE;

-- +goose Down
ALTER TABLE posting_item
	DROP CONSTRAINT posting_item_seller_id_job_id_fkey,
	ADD CONSTRAINT posting_item_seller_id_job_id_fkey FOREIGN KEY (seller_id, job_id) REFERENCES job (seller_id, id);
ALTER TABLE posting_plan
	DROP CONSTRAINT posting_plan_seller_id_job_id_fkey,
	ADD CONSTRAINT posting_plan_seller_id_job_id_fkey FOREIGN KEY (seller_id, job_id) REFERENCES job (seller_id, id);
GRANT EXECUTE ON FUNCTION matches, best_matches, refresh_statistics TO PUBLIC;

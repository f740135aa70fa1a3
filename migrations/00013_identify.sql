-- Every request shows a token. Many are looked up at once, in one round trip, without a transaction.

-- +goose Up

-- identify returns the tokens with these hashes, whatever seller they are of, and whether that seller's set-up is complete.
-- +goose StatementBegin
CREATE FUNCTION identify(hashes bytea[])
RETURNS TABLE (
	hash bytea, seller_id bigint, id bigint, subject text, role text, expires_at timestamptz, revoked_at timestamptz, set_up boolean
)
LANGUAGE plpgsql AS $$
DECLARE
	scope text := current_setting('crosswalk.seller_id', true);
BEGIN
	PERFORM set_config('crosswalk.seller_id', '*', true);
	RETURN QUERY
	SELECT t.hash, t.seller_id, t.id, t.subject, t.role, t.expires_at, t.revoked_at,
		EXISTS (SELECT FROM psa_connection c WHERE c.seller_id = t.seller_id)
			AND EXISTS (SELECT FROM seller_settings s WHERE s.seller_id = t.seller_id AND s.agreement_type_id IS NOT NULL)
	FROM api_token t
	WHERE t.hash = ANY (hashes);
	PERFORM set_config('crosswalk.seller_id', coalesce(scope, ''), true);
END
$$;
-- +goose StatementEnd

-- +goose Down
DROP FUNCTION identify;

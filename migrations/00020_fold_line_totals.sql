-- Folding compared every total of a month with every one that waited, where the planner knew nothing of the month yet: an edit of some
-- thousand lines right after a load did not come to an end. Now it hashes the keys of those that wait and looks each total up, whatever
-- the planner thinks of how many there are. Pages cost what they do in memory, so that few organizations are found by their index.

-- +goose Up
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION fold_line_totals(seller bigint, month date) RETURNS void
LANGUAGE plpgsql SET random_page_cost = 1.1 SET work_mem = '256MB' AS $$
DECLARE
	touched bigint[];
BEGIN
	IF NOT pg_try_advisory_xact_lock(hashtextextended('invoice_line_total ' || month, seller)) THEN
		RETURN;
	END IF;
	touched := ARRAY(
		SELECT DISTINCT organization_id
		FROM invoice_line_total
		WHERE seller_id = seller
			AND period = month
			AND loose);
	-- As a value, IS TRUE, the keys are not joined with the totals but hashed and looked up, as long as memory may do for them.
	WITH taken AS (
		DELETE FROM invoice_line_total t
		WHERE t.seller_id = seller
			AND t.period = month
			AND t.organization_id = ANY (touched)
			AND ((t.organization_id, t.contract_id, t.offer_id) IN (
				SELECT organization_id, contract_id, offer_id
				FROM invoice_line_total
				WHERE seller_id = seller
					AND period = month
					AND loose)) IS TRUE
		RETURNING t.*
	)
	INSERT INTO invoice_line_total (seller_id, period, organization_id, contract_id, offer_id, psa_agreement_id, state, currency,
		listed, reversed, line_count, amount, loose)
	SELECT seller_id, period, organization_id, contract_id, offer_id, psa_agreement_id, state, currency,
		listed, reversed, sum(line_count), sum(amount), false
	FROM taken
	GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
	HAVING sum(line_count) <> 0 OR sum(amount) <> 0;
END
$$;
-- +goose StatementEnd

-- +goose Down
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION fold_line_totals(seller bigint, month date) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF NOT pg_try_advisory_xact_lock(hashtextextended('invoice_line_total ' || month, seller)) THEN
		RETURN;
	END IF;
	WITH touched AS (
		SELECT DISTINCT organization_id, contract_id, offer_id
		FROM invoice_line_total
		WHERE seller_id = seller
			AND period = month
			AND loose
	), taken AS (
		DELETE FROM invoice_line_total t
		USING touched u
		WHERE t.seller_id = seller
			AND t.period = month
			AND t.organization_id = u.organization_id
			AND t.contract_id = u.contract_id
			AND t.offer_id = u.offer_id
		RETURNING t.*
	)
	INSERT INTO invoice_line_total (seller_id, period, organization_id, contract_id, offer_id, psa_agreement_id, state, currency,
		listed, reversed, line_count, amount, loose)
	SELECT seller_id, period, organization_id, contract_id, offer_id, psa_agreement_id, state, currency,
		listed, reversed, sum(line_count), sum(amount), false
	FROM taken
	GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
	HAVING sum(line_count) <> 0 OR sum(amount) <> 0;
END
$$;
-- +goose StatementEnd

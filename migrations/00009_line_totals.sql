-- Counts and sums of invoice lines, kept so that a month can be counted without going through its lines.
--
-- What a line resolves to (its company, agreement and product) is not kept, only what there is to resolve it from: a
-- row counts lines that are alike in everything their status is worked out of. Mappings change no total.
--
-- The totals are a ledger. Every statement that writes lines appends what it changes, and the total of a kind of
-- lines is the sum of its rows. Appending waits for nobody, so that runs that post lines, edits and loads do
-- not wait for each other, or lock each other up, over a count. Rows that were appended are folded
-- into the others now and then; whoever reads need not know.

-- +goose Up
CREATE TABLE invoice_line_total (
	seller_id        bigint NOT NULL,
	period           date NOT NULL,
	organization_id  bigint NOT NULL,
	contract_id      bigint NOT NULL,
	offer_id         bigint NOT NULL,
	psa_agreement_id int,
	state            text NOT NULL,
	currency         text NOT NULL,
	listed           boolean NOT NULL,
	-- True where the charge would end before it starts.
	reversed         boolean NOT NULL,
	line_count       int NOT NULL,
	amount           numeric NOT NULL,
	-- True while the row waits to be folded.
	loose            boolean NOT NULL
);
CREATE INDEX invoice_line_total_by_key ON invoice_line_total (seller_id, period, organization_id, contract_id, offer_id);
CREATE INDEX invoice_line_total_loose ON invoice_line_total (seller_id, period) WHERE loose;

SELECT isolate_sellers('invoice_line_total');

-- Totals take every listed line for one of a valid invoice, because invoices and lines change at the same time. The
-- lines for which that is wrong, which are few, are found by these when somebody counts.
CREATE INDEX invoice_not_valid ON invoice (seller_id, id) WHERE NOT valid;
CREATE INDEX invoice_line_by_invoice ON invoice_line (seller_id, invoice_id);

-- fold_line_totals puts the loose rows of a month together with those of the same kind. Where another transaction is
-- at it, it leaves it to that one. It never changes a sum.
-- +goose StatementBegin
CREATE FUNCTION fold_line_totals(seller bigint, month date) RETURNS void LANGUAGE plpgsql AS $$
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

-- The first rows of a month are as good as folded. Afterwards a statement folds with a probability that grows with what
-- it appended, so that a month has some thousand loose rows at most, whoever writes them.
CREATE FUNCTION count_lines() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
	changed constant text := CASE TG_OP
		WHEN 'INSERT' THEN 'SELECT 1 AS sign, a.* FROM added a'
		WHEN 'DELETE' THEN 'SELECT -1 AS sign, r.* FROM removed r'
		ELSE 'SELECT 1 AS sign, a.* FROM added a UNION ALL SELECT -1, r.* FROM removed r' END;
	appended record;
BEGIN
	FOR appended IN EXECUTE format($append$
		WITH change AS MATERIALIZED (
			SELECT seller_id, period, organization_id, contract_id, offer_id, psa_agreement_id, state, currency, listed,
				coalesce(charge_end < charge_start, false) AS reversed, sum(sign) AS line_count, sum(sign * amount) AS amount
			FROM (%s) line
			GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
			HAVING sum(sign) <> 0 OR sum(sign * amount) <> 0
		), month AS MATERIALIZED (
			SELECT seller_id, period, count(*) AS rows, EXISTS (
				SELECT FROM invoice_line_total t WHERE t.seller_id = change.seller_id AND t.period = change.period
			) AS counted
			FROM change
			GROUP BY seller_id, period
		), written AS (
			INSERT INTO invoice_line_total (seller_id, period, organization_id, contract_id, offer_id, psa_agreement_id, state,
				currency, listed, reversed, line_count, amount, loose)
			SELECT c.*, m.counted
			FROM change c
			JOIN month m USING (seller_id, period)
			ORDER BY c.seller_id, c.period, c.organization_id, c.contract_id, c.offer_id
		)
		SELECT seller_id, period, rows FROM month WHERE counted
		$append$, changed)
	LOOP
		IF random() * 2000 < appended.rows THEN
			PERFORM fold_line_totals(appended.seller_id, appended.period);
		END IF;
	END LOOP;
	RETURN NULL;
END
$$;
-- +goose StatementEnd

CREATE TRIGGER count_added AFTER INSERT ON invoice_line
	REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION count_lines();
CREATE TRIGGER count_removed AFTER DELETE ON invoice_line
	REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION count_lines();
CREATE TRIGGER count_changed AFTER UPDATE ON invoice_line
	REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION count_lines();

-- The lines that are there, of all sellers; policies may bind whoever migrates.
SET LOCAL crosswalk.seller_id = '*';
INSERT INTO invoice_line_total (seller_id, period, organization_id, contract_id, offer_id, psa_agreement_id, state, currency,
	listed, reversed, line_count, amount, loose)
SELECT seller_id, period, organization_id, contract_id, offer_id, psa_agreement_id, state, currency,
	listed, coalesce(charge_end < charge_start, false), count(*), sum(amount), false
FROM invoice_line
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10;

-- +goose Down
DROP TRIGGER count_changed ON invoice_line;
DROP TRIGGER count_removed ON invoice_line;
DROP TRIGGER count_added ON invoice_line;
DROP FUNCTION count_lines, fold_line_totals;
DROP INDEX invoice_line_by_invoice, invoice_not_valid;
DROP TABLE invoice_line_total;

-- A month of invoice lines is written in one statement, and most of what that cost was checking each line alone
-- and keeping indexes that no query uses.

-- +goose Up

-- A policy is applied before conditions whose operators might tell of the rows it hides. LIKE is one of them, so a
-- search of lines never came to this index.
DROP INDEX invoice_line_by_search;
-- Lines are never looked up by invoice.
DROP INDEX invoice_line_by_invoice;
-- No list is in the order of these; without a number that sets every entry apart, they hold each value once.
DROP INDEX invoice_line_by_organization, invoice_line_by_contract, invoice_line_by_offer;
CREATE INDEX invoice_line_by_organization ON invoice_line (seller_id, organization_id, period);
CREATE INDEX invoice_line_by_contract ON invoice_line (seller_id, contract_id, period);
CREATE INDEX invoice_line_by_offer ON invoice_line (seller_id, offer_id, period);

-- Foreign keys look up each row on its own. These triggers hold what the keys did, for all rows of a statement
-- at once: a line that refers to nothing is refused, and so is deleting what a line refers to, which no code does.
-- Ids are GENERATED ALWAYS and cannot be changed. That the seller exists follows from the records referred to.
ALTER TABLE invoice_line
	DROP CONSTRAINT invoice_line_seller_id_fkey,
	DROP CONSTRAINT invoice_line_seller_id_invoice_id_fkey,
	DROP CONSTRAINT invoice_line_seller_id_organization_id_fkey,
	DROP CONSTRAINT invoice_line_seller_id_contract_id_fkey,
	DROP CONSTRAINT invoice_line_seller_id_offer_id_fkey,
	DROP CONSTRAINT invoice_line_seller_id_psa_agreement_id_fkey;

-- A load asks for as many ids as it has lines. Numbers that a connection does not use up are lost, which is no loss.
ALTER TABLE invoice_line ALTER COLUMN id SET CACHE 100;

-- Nothing is filtered by these, so nothing is gained by knowing what is in them, and each load refreshes statistics.
ALTER TABLE invoice_line
	ALTER COLUMN platform_id SET STATISTICS 0,
	ALTER COLUMN subscription_id SET STATISTICS 0,
	ALTER COLUMN subscription_start SET STATISTICS 0,
	ALTER COLUMN subscription_end SET STATISTICS 0,
	ALTER COLUMN description SET STATISTICS 0,
	ALTER COLUMN charge_type_text SET STATISTICS 0,
	ALTER COLUMN quantity SET STATISTICS 0,
	ALTER COLUMN unit_cost SET STATISTICS 0,
	ALTER COLUMN invoiced_start SET STATISTICS 0,
	ALTER COLUMN invoiced_end SET STATISTICS 0,
	ALTER COLUMN ruled_start SET STATISTICS 0,
	ALTER COLUMN ruled_end SET STATISTICS 0,
	ALTER COLUMN loaded_at SET STATISTICS 0;

-- The query is planned anew each time, for as many lines as there are.
-- +goose StatementBegin
CREATE FUNCTION check_line_references() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	EXECUTE '
		SELECT w.platform_id
		FROM written w
		LEFT JOIN invoice i ON i.seller_id = w.seller_id AND i.id = w.invoice_id
		LEFT JOIN organization o ON o.seller_id = w.seller_id AND o.id = w.organization_id
		LEFT JOIN contract t ON t.seller_id = w.seller_id AND t.id = w.contract_id
		LEFT JOIN offer f ON f.seller_id = w.seller_id AND f.id = w.offer_id
		LEFT JOIN psa_agreement a ON a.seller_id = w.seller_id AND a.record_id = w.psa_agreement_id
		WHERE i.id IS NULL
			OR o.id IS NULL
			OR t.id IS NULL
			OR f.id IS NULL
			OR w.psa_agreement_id IS NOT NULL AND a.record_id IS NULL
		LIMIT 1' INTO line;
	IF line IS NOT NULL THEN
		RAISE foreign_key_violation USING MESSAGE = format('line %L refers to a record that does not exist', line);
	END IF;
	RETURN NULL;
END
$$;

-- The lock waits for lines that are being written and have been checked already, and keeps new ones waiting.
CREATE FUNCTION keep_what_lines_refer_to() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
	referred boolean;
BEGIN
	LOCK TABLE invoice_line IN SHARE ROW EXCLUSIVE MODE;
	EXECUTE format('
		SELECT EXISTS (SELECT FROM removed r JOIN invoice_line l ON l.seller_id = r.seller_id AND l.%I = r.%I)',
		TG_ARGV[0], TG_ARGV[1]) INTO referred;
	IF referred THEN
		RAISE foreign_key_violation USING MESSAGE = format('invoice lines refer to what would be deleted from %I', TG_TABLE_NAME);
	END IF;
	RETURN NULL;
END
$$;
-- +goose StatementEnd

CREATE TRIGGER check_added AFTER INSERT ON invoice_line
	REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION check_line_references();
CREATE TRIGGER check_changed AFTER UPDATE ON invoice_line
	REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION check_line_references();

CREATE TRIGGER keep_referred AFTER DELETE ON invoice
	REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION keep_what_lines_refer_to('invoice_id', 'id');
CREATE TRIGGER keep_referred AFTER DELETE ON organization
	REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION keep_what_lines_refer_to('organization_id', 'id');
CREATE TRIGGER keep_referred AFTER DELETE ON contract
	REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION keep_what_lines_refer_to('contract_id', 'id');
CREATE TRIGGER keep_referred AFTER DELETE ON offer
	REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION keep_what_lines_refer_to('offer_id', 'id');
CREATE TRIGGER keep_referred AFTER DELETE ON psa_agreement
	REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION keep_what_lines_refer_to('psa_agreement_id', 'record_id');

-- +goose Down
DROP TRIGGER keep_referred ON psa_agreement;
DROP TRIGGER keep_referred ON offer;
DROP TRIGGER keep_referred ON contract;
DROP TRIGGER keep_referred ON organization;
DROP TRIGGER keep_referred ON invoice;
DROP TRIGGER check_changed ON invoice_line;
DROP TRIGGER check_added ON invoice_line;
DROP FUNCTION keep_what_lines_refer_to, check_line_references;
ALTER TABLE invoice_line
	ALTER COLUMN platform_id SET STATISTICS -1,
	ALTER COLUMN subscription_id SET STATISTICS -1,
	ALTER COLUMN subscription_start SET STATISTICS -1,
	ALTER COLUMN subscription_end SET STATISTICS -1,
	ALTER COLUMN description SET STATISTICS -1,
	ALTER COLUMN charge_type_text SET STATISTICS -1,
	ALTER COLUMN quantity SET STATISTICS -1,
	ALTER COLUMN unit_cost SET STATISTICS -1,
	ALTER COLUMN invoiced_start SET STATISTICS -1,
	ALTER COLUMN invoiced_end SET STATISTICS -1,
	ALTER COLUMN ruled_start SET STATISTICS -1,
	ALTER COLUMN ruled_end SET STATISTICS -1,
	ALTER COLUMN loaded_at SET STATISTICS -1;
ALTER TABLE invoice_line ALTER COLUMN id SET CACHE 1;
ALTER TABLE invoice_line
	ADD FOREIGN KEY (seller_id) REFERENCES seller,
	ADD FOREIGN KEY (seller_id, invoice_id) REFERENCES invoice (seller_id, id),
	ADD FOREIGN KEY (seller_id, organization_id) REFERENCES organization (seller_id, id),
	ADD FOREIGN KEY (seller_id, contract_id) REFERENCES contract (seller_id, id),
	ADD FOREIGN KEY (seller_id, offer_id) REFERENCES offer (seller_id, id),
	ADD FOREIGN KEY (seller_id, psa_agreement_id) REFERENCES psa_agreement (seller_id, record_id);
DROP INDEX invoice_line_by_organization, invoice_line_by_contract, invoice_line_by_offer;
CREATE INDEX invoice_line_by_organization ON invoice_line (seller_id, organization_id, period, id);
CREATE INDEX invoice_line_by_contract ON invoice_line (seller_id, contract_id, period, id);
CREATE INDEX invoice_line_by_offer ON invoice_line (seller_id, offer_id, period, id);
CREATE INDEX invoice_line_by_invoice ON invoice_line (seller_id, invoice_id, id);
CREATE INDEX invoice_line_by_search ON invoice_line USING gin (seller_id, period, search_text gin_trgm_ops);

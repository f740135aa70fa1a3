-- Lines that are neither waiting nor posted are few, and are what people look for first after a run.

-- +goose Up
CREATE INDEX invoice_line_troubled ON invoice_line (seller_id, period, state, invoice_date, invoice_number, id)
	WHERE state IN ('SYNCING', 'UNCONFIRMED', 'FAILED');

-- +goose Down
DROP INDEX invoice_line_troubled;

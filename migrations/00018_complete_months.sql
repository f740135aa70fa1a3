-- A month of which a load began and came to no good end is not complete: what was added to it upstream may be missing.

-- +goose Up
ALTER TABLE invoice_period ADD COLUMN complete boolean NOT NULL DEFAULT true;

-- +goose Down
ALTER TABLE invoice_period DROP COLUMN complete;

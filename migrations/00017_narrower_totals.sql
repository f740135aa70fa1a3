-- A load writes about as many totals as lines, and what that cost was mostly their index, which had every total by its own. The
-- totals of an organization are few enough to be found by the organization alone, which an index holds once for all of them.

-- +goose Up
CREATE INDEX invoice_line_total_by_organization ON invoice_line_total (seller_id, period, organization_id);
DROP INDEX invoice_line_total_by_key;

-- +goose Down
CREATE INDEX invoice_line_total_by_key ON invoice_line_total (seller_id, period, organization_id, contract_id, offer_id);
DROP INDEX invoice_line_total_by_organization;

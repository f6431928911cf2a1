-- Searches of ranges that no index served, as plans at a million charges showed.
--
-- A partial index serves only conditions that imply what it is of: of a period, its beginning. An amount that states no
-- currency was compared with every row; few are so, and they are found by a number of their own now.

DROP INDEX billing.charge_item_entered_date_low_found_idx;
CREATE INDEX charge_item_entered_date_low_found_idx ON billing.charge_item (tenant_id, entered_date_low, entered_date_high, id) WHERE entered_date_low IS NOT NULL;

ALTER TABLE billing.charge_item
    ADD COLUMN price_override_unstated DOUBLE PRECISION GENERATED ALWAYS AS (CASE WHEN price_override_currency IS NULL THEN billing.near(price_override_minor / power(10::numeric, coalesce(price_override_scale, 0))) END) STORED;
CREATE INDEX charge_item_price_override_unstated_found_idx ON billing.charge_item (tenant_id, price_override_unstated, id) WHERE price_override_unstated IS NOT NULL;

ALTER TABLE billing.invoice
    ADD COLUMN total_net_unstated DOUBLE PRECISION GENERATED ALWAYS AS (CASE WHEN total_net_currency IS NULL THEN billing.near(total_net_minor / power(10::numeric, coalesce(total_net_scale, 0))) END) STORED,
    ADD COLUMN total_gross_unstated DOUBLE PRECISION GENERATED ALWAYS AS (CASE WHEN total_gross_currency IS NULL THEN billing.near(total_gross_minor / power(10::numeric, coalesce(total_gross_scale, 0))) END) STORED;
CREATE INDEX invoice_total_net_unstated_found_idx ON billing.invoice (tenant_id, total_net_unstated, id) WHERE total_net_unstated IS NOT NULL;
CREATE INDEX invoice_total_gross_unstated_found_idx ON billing.invoice (tenant_id, total_gross_unstated, id) WHERE total_gross_unstated IS NOT NULL;

-- A charge whose occurrence is a Timing is found by its outer limits: the events, and the period that bounds it. What is
-- there already keeps its Timing in the residue, and is found once it is changed.
ALTER TABLE billing.charge_item
    ADD COLUMN occurrence_timing_start TEXT COLLATE "C",
    ADD COLUMN occurrence_timing_end TEXT COLLATE "C",
    ADD COLUMN occurrence_timing_events TEXT COLLATE "C";

-- The first and the last instant of the dates in a JSON array.
CREATE FUNCTION billing.fhir_low_of(dates text) RETURNS timestamptz
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT min(billing.fhir_low(each)) FROM jsonb_array_elements_text(dates::jsonb) AS each
$$;

CREATE FUNCTION billing.fhir_high_of(dates text) RETURNS timestamptz
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT max(billing.fhir_high(each)) FROM jsonb_array_elements_text(dates::jsonb) AS each
$$;

GRANT EXECUTE ON FUNCTION billing.fhir_low_of(text), billing.fhir_high_of(text) TO billing_app, billing_worker, billing_audit;

-- The expression of a generated column cannot be changed; its indexes go with the column.
ALTER TABLE billing.charge_item
    DROP COLUMN occurrence_low,
    DROP COLUMN occurrence_high;
ALTER TABLE billing.charge_item
    ADD COLUMN occurrence_low TIMESTAMP WITH TIME ZONE GENERATED ALWAYS AS (least(billing.fhir_low_of(occurrence_timing_events), CASE WHEN coalesce(coalesce(occurrence_date_time, occurrence_period_start, occurrence_timing_start), coalesce(occurrence_date_time, occurrence_period_end, occurrence_timing_end)) IS NOT NULL THEN coalesce(billing.fhir_low(coalesce(occurrence_date_time, occurrence_period_start, occurrence_timing_start)), '-infinity') END)) STORED,
    ADD COLUMN occurrence_high TIMESTAMP WITH TIME ZONE GENERATED ALWAYS AS (greatest(billing.fhir_high_of(occurrence_timing_events), CASE WHEN coalesce(coalesce(occurrence_date_time, occurrence_period_start, occurrence_timing_start), coalesce(occurrence_date_time, occurrence_period_end, occurrence_timing_end)) IS NOT NULL THEN coalesce(billing.fhir_high(coalesce(occurrence_date_time, occurrence_period_end, occurrence_timing_end)), 'infinity') END)) STORED;

CREATE INDEX charge_item_occurrence_period_idx ON billing.charge_item (tenant_id, occurrence_high, id) WHERE occurrence_date_time IS NULL AND occurrence_high IS NOT NULL;
CREATE INDEX charge_item_tenant_id_occurrence_low_occurrence_high_id_idx ON billing.charge_item (tenant_id, occurrence_low, occurrence_high, id);
CREATE INDEX charge_item_tenant_id_subject_occurrence_low_occurrence_1b20 ON billing.charge_item (tenant_id, subject, occurrence_low, occurrence_high, id);

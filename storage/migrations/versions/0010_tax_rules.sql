-- Tax rules, of a tenant or of a country (then they are of the reserved tenant `national`), and by which of them a
-- component of an invoice was added. A rule is never edited; it may get an end, or a sooner one.

CREATE TABLE billing.tax_rule (
    tenant_id TEXT COLLATE "C" NOT NULL,
    rule_id TEXT COLLATE "C" NOT NULL,
    category TEXT COLLATE "C" NOT NULL,
    system TEXT COLLATE "C",
    code TEXT COLLATE "C" NOT NULL,
    treatment TEXT COLLATE "C" NOT NULL,
    percent NUMERIC NOT NULL,
    inclusive BOOLEAN NOT NULL,
    facility TEXT COLLATE "C",
    country TEXT COLLATE "C",
    name TEXT COLLATE "C",
    valid_from DATE NOT NULL,
    valid_to DATE,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    created_by TEXT COLLATE "C" NOT NULL,
    ended_at TIMESTAMP WITH TIME ZONE,
    ended_by TEXT COLLATE "C",
    CONSTRAINT tax_rule_pk PRIMARY KEY (tenant_id, rule_id),
    CONSTRAINT tax_rule_treatment_known_check CHECK (treatment IN ('taxable', 'zero-rated', 'exempt')),
    CONSTRAINT tax_rule_percent_of_treatment_check CHECK (percent >= 0 AND (percent > 0) = (treatment = 'taxable')),
    CONSTRAINT tax_rule_national_reserved_check CHECK ((country IS NOT NULL) = (tenant_id = 'national')),
    CONSTRAINT tax_rule_window_check CHECK (valid_to >= valid_from - 1)
);

-- Components that are there were given by clients: they stay without a rule.
ALTER TABLE billing.invoice_price_component ADD COLUMN tax_rule TEXT COLLATE "C";

CREATE FUNCTION billing.tax_rule_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (to_jsonb(NEW) - 'valid_to' - 'ended_at' - 'ended_by') IS DISTINCT FROM
       (to_jsonb(OLD) - 'valid_to' - 'ended_at' - 'ended_by')
       OR NEW.ended_at IS NULL
       OR coalesce(NEW.valid_to, 'infinity') > coalesce(OLD.valid_to, 'infinity')
    THEN
        RAISE EXCEPTION 'a tax rule is not edited'
            USING ERRCODE = 'insufficient_privilege', HINT = 'End it, and add another one.';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER tax_rule_stays BEFORE UPDATE ON billing.tax_rule
    FOR EACH ROW EXECUTE FUNCTION billing.tax_rule_stays();

ALTER TABLE billing.tax_rule ENABLE ROW LEVEL SECURITY;
ALTER TABLE billing.tax_rule FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON billing.tax_rule
    USING (tenant_id = nullif(current_setting('billing.tenant', true), ''))
    WITH CHECK (tenant_id = nullif(current_setting('billing.tenant', true), ''));
CREATE POLICY audit_reads ON billing.tax_rule FOR SELECT TO billing_audit USING (true);
CREATE POLICY national_reads ON billing.tax_rule FOR SELECT TO billing_app
    USING (tenant_id = 'national' AND nullif(current_setting('billing.tenant', true), '') IS NOT NULL);
GRANT SELECT ON billing.tax_rule TO billing_app, billing_audit;
GRANT INSERT, UPDATE ON billing.tax_rule TO billing_app;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA billing TO billing_app, billing_worker, billing_audit;

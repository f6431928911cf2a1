-- Charge codes: which services may be charged for, of a tenant or of a country (then they are of the reserved tenant
-- `national`). What a code is called and until when it is valid may change; none is taken away.

CREATE TABLE billing.charge_code (
    tenant_id TEXT COLLATE "C" NOT NULL,
    system TEXT COLLATE "C" NOT NULL,
    code TEXT COLLATE "C" NOT NULL,
    country TEXT COLLATE "C" NOT NULL,
    display TEXT COLLATE "C",
    valid_from DATE,
    valid_to DATE,
    changed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    changed_by TEXT COLLATE "C" NOT NULL,
    CONSTRAINT charge_code_pk PRIMARY KEY (tenant_id, system, code, country),
    CONSTRAINT charge_code_national_reserved_check CHECK ((country <> '') = (tenant_id = 'national')),
    CONSTRAINT charge_code_window_check CHECK (valid_to >= valid_from - 1)
);

ALTER TABLE billing.charge_code ENABLE ROW LEVEL SECURITY;
ALTER TABLE billing.charge_code FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON billing.charge_code
    USING (tenant_id = nullif(current_setting('billing.tenant', true), ''))
    WITH CHECK (tenant_id = nullif(current_setting('billing.tenant', true), ''));
CREATE POLICY audit_reads ON billing.charge_code FOR SELECT TO billing_audit USING (true);
CREATE POLICY national_reads ON billing.charge_code FOR SELECT TO billing_app
    USING (tenant_id = 'national' AND nullif(current_setting('billing.tenant', true), '') IS NOT NULL);
GRANT SELECT ON billing.charge_code TO billing_app, billing_audit;
GRANT INSERT, UPDATE ON billing.charge_code TO billing_app;

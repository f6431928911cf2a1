CREATE TABLE billing.control_total (
    tenant_id TEXT COLLATE "C" NOT NULL,
    ledger_account SMALLINT NOT NULL,
    currency TEXT COLLATE "C" NOT NULL,
    facility TEXT COLLATE "C" NOT NULL,
    effective_at DATE NOT NULL,
    debit_minor NUMERIC(38, 0) NOT NULL,
    credit_minor NUMERIC(38, 0) NOT NULL,
    CONSTRAINT control_total_pk PRIMARY KEY (tenant_id, ledger_account, currency, facility, effective_at)
);
CREATE TABLE billing.control_checkpoint (
    tenant_id TEXT COLLATE "C" NOT NULL,
    block_number INTEGER NOT NULL,
    recorded_through TIMESTAMP WITH TIME ZONE,
    CONSTRAINT control_checkpoint_pk PRIMARY KEY (tenant_id)
);

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['control_total', 'control_checkpoint'] LOOP
        EXECUTE format('ALTER TABLE billing.%I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE billing.%I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format(
            'CREATE POLICY tenant_isolation ON billing.%I '
            'USING (tenant_id = nullif(current_setting(''billing.tenant'', true), '''')) '
            'WITH CHECK (tenant_id = nullif(current_setting(''billing.tenant'', true), ''''))', name);
        EXECUTE format('CREATE POLICY audit_reads ON billing.%I FOR SELECT TO billing_audit USING (true)', name);
        -- The worker adds up; the application only asks.
        EXECUTE format('GRANT SELECT ON billing.%I TO billing_app, billing_worker, billing_audit', name);
        EXECUTE format('GRANT INSERT, UPDATE ON billing.%I TO billing_worker', name);
    END LOOP;
END
$$;

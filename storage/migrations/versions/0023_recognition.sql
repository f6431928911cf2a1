-- By which point revenue is recognised, from which day on: a row for each change of the tenant's setting. A tenant without
-- rows recognises it at capture.

CREATE TABLE billing.recognition_change (
    tenant_id TEXT COLLATE "C" NOT NULL,
    number INTEGER NOT NULL,
    first_day DATE NOT NULL,
    point TEXT COLLATE "C" NOT NULL,
    changed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    changed_by TEXT COLLATE "C" NOT NULL,
    CONSTRAINT recognition_change_pk PRIMARY KEY (tenant_id, number),
    CONSTRAINT recognition_change_point_check CHECK (point IN ('capture', 'issue'))
);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON billing.recognition_change
    FOR EACH ROW EXECUTE FUNCTION billing.append_only();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON billing.recognition_change
    FOR EACH STATEMENT EXECUTE FUNCTION billing.append_only();
ALTER TABLE billing.recognition_change ENABLE ROW LEVEL SECURITY;
ALTER TABLE billing.recognition_change FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON billing.recognition_change
    USING (tenant_id = nullif(current_setting('billing.tenant', true), ''))
    WITH CHECK (tenant_id = nullif(current_setting('billing.tenant', true), ''));
CREATE POLICY audit_reads ON billing.recognition_change FOR SELECT TO billing_audit USING (true);
GRANT SELECT ON billing.recognition_change TO billing_app, billing_audit;
GRANT INSERT ON billing.recognition_change TO billing_app;

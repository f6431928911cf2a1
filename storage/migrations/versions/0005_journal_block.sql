CREATE TABLE billing.journal_block (
    tenant_id TEXT COLLATE "C" NOT NULL,
    number INTEGER NOT NULL,
    sealed_after TIMESTAMP WITH TIME ZONE,
    sealed_through TIMESTAMP WITH TIME ZONE NOT NULL,
    entries INTEGER NOT NULL,
    versions INTEGER NOT NULL,
    content_hash TEXT COLLATE "C" NOT NULL,
    previous_hash TEXT COLLATE "C" NOT NULL,
    sealed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    hash TEXT COLLATE "C" NOT NULL,
    signature TEXT COLLATE "C" NOT NULL,
    CONSTRAINT journal_block_pk PRIMARY KEY (tenant_id, number)
);
-- What was recorded in a stretch of time, to seal it.
CREATE INDEX journal_entry_tenant_id_recorded_at_entry_id_idx ON billing.journal_entry (tenant_id, recorded_at, entry_id);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON billing.journal_block
    FOR EACH ROW EXECUTE FUNCTION billing.append_only();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON billing.journal_block
    FOR EACH STATEMENT EXECUTE FUNCTION billing.append_only();

ALTER TABLE billing.journal_block ENABLE ROW LEVEL SECURITY;
ALTER TABLE billing.journal_block FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON billing.journal_block
    USING (tenant_id = nullif(current_setting('billing.tenant', true), ''))
    WITH CHECK (tenant_id = nullif(current_setting('billing.tenant', true), ''));
CREATE POLICY audit_reads ON billing.journal_block FOR SELECT TO billing_audit USING (true);

-- The serving role reads how far is sealed, and cannot seal. The worker seals one tenant at a time, under its row-level
-- security; which tenants there are it sees by a policy of its own.
GRANT SELECT ON billing.journal_block TO billing_app, billing_worker, billing_audit;
GRANT INSERT ON billing.journal_block TO billing_worker;
GRANT SELECT ON billing.tenant, billing.journal_entry, billing.posting, billing.resource_versions, billing.outbox
    TO billing_worker;
GRANT INSERT ON billing.outbox TO billing_worker;
CREATE POLICY sealer_reads ON billing.tenant FOR SELECT TO billing_worker USING (true);

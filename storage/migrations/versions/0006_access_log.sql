-- The access log: who did what with whose data, and how it ended. Rows are only ever added.
--
-- What is refused to somebody without a valid token has no tenant; it is kept under '-', which no tenant can be called.

CREATE TABLE billing.access_log (
    tenant_id TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    actor TEXT COLLATE "C" NOT NULL,
    client TEXT COLLATE "C" NOT NULL,
    interaction TEXT COLLATE "C" NOT NULL,
    route TEXT COLLATE "C" NOT NULL,
    resource_type TEXT COLLATE "C",
    resource_id TEXT COLLATE "C",
    version INTEGER,
    http_status SMALLINT NOT NULL,
    code TEXT COLLATE "C",
    query TEXT COLLATE "C",
    request_id TEXT COLLATE "C" NOT NULL,
    CONSTRAINT access_log_pk PRIMARY KEY (tenant_id, id)
);
CREATE INDEX access_log_tenant_id_resource_type_resource_id_id_idx ON billing.access_log (tenant_id, resource_type, resource_id, id);
CREATE INDEX access_log_tenant_id_actor_id_idx ON billing.access_log (tenant_id, actor, id);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON billing.access_log
    FOR EACH ROW EXECUTE FUNCTION billing.append_only();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON billing.access_log
    FOR EACH STATEMENT EXECUTE FUNCTION billing.append_only();

ALTER TABLE billing.access_log ENABLE ROW LEVEL SECURITY;
ALTER TABLE billing.access_log FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON billing.access_log
    USING (tenant_id = nullif(current_setting('billing.tenant', true), ''))
    WITH CHECK (tenant_id = nullif(current_setting('billing.tenant', true), ''));
CREATE POLICY audit_reads ON billing.access_log FOR SELECT TO billing_audit USING (true);
GRANT SELECT ON billing.access_log TO billing_app, billing_audit;
GRANT INSERT ON billing.access_log TO billing_app;

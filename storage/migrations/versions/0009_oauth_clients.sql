-- Clients of the built-in token endpoint, and the assertions by which they have asked, so that none is used twice.
-- Assertions are removed when they have expired: then they are refused for that.

CREATE TABLE billing.oauth_client (
    tenant_id TEXT COLLATE "C" NOT NULL,
    client_id TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    scope TEXT COLLATE "C" NOT NULL,
    jwks_url TEXT COLLATE "C",
    jwks TEXT COLLATE "C",
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT oauth_client_pk PRIMARY KEY (tenant_id, client_id),
    CONSTRAINT oauth_client_keys_once_check CHECK ((jwks_url IS NULL) <> (jwks IS NULL))
);

CREATE TABLE billing.oauth_assertion (
    tenant_id TEXT COLLATE "C" NOT NULL,
    client_id TEXT COLLATE "C" NOT NULL,
    jti TEXT COLLATE "C" NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT oauth_assertion_pk PRIMARY KEY (tenant_id, client_id, jti)
);
CREATE INDEX oauth_assertion_tenant_id_expires_at_idx ON billing.oauth_assertion (tenant_id, expires_at);

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['oauth_client', 'oauth_assertion'] LOOP
        EXECUTE format('ALTER TABLE billing.%I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE billing.%I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format(
            'CREATE POLICY tenant_isolation ON billing.%I '
            'USING (tenant_id = nullif(current_setting(''billing.tenant'', true), '''')) '
            'WITH CHECK (tenant_id = nullif(current_setting(''billing.tenant'', true), ''''))', name);
        EXECUTE format('CREATE POLICY audit_reads ON billing.%I FOR SELECT TO billing_audit USING (true)', name);
        EXECUTE format('GRANT SELECT ON billing.%I TO billing_app, billing_audit', name);
        EXECUTE format('GRANT INSERT, DELETE ON billing.%I TO billing_app', name);
    END LOOP;
END
$$;

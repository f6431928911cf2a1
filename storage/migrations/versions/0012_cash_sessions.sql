-- Cash sessions: a drawer is opened with a float, takes and gives cash, and is closed against what was counted.
--
-- What is closed is never changed again. Movements name the entries that moved cash while the session was open: entries
-- are recorded in the order of their accounts, so no time says what belongs to a session.

CREATE TABLE billing.cash_session (
    tenant_id TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    drawer TEXT COLLATE "C" NOT NULL,
    currency TEXT COLLATE "C" NOT NULL,
    float_minor BIGINT NOT NULL,
    opened_by TEXT COLLATE "C" NOT NULL,
    opened_at TIMESTAMP WITH TIME ZONE NOT NULL,
    declared_minor BIGINT,
    expected_minor BIGINT,
    closed_by TEXT COLLATE "C",
    closed_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT cash_session_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT cash_session_float_check CHECK (float_minor >= 0),
    CONSTRAINT cash_session_declared_check CHECK (declared_minor >= 0),
    CONSTRAINT cash_session_closed_whole_check CHECK (num_nulls(declared_minor, expected_minor, closed_by, closed_at) IN (0, 4))
);
CREATE UNIQUE INDEX cash_session_open_idx ON billing.cash_session (tenant_id, drawer, currency) WHERE closed_at IS NULL;

CREATE TABLE billing.cash_movement (
    tenant_id TEXT COLLATE "C" NOT NULL,
    session_id TEXT COLLATE "C" NOT NULL,
    entry_id UUID NOT NULL,
    amount_minor BIGINT NOT NULL,
    CONSTRAINT cash_movement_pk PRIMARY KEY (tenant_id, session_id, entry_id),
    CONSTRAINT cash_movement_tenant_id_session_id_fk FOREIGN KEY(tenant_id, session_id) REFERENCES billing.cash_session (tenant_id, id),
    CONSTRAINT cash_movement_tenant_id_entry_id_fk FOREIGN KEY(tenant_id, entry_id) REFERENCES billing.journal_entry (tenant_id, entry_id)
);

CREATE TRIGGER closed_stays BEFORE UPDATE ON billing.cash_session
    FOR EACH ROW WHEN (OLD.closed_at IS NOT NULL) EXECUTE FUNCTION billing.append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON billing.cash_movement
    FOR EACH ROW EXECUTE FUNCTION billing.append_only();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON billing.cash_movement
    FOR EACH STATEMENT EXECUTE FUNCTION billing.append_only();

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['cash_session', 'cash_movement'] LOOP
        EXECUTE format('ALTER TABLE billing.%I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE billing.%I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format(
            'CREATE POLICY tenant_isolation ON billing.%I '
            'USING (tenant_id = nullif(current_setting(''billing.tenant'', true), '''')) '
            'WITH CHECK (tenant_id = nullif(current_setting(''billing.tenant'', true), ''''))', name);
        EXECUTE format('CREATE POLICY audit_reads ON billing.%I FOR SELECT TO billing_audit USING (true)', name);
        EXECUTE format('GRANT SELECT ON billing.%I TO billing_app, billing_audit', name);
        EXECUTE format('GRANT INSERT ON billing.%I TO billing_app', name);
    END LOOP;
END
$$;
GRANT UPDATE ON billing.cash_session TO billing_app;

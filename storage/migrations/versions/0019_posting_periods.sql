-- Posting periods: a row for each time that one was soft-closed, closed or reopened, and what the ledger accounts came to
-- when it was closed. The last row of a tenant says up to which day its books are closed; one without rows has closed
-- nothing.

CREATE TABLE billing.posting_period_change (
    tenant_id TEXT COLLATE "C" NOT NULL,
    number INTEGER NOT NULL,
    first_day DATE NOT NULL,
    last_day DATE NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    closed_through DATE,
    soft_closed_through DATE,
    changed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    changed_by TEXT COLLATE "C" NOT NULL,
    reason TEXT COLLATE "C",
    CONSTRAINT posting_period_change_pk PRIMARY KEY (tenant_id, number),
    CONSTRAINT posting_period_change_status_check CHECK (status IN ('open', 'soft-closed', 'closed')),
    CONSTRAINT posting_period_change_range_check CHECK (first_day <= last_day),
    CONSTRAINT posting_period_change_through_check CHECK (CASE status WHEN 'closed' THEN closed_through IS NOT DISTINCT FROM last_day WHEN 'soft-closed' THEN soft_closed_through IS NOT DISTINCT FROM last_day ELSE soft_closed_through IS NULL OR soft_closed_through < first_day END),
    CONSTRAINT posting_period_change_soft_later_check CHECK (soft_closed_through > closed_through)
);
CREATE TABLE billing.closing_balance (
    tenant_id TEXT COLLATE "C" NOT NULL,
    closed_through DATE NOT NULL,
    ledger_account SMALLINT NOT NULL,
    currency TEXT COLLATE "C" NOT NULL,
    debit_minor NUMERIC(38, 0) NOT NULL,
    credit_minor NUMERIC(38, 0) NOT NULL,
    CONSTRAINT closing_balance_pk PRIMARY KEY (tenant_id, closed_through, ledger_account, currency)
);

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['posting_period_change', 'closing_balance'] LOOP
        EXECUTE format(
            'CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON billing.%I '
            'FOR EACH ROW EXECUTE FUNCTION billing.append_only()', name);
        EXECUTE format(
            'CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON billing.%I '
            'FOR EACH STATEMENT EXECUTE FUNCTION billing.append_only()', name);
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

-- What is closed stays closed, whatever the code above does: changes are numbered without gaps, one follows the other.
CREATE FUNCTION billing.posting_period_change_follows() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    before billing.posting_period_change;
BEGIN
    SELECT * INTO before FROM billing.posting_period_change
    WHERE tenant_id = NEW.tenant_id AND number < NEW.number ORDER BY number DESC LIMIT 1;
    IF NEW.number <> coalesce(before.number, 0) + 1
        OR (before.closed_through IS NOT NULL AND NEW.closed_through IS NULL)
        OR NEW.closed_through < before.closed_through
        OR (NEW.status <> 'closed' AND NEW.closed_through IS DISTINCT FROM before.closed_through)
        OR NEW.changed_at <= before.changed_at
    THEN
        RAISE EXCEPTION 'what is closed stays closed'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'posting_period_change_follows',
                TABLE = 'posting_period_change';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER posting_period_change_follows BEFORE INSERT ON billing.posting_period_change
    FOR EACH ROW EXECUTE FUNCTION billing.posting_period_change_follows();

-- As before, and nothing is posted into a closed period. The lock is the one that every posting transaction holds already
-- (storage/posting_periods.py): whoever does not waits here for who closes a period, and then sees what was closed.
CREATE OR REPLACE FUNCTION billing.posting_is_sound() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM added GROUP BY tenant_id, entry_id, currency HAVING sum(amount_minor) <> 0
    ) THEN
        RAISE EXCEPTION 'a journal entry must sum to zero in each currency'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'posting_balanced', TABLE = 'posting';
    END IF;
    IF EXISTS (
        SELECT FROM added AS a
        LEFT JOIN billing.journal_entry AS e ON e.tenant_id = a.tenant_id AND e.entry_id = a.entry_id
        WHERE e.xmin IS DISTINCT FROM pg_current_xact_id()::xid
           OR e.effective_at <> a.effective_at OR e.recorded_at <> a.recorded_at
    ) THEN
        RAISE EXCEPTION 'postings belong to an entry of the same transaction, with its dates'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'posting_of_own_entry', TABLE = 'posting';
    END IF;
    IF (SELECT count(*) FROM added) <> (
        SELECT count(*) FROM billing.posting AS p
        WHERE (p.tenant_id, p.entry_id) IN (SELECT a.tenant_id, a.entry_id FROM added AS a)
    ) THEN
        RAISE EXCEPTION 'the postings of an entry are written together'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'posting_together', TABLE = 'posting';
    END IF;
    PERFORM pg_advisory_xact_lock_shared(hashtextextended('posting period ' || t.tenant_id, 0))
    FROM (SELECT DISTINCT tenant_id FROM added) AS t;
    IF EXISTS (
        SELECT FROM added AS a WHERE a.effective_at <= (
            SELECT c.closed_through FROM billing.posting_period_change AS c
            WHERE c.tenant_id = a.tenant_id ORDER BY c.number DESC LIMIT 1)
    ) THEN
        RAISE EXCEPTION 'nothing is posted into a closed period'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'posting_in_open_period', TABLE = 'posting';
    END IF;
    RETURN NULL;
END
$$;

-- Payment plans: instalments over invoices of an account. What was agreed is never changed, what happened to a plan is
-- added as events, and what is paid follows from the journal. planned_invoice names the one live plan of an invoice.

CREATE TABLE billing.payment_plan (
    tenant_id TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    account_id TEXT COLLATE "C" NOT NULL,
    currency TEXT COLLATE "C" NOT NULL,
    made_on DATE NOT NULL,
    made_at TIMESTAMP WITH TIME ZONE NOT NULL,
    made_by TEXT COLLATE "C" NOT NULL,
    note TEXT COLLATE "C",
    CONSTRAINT payment_plan_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT payment_plan_tenant_id_account_id_fk FOREIGN KEY(tenant_id, account_id) REFERENCES billing.account (tenant_id, id)
);
CREATE INDEX payment_plan_tenant_id_account_id_id_idx ON billing.payment_plan (tenant_id, account_id, id);

CREATE TABLE billing.payment_plan_instalment (
    tenant_id TEXT COLLATE "C" NOT NULL,
    plan_id TEXT COLLATE "C" NOT NULL,
    number SMALLINT NOT NULL,
    due DATE NOT NULL,
    amount_minor BIGINT NOT NULL,
    CONSTRAINT payment_plan_instalment_pk PRIMARY KEY (tenant_id, plan_id, number),
    CONSTRAINT payment_plan_instalment_tenant_id_plan_id_fk FOREIGN KEY(tenant_id, plan_id) REFERENCES billing.payment_plan (tenant_id, id),
    CONSTRAINT payment_plan_instalment_amount_check CHECK (amount_minor > 0)
);

CREATE TABLE billing.payment_plan_invoice (
    tenant_id TEXT COLLATE "C" NOT NULL,
    plan_id TEXT COLLATE "C" NOT NULL,
    number SMALLINT NOT NULL,
    invoice_id TEXT COLLATE "C" NOT NULL,
    CONSTRAINT payment_plan_invoice_pk PRIMARY KEY (tenant_id, plan_id, number),
    CONSTRAINT payment_plan_invoice_tenant_id_plan_id_fk FOREIGN KEY(tenant_id, plan_id) REFERENCES billing.payment_plan (tenant_id, id),
    CONSTRAINT payment_plan_invoice_tenant_id_invoice_id_fk FOREIGN KEY(tenant_id, invoice_id) REFERENCES billing.invoice (tenant_id, id)
);
CREATE INDEX payment_plan_invoice_tenant_id_invoice_id_idx ON billing.payment_plan_invoice (tenant_id, invoice_id);

CREATE TABLE billing.payment_plan_event (
    tenant_id TEXT COLLATE "C" NOT NULL,
    plan_id TEXT COLLATE "C" NOT NULL,
    number INTEGER NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    on_date DATE NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    recorded_by TEXT COLLATE "C" NOT NULL,
    reason TEXT COLLATE "C",
    overdue_minor BIGINT,
    overdue_since DATE,
    CONSTRAINT payment_plan_event_pk PRIMARY KEY (tenant_id, plan_id, number),
    CONSTRAINT payment_plan_event_tenant_id_plan_id_fk FOREIGN KEY(tenant_id, plan_id) REFERENCES billing.payment_plan (tenant_id, id),
    CONSTRAINT payment_plan_event_kind_check CHECK (kind IN ('defaulted', 'recovered', 'cancelled')),
    CONSTRAINT payment_plan_event_reason_check CHECK ((kind = 'cancelled') = (reason IS NOT NULL)),
    CONSTRAINT payment_plan_event_overdue_check CHECK (num_nulls(overdue_minor, overdue_since) = CASE kind WHEN 'defaulted' THEN 0 ELSE 2 END)
);
CREATE UNIQUE INDEX payment_plan_event_cancelled_idx ON billing.payment_plan_event (tenant_id, plan_id) WHERE kind = 'cancelled';

CREATE TABLE billing.planned_invoice (
    tenant_id TEXT COLLATE "C" NOT NULL,
    invoice_id TEXT COLLATE "C" NOT NULL,
    plan_id TEXT COLLATE "C" NOT NULL,
    CONSTRAINT planned_invoice_pk PRIMARY KEY (tenant_id, invoice_id),
    CONSTRAINT planned_invoice_tenant_id_plan_id_fk FOREIGN KEY(tenant_id, plan_id) REFERENCES billing.payment_plan (tenant_id, id)
);
CREATE INDEX planned_invoice_tenant_id_plan_id_idx ON billing.planned_invoice (tenant_id, plan_id);

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['payment_plan', 'payment_plan_instalment', 'payment_plan_invoice', 'payment_plan_event', 'planned_invoice'] LOOP
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
    FOREACH name IN ARRAY ARRAY['payment_plan', 'payment_plan_instalment', 'payment_plan_invoice', 'payment_plan_event'] LOOP
        EXECUTE format(
            'CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON billing.%I '
            'FOR EACH ROW EXECUTE FUNCTION billing.append_only()', name);
        EXECUTE format(
            'CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON billing.%I '
            'FOR EACH STATEMENT EXECUTE FUNCTION billing.append_only()', name);
    END LOOP;
END
$$;
GRANT DELETE ON billing.planned_invoice TO billing_app;

-- Refunds and adjustments as they were requested, and what was decided of each. All of it is only ever added.
--
-- A request says what counted towards the thresholds when it was made, and the thresholds of then, so that the check can
-- prove afterwards that it had the approvals it needed. Its status is that of its last decision.

CREATE TABLE billing.refund (
    tenant_id TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    currency TEXT COLLATE "C" NOT NULL,
    amount_minor BIGINT NOT NULL,
    reason TEXT COLLATE "C" NOT NULL,
    requested_by TEXT COLLATE "C" NOT NULL,
    requested_at TIMESTAMP WITH TIME ZONE NOT NULL,
    approvals_needed SMALLINT NOT NULL,
    counted_minor BIGINT NOT NULL,
    first_limit_minor BIGINT NOT NULL,
    second_limit_minor BIGINT,
    window_days SMALLINT NOT NULL,
    payment_id TEXT COLLATE "C" NOT NULL,
    account_id TEXT COLLATE "C",
    payer TEXT COLLATE "C",
    method TEXT COLLATE "C",
    deallocates BOOLEAN NOT NULL,
    CONSTRAINT refund_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT refund_positive_check CHECK (amount_minor > 0),
    CONSTRAINT refund_approvals_check CHECK (approvals_needed BETWEEN 0 AND 2),
    CONSTRAINT refund_owner_check CHECK ((account_id IS NULL) <> (payer IS NULL)),
    CONSTRAINT refund_tenant_id_payment_id_fk FOREIGN KEY(tenant_id, payment_id) REFERENCES billing.payment_reconciliation (tenant_id, id),
    CONSTRAINT refund_tenant_id_account_id_fk FOREIGN KEY(tenant_id, account_id) REFERENCES billing.account (tenant_id, id)
);
CREATE INDEX refund_tenant_id_account_id_requested_by_requested_at_idx ON billing.refund (tenant_id, account_id, requested_by, requested_at);
CREATE INDEX refund_tenant_id_payer_requested_by_requested_at_idx ON billing.refund (tenant_id, payer, requested_by, requested_at);
CREATE INDEX refund_tenant_id_payment_id_id_idx ON billing.refund (tenant_id, payment_id, id);

CREATE TABLE billing.adjustment (
    tenant_id TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    currency TEXT COLLATE "C" NOT NULL,
    amount_minor BIGINT NOT NULL,
    reason TEXT COLLATE "C" NOT NULL,
    requested_by TEXT COLLATE "C" NOT NULL,
    requested_at TIMESTAMP WITH TIME ZONE NOT NULL,
    approvals_needed SMALLINT NOT NULL,
    counted_minor BIGINT NOT NULL,
    first_limit_minor BIGINT NOT NULL,
    second_limit_minor BIGINT,
    window_days SMALLINT NOT NULL,
    type TEXT COLLATE "C" NOT NULL,
    account_id TEXT COLLATE "C" NOT NULL,
    invoice_id TEXT COLLATE "C",
    payment_id TEXT COLLATE "C",
    CONSTRAINT adjustment_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT adjustment_positive_check CHECK (amount_minor > 0),
    CONSTRAINT adjustment_approvals_check CHECK (approvals_needed BETWEEN 0 AND 2),
    CONSTRAINT adjustment_tenant_id_account_id_fk FOREIGN KEY(tenant_id, account_id) REFERENCES billing.account (tenant_id, id),
    CONSTRAINT adjustment_tenant_id_invoice_id_fk FOREIGN KEY(tenant_id, invoice_id) REFERENCES billing.invoice (tenant_id, id),
    CONSTRAINT adjustment_tenant_id_payment_id_fk FOREIGN KEY(tenant_id, payment_id) REFERENCES billing.payment_reconciliation (tenant_id, id)
);
CREATE INDEX adjustment_tenant_id_account_id_requested_by_requested_at_idx ON billing.adjustment (tenant_id, account_id, requested_by, requested_at);

CREATE TABLE billing.adjustment_part (
    tenant_id TEXT COLLATE "C" NOT NULL,
    adjustment_id TEXT COLLATE "C" NOT NULL,
    invoice_id TEXT COLLATE "C" NOT NULL,
    amount_minor BIGINT NOT NULL,
    credit_note_id TEXT COLLATE "C",
    CONSTRAINT adjustment_part_pk PRIMARY KEY (tenant_id, adjustment_id, invoice_id),
    CONSTRAINT adjustment_part_positive_check CHECK (amount_minor > 0),
    CONSTRAINT adjustment_part_tenant_id_adjustment_id_fk FOREIGN KEY(tenant_id, adjustment_id) REFERENCES billing.adjustment (tenant_id, id),
    CONSTRAINT adjustment_part_tenant_id_invoice_id_fk FOREIGN KEY(tenant_id, invoice_id) REFERENCES billing.invoice (tenant_id, id),
    CONSTRAINT adjustment_part_tenant_id_credit_note_id_fk FOREIGN KEY(tenant_id, credit_note_id) REFERENCES billing.invoice (tenant_id, id)
);

CREATE TABLE billing.decision (
    tenant_id TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    subject_id TEXT COLLATE "C" NOT NULL,
    sequence SMALLINT NOT NULL,
    decision TEXT COLLATE "C" NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    decided_by TEXT COLLATE "C" NOT NULL,
    decided_at TIMESTAMP WITH TIME ZONE NOT NULL,
    reason TEXT COLLATE "C",
    method TEXT COLLATE "C",
    CONSTRAINT decision_pk PRIMARY KEY (tenant_id, subject, subject_id, sequence),
    CONSTRAINT decision_subject_check CHECK (subject IN ('refund', 'adjustment')),
    CONSTRAINT decision_known_check CHECK (decision IN ('approved', 'rejected', 'paid', 'failed'))
);
CREATE UNIQUE INDEX decision_approves_once_idx ON billing.decision (tenant_id, subject, subject_id, decided_by) WHERE decision = 'approved';

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['refund', 'adjustment', 'adjustment_part', 'decision'] LOOP
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

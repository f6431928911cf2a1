-- What a payment gateway is asked for: written before it is asked, resolved once by what it says. Its id is the gateway's
-- idempotency key and, once it is captured, the id of the PaymentReconciliation. What was asked for never changes.

CREATE TABLE billing.gateway_payment (
    tenant_id TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    account_id TEXT COLLATE "C" NOT NULL,
    method TEXT COLLATE "C" NOT NULL,
    currency TEXT COLLATE "C" NOT NULL,
    amount_minor BIGINT NOT NULL,
    invoice_ids TEXT[] COLLATE "C" NOT NULL,
    payer TEXT COLLATE "C",
    requested_by TEXT COLLATE "C" NOT NULL,
    requested_at TIMESTAMP WITH TIME ZONE NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    gateway_reference TEXT COLLATE "C",
    reason TEXT COLLATE "C",
    resolved_by TEXT COLLATE "C",
    resolved_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT gateway_payment_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT gateway_payment_tenant_id_account_id_fk FOREIGN KEY(tenant_id, account_id) REFERENCES billing.account (tenant_id, id),
    CONSTRAINT gateway_payment_amount_check CHECK (amount_minor > 0),
    CONSTRAINT gateway_payment_method_check CHECK (method IN ('card', 'mobile-money')),
    CONSTRAINT gateway_payment_status_check CHECK (status IN ('unknown', 'captured', 'declined', 'cancelled')),
    CONSTRAINT gateway_payment_captured_check CHECK ((status = 'captured') = (gateway_reference IS NOT NULL)),
    CONSTRAINT gateway_payment_resolved_check CHECK ((status <> 'unknown') = (resolved_at IS NOT NULL AND resolved_by IS NOT NULL))
);
CREATE UNIQUE INDEX gateway_payment_reference_idx ON billing.gateway_payment (tenant_id, gateway_reference)
    WHERE gateway_reference IS NOT NULL;
CREATE INDEX gateway_payment_unknown_idx ON billing.gateway_payment (tenant_id, id) WHERE status = 'unknown';

CREATE TRIGGER resolved_stays BEFORE UPDATE ON billing.gateway_payment
    FOR EACH ROW WHEN (OLD.status <> 'unknown') EXECUTE FUNCTION billing.append_only();
CREATE TRIGGER never_deleted BEFORE DELETE ON billing.gateway_payment
    FOR EACH ROW EXECUTE FUNCTION billing.append_only();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON billing.gateway_payment
    FOR EACH STATEMENT EXECUTE FUNCTION billing.append_only();

ALTER TABLE billing.gateway_payment ENABLE ROW LEVEL SECURITY;
ALTER TABLE billing.gateway_payment FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON billing.gateway_payment
    USING (tenant_id = nullif(current_setting('billing.tenant', true), ''))
    WITH CHECK (tenant_id = nullif(current_setting('billing.tenant', true), ''));
CREATE POLICY audit_reads ON billing.gateway_payment FOR SELECT TO billing_audit USING (true);
GRANT SELECT ON billing.gateway_payment TO billing_app, billing_audit;
GRANT INSERT ON billing.gateway_payment TO billing_app;
GRANT UPDATE (status, gateway_reference, reason, resolved_by, resolved_at) ON billing.gateway_payment TO billing_app;

-- Which line of which invoice a line of a credit note is about, and whether that is billed again: then the line of the
-- original holds its charge no more. What was credited of it, the components of the credit notes say.

CREATE TABLE billing.credited_line (
    tenant_id TEXT COLLATE "C" NOT NULL,
    credit_note_id TEXT COLLATE "C" NOT NULL,
    position SMALLINT NOT NULL,
    invoice_id TEXT COLLATE "C" NOT NULL,
    line_position SMALLINT NOT NULL,
    rebilled BOOLEAN NOT NULL,
    CONSTRAINT credited_line_pk PRIMARY KEY (tenant_id, credit_note_id, position),
    CONSTRAINT credited_line_tenant_id_credit_note_id_fk FOREIGN KEY(tenant_id, credit_note_id) REFERENCES billing.invoice (tenant_id, id),
    CONSTRAINT credited_line_tenant_id_invoice_id_fk FOREIGN KEY(tenant_id, invoice_id) REFERENCES billing.invoice (tenant_id, id)
);
CREATE INDEX credited_line_tenant_id_invoice_id_line_position_idx ON billing.credited_line (tenant_id, invoice_id, line_position);
CREATE UNIQUE INDEX credited_line_rebilled_once_idx ON billing.credited_line (tenant_id, invoice_id, line_position) WHERE rebilled;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON billing.credited_line
    FOR EACH ROW EXECUTE FUNCTION billing.append_only();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON billing.credited_line
    FOR EACH STATEMENT EXECUTE FUNCTION billing.append_only();

ALTER TABLE billing.credited_line ENABLE ROW LEVEL SECURITY;
ALTER TABLE billing.credited_line FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON billing.credited_line
    USING (tenant_id = nullif(current_setting('billing.tenant', true), ''))
    WITH CHECK (tenant_id = nullif(current_setting('billing.tenant', true), ''));
CREATE POLICY audit_reads ON billing.credited_line FOR SELECT TO billing_audit USING (true);
GRANT SELECT ON billing.credited_line TO billing_app, billing_audit;
GRANT INSERT ON billing.credited_line TO billing_app;

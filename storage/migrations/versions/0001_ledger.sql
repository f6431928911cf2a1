-- The ledger and the five FHIR resources on it.
--
-- Rules that hold for every table: the tenant comes first in every key; row-level security by tenant is on and forced,
-- for the owner too; text compares by bytes (COLLATE "C"). Made by billing_owner; who may do what stands at the end.

CREATE SCHEMA IF NOT EXISTS billing;

-- The first and the last instant of a FHIR date or dateTime. What names no zone is in UTC. Immutable, though the cast is
-- not declared so, because the text always names its zone by then: generated columns are made with these.
CREATE FUNCTION billing.fhir_low(value text) RETURNS timestamptz
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT CASE length(value)
        WHEN 4 THEN (value || '-01-01T00:00:00Z')::timestamptz
        WHEN 7 THEN (value || '-01T00:00:00Z')::timestamptz
        WHEN 10 THEN (value || 'T00:00:00Z')::timestamptz
        ELSE date_trunc('milliseconds', value::timestamptz, 'UTC')
    END
$$;

CREATE FUNCTION billing.fhir_high(value text) RETURNS timestamptz
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT CASE length(value)
        WHEN 4 THEN ((value || '-01-01T00:00:00Z')::timestamptz AT TIME ZONE 'UTC' + interval '1 year') AT TIME ZONE 'UTC'
        WHEN 7 THEN ((value || '-01T00:00:00Z')::timestamptz AT TIME ZONE 'UTC' + interval '1 month') AT TIME ZONE 'UTC'
        WHEN 10 THEN (value || 'T00:00:00Z')::timestamptz + interval '24 hours'
        -- A time is as exact as it is written: a second, or a part of one down to the millisecond.
        ELSE date_trunc('milliseconds', value::timestamptz, 'UTC')
             + CASE WHEN value ~ '\.' THEN interval '1 millisecond' ELSE interval '1 second' END
    END - interval '1 microsecond'
$$;

CREATE TABLE billing.tenant (
    tenant_id TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    country TEXT COLLATE "C" NOT NULL,
    currency TEXT COLLATE "C" NOT NULL,
    timezone TEXT COLLATE "C" NOT NULL,
    active BOOLEAN NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT tenant_pk PRIMARY KEY (tenant_id)
);

CREATE TABLE billing.facility (
    tenant_id TEXT COLLATE "C" NOT NULL,
    facility_id TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    CONSTRAINT facility_pk PRIMARY KEY (tenant_id, facility_id),
    CONSTRAINT facility_tenant_id_fk FOREIGN KEY(tenant_id) REFERENCES billing.tenant (tenant_id)
);

CREATE TABLE billing.tenant_setting (
    tenant_id TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    value TEXT COLLATE "C" NOT NULL,
    CONSTRAINT tenant_setting_pk PRIMARY KEY (tenant_id, key),
    CONSTRAINT tenant_setting_tenant_id_fk FOREIGN KEY(tenant_id) REFERENCES billing.tenant (tenant_id)
);

CREATE TABLE billing.account (
    tenant_id TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    version INTEGER NOT NULL,
    last_updated TIMESTAMP WITH TIME ZONE NOT NULL,
    source TEXT COLLATE "C",
    status TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C",
    owner TEXT COLLATE "C",
    service_period_start TEXT COLLATE "C",
    service_period_end TEXT COLLATE "C",
    service_period_low TIMESTAMP WITH TIME ZONE GENERATED ALWAYS AS (CASE WHEN service_period_start IS NULL AND service_period_end IS NULL THEN NULL ELSE coalesce(billing.fhir_low(service_period_start), '-infinity') END) STORED,
    service_period_high TIMESTAMP WITH TIME ZONE GENERATED ALWAYS AS (CASE WHEN service_period_start IS NULL AND service_period_end IS NULL THEN NULL ELSE coalesce(billing.fhir_high(service_period_end), 'infinity') END) STORED,
    currency TEXT COLLATE "C" NOT NULL,
    residue JSON NOT NULL,
    CONSTRAINT account_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT account_tenant_id_id_currency_key UNIQUE (tenant_id, id, currency)
);
CREATE INDEX account_tenant_id_last_updated_id_idx ON billing.account (tenant_id, last_updated, id);
CREATE INDEX account_tenant_id_owner_id_idx ON billing.account (tenant_id, owner, id);
CREATE INDEX account_tenant_id_service_period_high_id_idx ON billing.account (tenant_id, service_period_high, id);
CREATE INDEX account_tenant_id_service_period_low_service_period_high_id_idx ON billing.account (tenant_id, service_period_low, service_period_high, id);
CREATE INDEX account_tenant_id_status_id_idx ON billing.account (tenant_id, status, id);

CREATE TABLE billing.account_index (
    tenant_id TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    parameter TEXT COLLATE "C" NOT NULL,
    position SMALLINT[] NOT NULL,
    system TEXT COLLATE "C",
    value TEXT COLLATE "C",
    CONSTRAINT account_index_pk PRIMARY KEY (tenant_id, id, parameter, position),
    CONSTRAINT account_index_tenant_id_id_fk FOREIGN KEY(tenant_id, id) REFERENCES billing.account (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX account_index_tenant_id_parameter_value_system_id_idx ON billing.account_index (tenant_id, parameter, value, system, id);

CREATE TABLE billing.account_balance (
    tenant_id TEXT COLLATE "C" NOT NULL,
    account_id TEXT COLLATE "C" NOT NULL,
    currency TEXT COLLATE "C" NOT NULL,
    unbilled BIGINT DEFAULT '0' NOT NULL,
    billed_patient BIGINT DEFAULT '0' NOT NULL,
    billed_payer BIGINT DEFAULT '0' NOT NULL,
    unapplied BIGINT DEFAULT '0' NOT NULL,
    held BIGINT DEFAULT '0' NOT NULL,
    refund_payable BIGINT DEFAULT '0' NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT account_balance_pk PRIMARY KEY (tenant_id, account_id, currency),
    CONSTRAINT account_balance_held_not_negative_check CHECK (held >= 0),
    CONSTRAINT account_balance_held_is_unapplied_check CHECK (unapplied >= held),
    CONSTRAINT account_balance_tenant_id_account_id_currency_fk FOREIGN KEY(tenant_id, account_id, currency) REFERENCES billing.account (tenant_id, id, currency)
)
 WITH (fillfactor = 70);

CREATE TABLE billing.charge_item (
    tenant_id TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    version INTEGER NOT NULL,
    last_updated TIMESTAMP WITH TIME ZONE NOT NULL,
    source TEXT COLLATE "C",
    status TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C",
    context TEXT COLLATE "C",
    occurrence_date_time TEXT COLLATE "C",
    occurrence_period_start TEXT COLLATE "C",
    occurrence_period_end TEXT COLLATE "C",
    occurrence_low TIMESTAMP WITH TIME ZONE GENERATED ALWAYS AS (CASE WHEN occurrence_date_time IS NULL AND occurrence_period_start IS NULL AND occurrence_period_end IS NULL THEN NULL ELSE coalesce(billing.fhir_low(coalesce(occurrence_date_time, occurrence_period_start)), '-infinity') END) STORED,
    occurrence_high TIMESTAMP WITH TIME ZONE GENERATED ALWAYS AS (CASE WHEN occurrence_date_time IS NULL AND occurrence_period_start IS NULL AND occurrence_period_end IS NULL THEN NULL ELSE coalesce(billing.fhir_high(coalesce(occurrence_date_time, occurrence_period_end)), 'infinity') END) STORED,
    performing_organization TEXT COLLATE "C",
    requesting_organization TEXT COLLATE "C",
    enterer TEXT COLLATE "C",
    entered_date TEXT COLLATE "C",
    entered_date_low TIMESTAMP WITH TIME ZONE GENERATED ALWAYS AS (billing.fhir_low(entered_date)) STORED,
    entered_date_high TIMESTAMP WITH TIME ZONE GENERATED ALWAYS AS (billing.fhir_high(entered_date)) STORED,
    quantity_value NUMERIC,
    quantity_system TEXT COLLATE "C",
    quantity_code TEXT COLLATE "C",
    factor_override NUMERIC,
    price_override_minor BIGINT,
    price_override_currency TEXT COLLATE "C",
    price_override_scale SMALLINT,
    account_id TEXT COLLATE "C",
    amount_minor BIGINT,
    amount_currency TEXT COLLATE "C",
    unpriced BOOLEAN NOT NULL,
    residue JSON NOT NULL,
    CONSTRAINT charge_item_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT charge_item_tenant_id_account_id_fk FOREIGN KEY(tenant_id, account_id) REFERENCES billing.account (tenant_id, id)
);
CREATE INDEX charge_item_occurrence_period_idx ON billing.charge_item (tenant_id, occurrence_high, id) WHERE occurrence_date_time IS NULL AND occurrence_high IS NOT NULL;
CREATE INDEX charge_item_tenant_id_account_id_id_idx ON billing.charge_item (tenant_id, account_id, id);
CREATE INDEX charge_item_tenant_id_last_updated_id_idx ON billing.charge_item (tenant_id, last_updated, id);
CREATE INDEX charge_item_tenant_id_occurrence_low_occurrence_high_id_idx ON billing.charge_item (tenant_id, occurrence_low, occurrence_high, id);
CREATE INDEX charge_item_tenant_id_status_id_idx ON billing.charge_item (tenant_id, status, id);
CREATE INDEX charge_item_tenant_id_subject_occurrence_low_occurrence_1b20 ON billing.charge_item (tenant_id, subject, occurrence_low, occurrence_high, id);

CREATE TABLE billing.charge_item_index (
    tenant_id TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    parameter TEXT COLLATE "C" NOT NULL,
    position SMALLINT[] NOT NULL,
    system TEXT COLLATE "C",
    value TEXT COLLATE "C",
    CONSTRAINT charge_item_index_pk PRIMARY KEY (tenant_id, id, parameter, position),
    CONSTRAINT charge_item_index_tenant_id_id_fk FOREIGN KEY(tenant_id, id) REFERENCES billing.charge_item (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX charge_item_index_tenant_id_parameter_value_system_id_idx ON billing.charge_item_index (tenant_id, parameter, value, system, id);

CREATE TABLE billing.invoice (
    tenant_id TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    version INTEGER NOT NULL,
    last_updated TIMESTAMP WITH TIME ZONE NOT NULL,
    source TEXT COLLATE "C",
    status TEXT COLLATE "C" NOT NULL,
    cancelled_reason TEXT COLLATE "C",
    subject TEXT COLLATE "C",
    recipient TEXT COLLATE "C",
    date TEXT COLLATE "C",
    date_low TIMESTAMP WITH TIME ZONE GENERATED ALWAYS AS (billing.fhir_low(date)) STORED,
    date_high TIMESTAMP WITH TIME ZONE GENERATED ALWAYS AS (billing.fhir_high(date)) STORED,
    issuer TEXT COLLATE "C",
    account_id TEXT COLLATE "C",
    total_net_minor BIGINT,
    total_net_currency TEXT COLLATE "C",
    total_net_scale SMALLINT,
    total_gross_minor BIGINT,
    total_gross_currency TEXT COLLATE "C",
    total_gross_scale SMALLINT,
    settled_minor BIGINT,
    due_minor BIGINT,
    settlement_currency TEXT COLLATE "C",
    due_date TEXT COLLATE "C",
    credit_of_id TEXT COLLATE "C",
    residue JSON NOT NULL,
    CONSTRAINT invoice_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT invoice_settlement_sums_to_total_check CHECK (settled_minor + due_minor = total_gross_minor),
    CONSTRAINT invoice_not_over_settled_check CHECK (due_minor >= 0),
    CONSTRAINT invoice_not_under_settled_check CHECK (settled_minor >= 0 OR credit_of_id IS NOT NULL),
    CONSTRAINT invoice_tenant_id_account_id_fk FOREIGN KEY(tenant_id, account_id) REFERENCES billing.account (tenant_id, id),
    CONSTRAINT invoice_tenant_id_credit_of_id_fk FOREIGN KEY(tenant_id, credit_of_id) REFERENCES billing.invoice (tenant_id, id)
);
CREATE INDEX invoice_tenant_id_account_id_id_idx ON billing.invoice (tenant_id, account_id, id);
CREATE INDEX invoice_tenant_id_date_low_date_high_id_idx ON billing.invoice (tenant_id, date_low, date_high, id);
CREATE INDEX invoice_tenant_id_last_updated_id_idx ON billing.invoice (tenant_id, last_updated, id);
CREATE INDEX invoice_tenant_id_recipient_id_idx ON billing.invoice (tenant_id, recipient, id);
CREATE INDEX invoice_tenant_id_status_id_idx ON billing.invoice (tenant_id, status, id);
CREATE INDEX invoice_tenant_id_subject_date_low_date_high_id_idx ON billing.invoice (tenant_id, subject, date_low, date_high, id);

CREATE TABLE billing.invoice_index (
    tenant_id TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    parameter TEXT COLLATE "C" NOT NULL,
    position SMALLINT[] NOT NULL,
    system TEXT COLLATE "C",
    value TEXT COLLATE "C",
    CONSTRAINT invoice_index_pk PRIMARY KEY (tenant_id, id, parameter, position),
    CONSTRAINT invoice_index_tenant_id_id_fk FOREIGN KEY(tenant_id, id) REFERENCES billing.invoice (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX invoice_index_tenant_id_parameter_value_system_id_idx ON billing.invoice_index (tenant_id, parameter, value, system, id);

CREATE TABLE billing.invoice_line (
    tenant_id TEXT COLLATE "C" NOT NULL,
    invoice_id TEXT COLLATE "C" NOT NULL,
    position SMALLINT NOT NULL,
    sequence INTEGER,
    charge_item_id TEXT COLLATE "C",
    residue JSON NOT NULL,
    CONSTRAINT invoice_line_pk PRIMARY KEY (tenant_id, invoice_id, position),
    CONSTRAINT invoice_line_tenant_id_charge_item_id_fk FOREIGN KEY(tenant_id, charge_item_id) REFERENCES billing.charge_item (tenant_id, id),
    CONSTRAINT invoice_line_tenant_id_invoice_id_fk FOREIGN KEY(tenant_id, invoice_id) REFERENCES billing.invoice (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX invoice_line_tenant_id_charge_item_id_invoice_id_idx ON billing.invoice_line (tenant_id, charge_item_id, invoice_id);

CREATE TABLE billing.invoice_price_component (
    tenant_id TEXT COLLATE "C" NOT NULL,
    invoice_id TEXT COLLATE "C" NOT NULL,
    line_position SMALLINT NOT NULL,
    position SMALLINT NOT NULL,
    type TEXT COLLATE "C" NOT NULL,
    code_system TEXT COLLATE "C",
    code TEXT COLLATE "C",
    factor NUMERIC,
    amount_minor BIGINT,
    amount_currency TEXT COLLATE "C",
    amount_scale SMALLINT,
    residue JSON NOT NULL,
    CONSTRAINT invoice_price_component_pk PRIMARY KEY (tenant_id, invoice_id, line_position, position),
    CONSTRAINT invoice_price_component_tenant_id_invoice_id_fk FOREIGN KEY(tenant_id, invoice_id) REFERENCES billing.invoice (tenant_id, id) ON DELETE CASCADE
);

CREATE TABLE billing.invoice_payer_share (
    tenant_id TEXT COLLATE "C" NOT NULL,
    invoice_id TEXT COLLATE "C" NOT NULL,
    position SMALLINT NOT NULL,
    payer TEXT COLLATE "C",
    payer_system TEXT COLLATE "C",
    payer_value TEXT COLLATE "C",
    amount_minor BIGINT,
    amount_currency TEXT COLLATE "C",
    amount_scale SMALLINT,
    residue JSON NOT NULL,
    CONSTRAINT invoice_payer_share_pk PRIMARY KEY (tenant_id, invoice_id, position),
    CONSTRAINT invoice_payer_share_tenant_id_invoice_id_fk FOREIGN KEY(tenant_id, invoice_id) REFERENCES billing.invoice (tenant_id, id) ON DELETE CASCADE
);

CREATE TABLE billing.invoiced_charge (
    tenant_id TEXT COLLATE "C" NOT NULL,
    charge_item_id TEXT COLLATE "C" NOT NULL,
    invoice_id TEXT COLLATE "C" NOT NULL,
    CONSTRAINT invoiced_charge_pk PRIMARY KEY (tenant_id, charge_item_id),
    CONSTRAINT invoiced_charge_tenant_id_charge_item_id_fk FOREIGN KEY(tenant_id, charge_item_id) REFERENCES billing.charge_item (tenant_id, id),
    CONSTRAINT invoiced_charge_tenant_id_invoice_id_fk FOREIGN KEY(tenant_id, invoice_id) REFERENCES billing.invoice (tenant_id, id)
);
CREATE INDEX invoiced_charge_tenant_id_invoice_id_idx ON billing.invoiced_charge (tenant_id, invoice_id);

CREATE TABLE billing.payment_reconciliation (
    tenant_id TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    version INTEGER NOT NULL,
    last_updated TIMESTAMP WITH TIME ZONE NOT NULL,
    source TEXT COLLATE "C",
    status TEXT COLLATE "C" NOT NULL,
    period_start TEXT COLLATE "C",
    period_end TEXT COLLATE "C",
    created TEXT COLLATE "C",
    created_low TIMESTAMP WITH TIME ZONE GENERATED ALWAYS AS (billing.fhir_low(created)) STORED,
    created_high TIMESTAMP WITH TIME ZONE GENERATED ALWAYS AS (billing.fhir_high(created)) STORED,
    payment_issuer TEXT COLLATE "C",
    request TEXT COLLATE "C",
    requestor TEXT COLLATE "C",
    outcome TEXT COLLATE "C",
    disposition TEXT COLLATE "C",
    payment_date TEXT COLLATE "C",
    payment_amount_minor BIGINT,
    payment_amount_currency TEXT COLLATE "C",
    payment_amount_scale SMALLINT,
    payment_identifier_system TEXT COLLATE "C",
    payment_identifier_value TEXT COLLATE "C",
    payment_account_id TEXT COLLATE "C",
    method TEXT COLLATE "C",
    refunded_minor BIGINT,
    refunded_currency TEXT COLLATE "C",
    residue JSON NOT NULL,
    CONSTRAINT payment_reconciliation_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT payment_reconciliation_tenant_id_payment_account_id_fk FOREIGN KEY(tenant_id, payment_account_id) REFERENCES billing.account (tenant_id, id)
);
CREATE INDEX payment_reconciliation_tenant_id_created_low_created_hi_e16c ON billing.payment_reconciliation (tenant_id, created_low, created_high, id);
CREATE INDEX payment_reconciliation_tenant_id_last_updated_id_idx ON billing.payment_reconciliation (tenant_id, last_updated, id);
CREATE INDEX payment_reconciliation_tenant_id_payment_account_id_id_idx ON billing.payment_reconciliation (tenant_id, payment_account_id, id);
CREATE INDEX payment_reconciliation_tenant_id_payment_issuer_id_idx ON billing.payment_reconciliation (tenant_id, payment_issuer, id);
CREATE INDEX payment_reconciliation_tenant_id_status_id_idx ON billing.payment_reconciliation (tenant_id, status, id);

CREATE TABLE billing.payment_reconciliation_index (
    tenant_id TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    parameter TEXT COLLATE "C" NOT NULL,
    position SMALLINT[] NOT NULL,
    system TEXT COLLATE "C",
    value TEXT COLLATE "C",
    CONSTRAINT payment_reconciliation_index_pk PRIMARY KEY (tenant_id, id, parameter, position),
    CONSTRAINT payment_reconciliation_index_tenant_id_id_fk FOREIGN KEY(tenant_id, id) REFERENCES billing.payment_reconciliation (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX payment_reconciliation_index_tenant_id_parameter_value__d832 ON billing.payment_reconciliation_index (tenant_id, parameter, value, system, id);

CREATE TABLE billing.payment_detail (
    tenant_id TEXT COLLATE "C" NOT NULL,
    payment_id TEXT COLLATE "C" NOT NULL,
    position SMALLINT NOT NULL,
    type_system TEXT COLLATE "C",
    type_code TEXT COLLATE "C",
    request TEXT COLLATE "C",
    date TEXT COLLATE "C",
    amount_minor BIGINT,
    amount_currency TEXT COLLATE "C",
    amount_scale SMALLINT,
    residue JSON NOT NULL,
    CONSTRAINT payment_detail_pk PRIMARY KEY (tenant_id, payment_id, position),
    CONSTRAINT payment_detail_tenant_id_payment_id_fk FOREIGN KEY(tenant_id, payment_id) REFERENCES billing.payment_reconciliation (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX payment_detail_tenant_id_request_payment_id_idx ON billing.payment_detail (tenant_id, request, payment_id);

CREATE TABLE billing.payment_notice (
    tenant_id TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    version INTEGER NOT NULL,
    last_updated TIMESTAMP WITH TIME ZONE NOT NULL,
    source TEXT COLLATE "C",
    status TEXT COLLATE "C" NOT NULL,
    request TEXT COLLATE "C",
    response TEXT COLLATE "C",
    created TEXT COLLATE "C",
    created_low TIMESTAMP WITH TIME ZONE GENERATED ALWAYS AS (billing.fhir_low(created)) STORED,
    created_high TIMESTAMP WITH TIME ZONE GENERATED ALWAYS AS (billing.fhir_high(created)) STORED,
    provider TEXT COLLATE "C",
    payment_id TEXT COLLATE "C",
    payment_date TEXT COLLATE "C",
    payee TEXT COLLATE "C",
    recipient TEXT COLLATE "C",
    amount_minor BIGINT,
    amount_currency TEXT COLLATE "C",
    amount_scale SMALLINT,
    residue JSON NOT NULL,
    CONSTRAINT payment_notice_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT payment_notice_tenant_id_payment_id_fk FOREIGN KEY(tenant_id, payment_id) REFERENCES billing.payment_reconciliation (tenant_id, id)
);
CREATE INDEX payment_notice_tenant_id_created_low_created_high_id_idx ON billing.payment_notice (tenant_id, created_low, created_high, id);
CREATE INDEX payment_notice_tenant_id_last_updated_id_idx ON billing.payment_notice (tenant_id, last_updated, id);
CREATE INDEX payment_notice_tenant_id_payment_id_id_idx ON billing.payment_notice (tenant_id, payment_id, id);
CREATE INDEX payment_notice_tenant_id_request_id_idx ON billing.payment_notice (tenant_id, request, id);
CREATE INDEX payment_notice_tenant_id_response_id_idx ON billing.payment_notice (tenant_id, response, id);
CREATE INDEX payment_notice_tenant_id_status_id_idx ON billing.payment_notice (tenant_id, status, id);

CREATE TABLE billing.payment_notice_index (
    tenant_id TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    parameter TEXT COLLATE "C" NOT NULL,
    position SMALLINT[] NOT NULL,
    system TEXT COLLATE "C",
    value TEXT COLLATE "C",
    CONSTRAINT payment_notice_index_pk PRIMARY KEY (tenant_id, id, parameter, position),
    CONSTRAINT payment_notice_index_tenant_id_id_fk FOREIGN KEY(tenant_id, id) REFERENCES billing.payment_notice (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX payment_notice_index_tenant_id_parameter_value_system_id_idx ON billing.payment_notice_index (tenant_id, parameter, value, system, id);

CREATE TABLE billing.journal_entry (
    tenant_id TEXT COLLATE "C" NOT NULL,
    entry_id UUID NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    effective_at DATE NOT NULL,
    service_date DATE,
    recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    source_type TEXT COLLATE "C" NOT NULL,
    source_id TEXT COLLATE "C" NOT NULL,
    reverses_entry_id UUID,
    reason TEXT COLLATE "C",
    created_by TEXT COLLATE "C" NOT NULL,
    CONSTRAINT journal_entry_pk PRIMARY KEY (tenant_id, entry_id),
    CONSTRAINT journal_entry_tenant_id_reverses_entry_id_key UNIQUE (tenant_id, reverses_entry_id),
    CONSTRAINT journal_entry_tenant_id_reverses_entry_id_fk FOREIGN KEY(tenant_id, reverses_entry_id) REFERENCES billing.journal_entry (tenant_id, entry_id)
);
CREATE INDEX journal_entry_tenant_id_source_id_source_type_kind_idx ON billing.journal_entry (tenant_id, source_id, source_type, kind);

CREATE TABLE billing.posting (
    tenant_id TEXT COLLATE "C" NOT NULL,
    entry_id UUID NOT NULL,
    line SMALLINT NOT NULL,
    ledger_account SMALLINT NOT NULL,
    currency TEXT COLLATE "C" NOT NULL,
    amount_minor BIGINT NOT NULL,
    effective_at DATE NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    account_id TEXT COLLATE "C",
    invoice_id TEXT COLLATE "C",
    charge_item_id TEXT COLLATE "C",
    payment_id TEXT COLLATE "C",
    payer TEXT COLLATE "C",
    facility TEXT COLLATE "C",
    detail TEXT COLLATE "C",
    CONSTRAINT posting_pk PRIMARY KEY (tenant_id, entry_id, line),
    CONSTRAINT posting_not_zero_check CHECK (amount_minor <> 0),
    CONSTRAINT posting_tenant_id_account_id_currency_fk FOREIGN KEY(tenant_id, account_id, currency) REFERENCES billing.account_balance (tenant_id, account_id, currency)
);
CREATE INDEX posting_invoice_idx ON billing.posting (tenant_id, invoice_id) WHERE invoice_id IS NOT NULL;
CREATE INDEX posting_payment_idx ON billing.posting (tenant_id, payment_id) WHERE payment_id IS NOT NULL;
CREATE INDEX posting_tenant_id_account_id_ledger_account_effective_at_idx ON billing.posting (tenant_id, account_id, ledger_account, effective_at);

CREATE TABLE billing.resource_versions (
    tenant_id TEXT COLLATE "C" NOT NULL,
    resource_type TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    version INTEGER NOT NULL,
    last_updated TIMESTAMP WITH TIME ZONE NOT NULL,
    interaction TEXT COLLATE "C" NOT NULL,
    content TEXT COLLATE "C",
    mapper_version SMALLINT NOT NULL,
    created_by TEXT COLLATE "C" NOT NULL,
    CONSTRAINT resource_versions_pk PRIMARY KEY (tenant_id, resource_type, id, version),
    CONSTRAINT resource_versions_deletion_has_no_content_check CHECK ((interaction = 'delete') = (content IS NULL))
);

CREATE INDEX resource_versions_tenant_id_last_updated_resource_type_idx ON billing.resource_versions (tenant_id, last_updated, resource_type);

CREATE TABLE billing.outbox (
    tenant_id TEXT COLLATE "C" NOT NULL,
    resource_type TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    version INTEGER NOT NULL,
    position BIGINT GENERATED ALWAYS AS IDENTITY,
    events TEXT[] NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT outbox_pk PRIMARY KEY (tenant_id, resource_type, id, version)
);

CREATE TABLE billing.idempotency_key (
    tenant_id TEXT COLLATE "C" NOT NULL,
    client TEXT COLLATE "C" NOT NULL,
    operation TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    request_hash TEXT COLLATE "C" NOT NULL,
    http_status SMALLINT NOT NULL,
    location TEXT COLLATE "C",
    answer TEXT COLLATE "C" NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT idempotency_key_pk PRIMARY KEY (tenant_id, client, operation, key)
);

CREATE TABLE billing.number_series (
    tenant_id TEXT COLLATE "C" NOT NULL,
    series TEXT COLLATE "C" NOT NULL,
    facility TEXT COLLATE "C" NOT NULL,
    year SMALLINT NOT NULL,
    last_number INTEGER NOT NULL,
    CONSTRAINT number_series_pk PRIMARY KEY (tenant_id, series, facility, year)
);

CREATE TABLE billing.business_key (
    tenant_id TEXT COLLATE "C" NOT NULL,
    resource_type TEXT COLLATE "C" NOT NULL,
    system TEXT COLLATE "C" NOT NULL,
    value TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    content_hash TEXT COLLATE "C" NOT NULL,
    CONSTRAINT business_key_pk PRIMARY KEY (tenant_id, resource_type, system, value)
);
CREATE INDEX business_key_tenant_id_resource_type_id_idx ON billing.business_key (tenant_id, resource_type, id);


-- An entry is balanced in each currency, all of it is written by one statement, and only into an entry that this very
-- transaction has made: nobody adds a line to an old entry.
CREATE FUNCTION billing.posting_is_sound() RETURNS trigger LANGUAGE plpgsql AS $$
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
    RETURN NULL;
END
$$;

CREATE TRIGGER posting_is_sound AFTER INSERT ON billing.posting
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION billing.posting_is_sound();

-- What is written stays. The application has no right to change these tables at all; the triggers stop the owner's slips.
CREATE FUNCTION billing.append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'insufficient_privilege', HINT = 'Correct it by a new row that reverses the old one.';
END
$$;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['journal_entry', 'posting', 'resource_versions', 'outbox', 'idempotency_key'] LOOP
        EXECUTE format(
            'CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON billing.%I '
            'FOR EACH ROW EXECUTE FUNCTION billing.append_only()', name);
        EXECUTE format(
            'CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON billing.%I '
            'FOR EACH STATEMENT EXECUTE FUNCTION billing.append_only()', name);
    END LOOP;
END
$$;

-- Row-level security by tenant, forced, on every table. billing_audit reads all tenants: it proves the books.
DO $$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'billing' LOOP
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
    -- What may change, or go, is named here. The journal, the versions and the outbox are not.
    FOREACH name IN ARRAY ARRAY[
        'tenant', 'facility', 'tenant_setting', 'account_balance', 'number_series',
        'account', 'charge_item', 'invoice', 'payment_reconciliation', 'payment_notice'
    ] LOOP
        EXECUTE format('GRANT UPDATE ON billing.%I TO billing_app', name);
    END LOOP;
    FOREACH name IN ARRAY ARRAY[
        'facility', 'tenant_setting', 'account_balance', 'business_key', 'invoiced_charge',
        'account', 'charge_item', 'invoice', 'payment_reconciliation', 'payment_notice',
        'account_index', 'charge_item_index', 'invoice_index', 'payment_reconciliation_index', 'payment_notice_index',
        'invoice_line', 'invoice_price_component', 'invoice_payer_share', 'payment_detail'
    ] LOOP
        EXECUTE format('GRANT DELETE ON billing.%I TO billing_app', name);
    END LOOP;
END
$$;

GRANT USAGE ON SCHEMA billing TO billing_app, billing_worker, billing_audit;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA billing TO billing_app, billing_worker, billing_audit;

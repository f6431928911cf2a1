-- Price lists with their versions, prices and rules, and what each charge was priced at.
--
-- A list is for a tenant, one of its facilities, or a country (then it is of the reserved tenant `national`), and may be
-- for one program. A version is written whole, as a draft, and never edited: it is activated or discarded, and once
-- active only its end may come sooner, when another version supersedes it. Prices and rules are only ever added,
-- with their version.

CREATE TABLE billing.price_list (
    tenant_id TEXT COLLATE "C" NOT NULL,
    list_id TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    level TEXT COLLATE "C" NOT NULL,
    facility TEXT COLLATE "C",
    country TEXT COLLATE "C",
    program_system TEXT COLLATE "C",
    program_code TEXT COLLATE "C",
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    created_by TEXT COLLATE "C" NOT NULL,
    CONSTRAINT price_list_pk PRIMARY KEY (tenant_id, list_id),
    CONSTRAINT price_list_level_known_check CHECK (level IN ('tenant', 'facility', 'national')),
    CONSTRAINT price_list_facility_of_level_check CHECK ((level = 'facility') = (facility IS NOT NULL)),
    CONSTRAINT price_list_country_of_level_check CHECK ((level = 'national') = (country IS NOT NULL)),
    CONSTRAINT price_list_national_reserved_check CHECK ((level = 'national') = (tenant_id = 'national')),
    CONSTRAINT price_list_program_whole_check CHECK ((program_system IS NULL) = (program_code IS NULL))
);

CREATE TABLE billing.price_list_version (
    tenant_id TEXT COLLATE "C" NOT NULL,
    list_id TEXT COLLATE "C" NOT NULL,
    version INTEGER NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    valid_from DATE NOT NULL,
    valid_to DATE,
    content_hash TEXT COLLATE "C" NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    created_by TEXT COLLATE "C" NOT NULL,
    activated_at TIMESTAMP WITH TIME ZONE,
    activated_by TEXT COLLATE "C",
    ended_at TIMESTAMP WITH TIME ZONE,
    ended_by TEXT COLLATE "C",
    CONSTRAINT price_list_version_pk PRIMARY KEY (tenant_id, list_id, version),
    CONSTRAINT price_list_version_status_known_check CHECK (status IN ('draft', 'active', 'discarded')),
    CONSTRAINT price_list_version_window_check CHECK (valid_to >= valid_from - 1),
    CONSTRAINT price_list_version_activated_check CHECK ((status = 'active') = (activated_at IS NOT NULL)),
    CONSTRAINT price_list_version_tenant_id_list_id_fk FOREIGN KEY(tenant_id, list_id) REFERENCES billing.price_list (tenant_id, list_id)
);

-- unit and currency are part of the key: one code may have a price a unit and a currency; '' is any unit.
CREATE TABLE billing.price (
    tenant_id TEXT COLLATE "C" NOT NULL,
    list_id TEXT COLLATE "C" NOT NULL,
    version INTEGER NOT NULL,
    system TEXT COLLATE "C" NOT NULL,
    code TEXT COLLATE "C" NOT NULL,
    currency TEXT COLLATE "C" NOT NULL,
    unit TEXT COLLATE "C" NOT NULL,
    amount_minor BIGINT NOT NULL,
    tax_category TEXT COLLATE "C",
    tax_included BOOLEAN NOT NULL,
    name TEXT COLLATE "C",
    CONSTRAINT price_pk PRIMARY KEY (tenant_id, list_id, version, system, code, currency, unit),
    CONSTRAINT price_not_negative_check CHECK (amount_minor >= 0),
    CONSTRAINT price_tax_named_check CHECK (tax_category IS NOT NULL OR NOT tax_included),
    CONSTRAINT price_tenant_id_list_id_version_fk FOREIGN KEY(tenant_id, list_id, version) REFERENCES billing.price_list_version (tenant_id, list_id, version)
);
CREATE INDEX price_tenant_id_code_system_idx ON billing.price (tenant_id, code, system);

-- What changes a price of its version: for every code or one, for every charge or those with a modifier.
CREATE TABLE billing.price_rule (
    tenant_id TEXT COLLATE "C" NOT NULL,
    list_id TEXT COLLATE "C" NOT NULL,
    version INTEGER NOT NULL,
    rule_id TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    percent NUMERIC,
    amount_minor BIGINT,
    currency TEXT COLLATE "C",
    system TEXT COLLATE "C",
    code TEXT COLLATE "C",
    modifier_system TEXT COLLATE "C",
    modifier TEXT COLLATE "C",
    name TEXT COLLATE "C",
    CONSTRAINT price_rule_pk PRIMARY KEY (tenant_id, list_id, version, rule_id),
    CONSTRAINT price_rule_kind_known_check CHECK (kind IN ('factor', 'surcharge', 'discount', 'exemption')),
    CONSTRAINT price_rule_percent_or_amount_check CHECK ((percent IS NULL) <> (amount_minor IS NULL)),
    CONSTRAINT price_rule_currency_of_amount_check CHECK ((amount_minor IS NULL) = (currency IS NULL)),
    CONSTRAINT price_rule_not_negative_check CHECK (percent >= 0 OR amount_minor >= 0),
    CONSTRAINT price_rule_code_whole_check CHECK ((system IS NULL) = (code IS NULL)),
    CONSTRAINT price_rule_modifier_whole_check CHECK (modifier IS NOT NULL OR modifier_system IS NULL),
    CONSTRAINT price_rule_tenant_id_list_id_version_fk FOREIGN KEY(tenant_id, list_id, version) REFERENCES billing.price_list_version (tenant_id, list_id, version)
);

-- What a version of a charge was priced at: the list, its version and rules, and the figures, which nobody changes.
CREATE TABLE billing.charge_price (
    tenant_id TEXT COLLATE "C" NOT NULL,
    charge_item_id TEXT COLLATE "C" NOT NULL,
    charge_version INTEGER NOT NULL,
    list_tenant TEXT COLLATE "C" NOT NULL,
    list_id TEXT COLLATE "C" NOT NULL,
    list_version INTEGER NOT NULL,
    system TEXT COLLATE "C" NOT NULL,
    code TEXT COLLATE "C" NOT NULL,
    currency TEXT COLLATE "C" NOT NULL,
    unit TEXT COLLATE "C" NOT NULL,
    service_date DATE NOT NULL,
    unit_price_minor BIGINT NOT NULL,
    quantity NUMERIC NOT NULL,
    factor NUMERIC NOT NULL,
    tax_category TEXT COLLATE "C",
    tax_rate NUMERIC,
    tax_rule TEXT COLLATE "C",
    base_minor BIGINT NOT NULL,
    surcharge_minor BIGINT NOT NULL,
    discount_minor BIGINT NOT NULL,
    exemption_minor BIGINT NOT NULL,
    rules TEXT[] NOT NULL,
    priced_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT charge_price_pk PRIMARY KEY (tenant_id, charge_item_id, charge_version)
);
CREATE INDEX charge_price_tenant_id_list_id_list_version_idx ON billing.charge_price (tenant_id, list_id, list_version);

-- The worklists: charges that wait for a price, and charges that wait for an account.
CREATE INDEX charge_item_unpriced_idx ON billing.charge_item (tenant_id, id) WHERE unpriced;
CREATE INDEX charge_item_without_account_idx ON billing.charge_item (tenant_id, id) WHERE account_id IS NULL AND status = 'billable';

-- Prices and rules come with their version, in its transaction; nobody adds one to a version that is there.
CREATE FUNCTION billing.price_is_of_new_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM (SELECT DISTINCT tenant_id, list_id, version FROM added) AS a
        LEFT JOIN billing.price_list_version AS v
            ON v.tenant_id = a.tenant_id AND v.list_id = a.list_id AND v.version = a.version
        WHERE v.xmin IS DISTINCT FROM pg_current_xact_id()::xid OR v.status <> 'draft'
    ) THEN
        RAISE EXCEPTION 'the prices of a version are written with it'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'price_of_new_version', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER price_is_of_new_version AFTER INSERT ON billing.price
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION billing.price_is_of_new_version();
CREATE TRIGGER price_is_of_new_version AFTER INSERT ON billing.price_rule
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION billing.price_is_of_new_version();

-- A version is activated or discarded once; when it is active, its end may come sooner and nothing else may change.
CREATE FUNCTION billing.price_list_version_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.tenant_id, NEW.list_id, NEW.version, NEW.valid_from, NEW.content_hash, NEW.created_at, NEW.created_by)
        IS DISTINCT FROM
       (OLD.tenant_id, OLD.list_id, OLD.version, OLD.valid_from, OLD.content_hash, OLD.created_at, OLD.created_by)
       OR (OLD.status <> 'draft' AND (NEW.status, NEW.activated_at, NEW.activated_by)
           IS DISTINCT FROM (OLD.status, OLD.activated_at, OLD.activated_by))
       OR coalesce(NEW.valid_to, 'infinity') > coalesce(OLD.valid_to, 'infinity')
       OR (OLD.status = 'discarded')
       OR (NEW.valid_to IS DISTINCT FROM OLD.valid_to AND (OLD.status <> 'active' OR NEW.ended_at IS NULL))
    THEN
        RAISE EXCEPTION 'a version of a price list is not edited'
            USING ERRCODE = 'insufficient_privilege', HINT = 'Write a new version that supersedes it.';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER price_list_version_stays BEFORE UPDATE ON billing.price_list_version
    FOR EACH ROW EXECUTE FUNCTION billing.price_list_version_stays();

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['price', 'price_rule', 'charge_price'] LOOP
        EXECUTE format(
            'CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON billing.%I '
            'FOR EACH ROW EXECUTE FUNCTION billing.append_only()', name);
        EXECUTE format(
            'CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON billing.%I '
            'FOR EACH STATEMENT EXECUTE FUNCTION billing.append_only()', name);
    END LOOP;
    FOREACH name IN ARRAY ARRAY['price_list', 'price_list_version', 'price', 'price_rule', 'charge_price'] LOOP
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
    -- The one policy by which a tenant reads what is not its own: the reserved tenant's, and nothing is written by it.
    FOREACH name IN ARRAY ARRAY['price_list', 'price_list_version', 'price', 'price_rule'] LOOP
        EXECUTE format(
            'CREATE POLICY national_reads ON billing.%I FOR SELECT TO billing_app '
            'USING (tenant_id = ''national'' AND nullif(current_setting(''billing.tenant'', true), '''') IS NOT NULL)',
            name);
    END LOOP;
END
$$;

GRANT UPDATE ON billing.price_list, billing.price_list_version TO billing_app;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA billing TO billing_app, billing_worker, billing_audit;

-- The reserved tenant: inactive, so that no token opens it; the operator writes its lists and rules.
SELECT set_config('billing.tenant', 'national', true);
INSERT INTO billing.tenant (tenant_id, name, country, currency, timezone, active, created_at)
VALUES ('national', 'National price lists and tax rules', 'ZZ', 'XXX', 'UTC', false, now());
SELECT set_config('billing.tenant', '', true);

-- A tenant as it is after years: ROWS charges, a tenth as many accounts and notices, a quarter as many invoices and
-- payments. Every search parameter has values that few resources have, beside those that most have.
SET session_replication_role = replica;
SET synchronous_commit = off;
SET work_mem = '256MB';

CREATE FUNCTION pg_temp.minute(n bigint) RETURNS text LANGUAGE sql AS $$
    SELECT to_char(timestamp '2024-01-01' + n * interval '1 minute', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
$$;

INSERT INTO billing.tenant (tenant_id, name, country, currency, timezone, active, created_at)
VALUES ('TENANT', 'Large', 'AF', 'AFN', 'Asia/Kabul', true, '2024-01-01');

INSERT INTO billing.account (tenant_id, id, version, last_updated, source, status, name, owner, service_period_start,
    service_period_end, currency, residue)
SELECT 'TENANT', 'a' || n, 1, '2024-01-01'::timestamptz + n * interval '10 minutes',
    CASE WHEN n % 2000 = 0 THEN 'urn:rare' WHEN n % 2 = 0 THEN 'urn:his' END,
    CASE WHEN n % 2000 = 0 THEN 'on-hold' ELSE 'active' END, 'Émile ' || n || ' of ' || n % 100,
    CASE WHEN n % 10 = 0 THEN 'Organization/' || n % 2000 ELSE 'Organization/main' END,
    pg_temp.minute(n * 10), pg_temp.minute(n * 10 + 60), 'AFN', '{}'
FROM generate_series(1, ROWS / 10) AS n;

INSERT INTO billing.charge_item (tenant_id, id, version, last_updated, source, status, subject, context,
    occurrence_date_time, performing_organization, requesting_organization, enterer, entered_date, quantity_value,
    quantity_system, quantity_code, factor_override, price_override_minor, price_override_currency,
    price_override_scale, account_id, amount_minor, amount_currency, unpriced, residue)
SELECT 'TENANT', 'c' || n, 1, '2024-01-01'::timestamptz + n * interval '1 minute',
    CASE WHEN n % 20000 = 0 THEN 'urn:rare' WHEN n % 2 = 0 THEN 'urn:his' END,
    CASE WHEN n % 20000 = 0 THEN 'aborted' WHEN n % 10 = 0 THEN 'billable' ELSE 'billed' END, 'Patient/' || n % (ROWS / 20),
    'Encounter/' || n % (ROWS / 10), pg_temp.minute(n),
    CASE WHEN n % 20000 = 0 THEN 'Organization/rare' ELSE 'Organization/main' END,
    CASE WHEN n % 20000 = 0 THEN 'Organization/rare' WHEN n % 2 = 0 THEN 'Organization/main' END,
    'Practitioner/' || n % (ROWS / 50), pg_temp.minute(n),
    CASE WHEN n % 20000 = 0 THEN 777.77 ELSE n % 20 END, 'http://unitsofmeasure.org', '1',
    CASE WHEN n % 20000 = 0 THEN 0.777 WHEN n % 3 = 0 THEN 0.8 END,
    CASE WHEN n % 2 = 0 THEN 100 * (n % (ROWS / 20)) END, CASE WHEN n % 2 = 0 THEN 'AFN' END,
    CASE WHEN n % 2 = 0 THEN 2 END, 'a' || 1 + n % (ROWS / 10), 100, 'AFN', false, '{}'
FROM generate_series(1, ROWS) AS n;

INSERT INTO billing.invoice (tenant_id, id, version, last_updated, source, status, subject, recipient, date, issuer,
    account_id, total_net_minor, total_net_currency, total_net_scale, total_gross_minor, total_gross_currency,
    total_gross_scale, residue)
SELECT 'TENANT', 'i' || n, 1, '2024-01-01'::timestamptz + n * interval '4 minutes',
    CASE WHEN n % 5000 = 0 THEN 'urn:rare' END,
    CASE WHEN n % 5000 = 0 THEN 'cancelled' WHEN n % 10 = 0 THEN 'draft' WHEN n % 3 = 0 THEN 'issued' ELSE 'balanced' END,
    'Patient/' || n % (ROWS / 20), 'Patient/' || n % (ROWS / 20), pg_temp.minute(n * 4),
    CASE WHEN n % 5000 = 0 THEN 'Organization/rare' ELSE 'Organization/main' END, 'a' || 1 + n % (ROWS / 10),
    100 * (n % (ROWS / 20)), 'AFN', 2, 110 * (n % (ROWS / 20)), 'AFN', 2, '{}'
FROM generate_series(1, ROWS / 4) AS n;

INSERT INTO billing.invoice_line (tenant_id, invoice_id, position, charge_item_id, residue)
SELECT 'TENANT', 'i' || 1 + n / 4, n % 4, 'c' || n, '{}' FROM generate_series(1, ROWS - 1) AS n;

INSERT INTO billing.payment_reconciliation (tenant_id, id, version, last_updated, source, status, created,
    payment_issuer, request, requestor, outcome, disposition, payment_account_id, residue)
SELECT 'TENANT', 'p' || n, 1, '2024-01-01'::timestamptz + n * interval '4 minutes',
    CASE WHEN n % 5000 = 0 THEN 'urn:rare' END, CASE WHEN n % 5000 = 0 THEN 'cancelled' ELSE 'active' END,
    pg_temp.minute(n * 4), CASE WHEN n % 3 = 0 THEN 'Organization/' || n % 5000 END,
    CASE WHEN n % 10 = 0 THEN 'Task/' || n % 50000 END, CASE WHEN n % 10 = 0 THEN 'Practitioner/' || n % 50000 END,
    CASE WHEN n % 5000 = 0 THEN 'error' ELSE 'complete' END,
    CASE WHEN n % 5000 = 0 THEN 'Rejected by hand' WHEN n % 2 = 0 THEN 'Paid' END,
    CASE WHEN n % 2 = 0 THEN 'a' || 1 + n % (ROWS / 10) END, '{}'
FROM generate_series(1, ROWS / 4) AS n;

INSERT INTO billing.payment_detail (tenant_id, payment_id, position, request, residue)
SELECT 'TENANT', 'p' || n, 0, CASE WHEN n % 3 > 0 THEN 'Invoice/i' || n ELSE 'Account/a' || 1 + n % (ROWS / 10) END, '{}'
FROM generate_series(1, ROWS / 4) AS n;

INSERT INTO billing.payment_notice (tenant_id, id, version, last_updated, source, status, request, response, created,
    provider, residue)
SELECT 'TENANT', 'n' || n, 1, '2024-01-01'::timestamptz + n * interval '10 minutes',
    CASE WHEN n % 2000 = 0 THEN 'urn:rare' END, CASE WHEN n % 2000 = 0 THEN 'cancelled' ELSE 'active' END,
    'Invoice/i' || n, 'PaymentReconciliation/p' || n, pg_temp.minute(n * 10),
    CASE WHEN n % 2000 = 0 THEN 'Organization/rare' ELSE 'Organization/main' END, '{}'
FROM generate_series(1, ROWS / 10) AS n;

-- Index rows: of every type the same labels and identifiers, and what else repeats.
DO $$
DECLARE
    kind record;
BEGIN
    FOR kind IN SELECT * FROM (VALUES
        ('account', 'a', ROWS / 10, 2000), ('charge_item', 'c', ROWS, 20000), ('invoice', 'i', ROWS / 4, 5000),
        ('payment_reconciliation', 'p', ROWS / 4, 5000), ('payment_notice', 'n', ROWS / 10, 2000)
    ) AS k(name, letter, total, rare)
    LOOP
        EXECUTE format($f$
            INSERT INTO billing.%1$I_index (tenant_id, id, parameter, position, system, value, text)
            SELECT 'TENANT', %2$L || n, x.parameter, '{0}', x.system, x.value, x.text
            FROM generate_series(1, %3$s) AS n CROSS JOIN LATERAL (VALUES
                ('identifier', 'http://his', n::text, NULL, true),
                ('identifier:type', 'http://types', CASE WHEN n %% %4$s = 0 THEN 'RARE' ELSE 'MR' END, NULL, n %% 10 = 0),
                ('identifier:text', NULL, NULL, CASE WHEN n %% %4$s = 0 THEN 'Rare' ELSE 'Medical record' END, n %% 10 = 0),
                ('_tag', 'http://tags', CASE WHEN n %% %4$s = 0 THEN 'rare' ELSE 'often' END, NULL, n %% 10 = 0),
                ('_tag:text', NULL, NULL, 'Rare', n %% %4$s = 0),
                ('_security', 'http://labels', CASE WHEN n %% %4$s = 0 THEN 'R' ELSE 'N' END, NULL, n %% 10 = 0),
                ('_security:text', NULL, NULL, 'Rare', n %% %4$s = 0),
                ('_profile', NULL, CASE WHEN n %% %4$s = 0 THEN 'http://p/rare' ELSE 'http://p/often' END, NULL, n %% 10 = 0)
            ) AS x(parameter, system, value, text, there) WHERE x.there
        $f$, kind.name, kind.letter, kind.total, kind.rare);
    END LOOP;
    FOR kind IN SELECT * FROM (VALUES
        ('account', 'a', ROWS / 10, 2000, 1, 'subject', NULL, 'Patient/', NULL),
        ('account', 'a', ROWS / 10, 2000, 1, 'type', 'http://types', 'type-', NULL),
        ('account', 'a', ROWS / 10, 2000, 4, 'type:text', NULL, NULL, 'Type '),
        ('charge_item', 'c', ROWS, 20000, 1, 'code', 'http://tariff', 'code-', NULL),
        ('charge_item', 'c', ROWS, 20000, 4, 'code:text', NULL, NULL, 'Service '),
        ('charge_item', 'c', ROWS, 20000, 4, 'performer-actor', NULL, 'Practitioner/', NULL),
        ('charge_item', 'c', ROWS, 20000, 4, 'performer-function', 'http://functions', 'function-', NULL),
        ('charge_item', 'c', ROWS, 20000, 16, 'performer-function:text', NULL, NULL, 'Function '),
        ('charge_item', 'c', ROWS, 20000, 4, 'service', NULL, 'Procedure/', NULL),
        ('invoice', 'i', ROWS / 4, 5000, 1, 'type', 'http://types', 'type-', NULL),
        ('invoice', 'i', ROWS / 4, 5000, 4, 'type:text', NULL, NULL, 'Type '),
        ('invoice', 'i', ROWS / 4, 5000, 1, 'participant', NULL, 'Practitioner/', NULL),
        ('invoice', 'i', ROWS / 4, 5000, 1, 'participant-role', 'http://roles', 'role-', NULL),
        ('invoice', 'i', ROWS / 4, 5000, 4, 'participant-role:text', NULL, NULL, 'Role '),
        ('payment_notice', 'n', ROWS / 10, 2000, 1, 'payment-status', 'http://statuses', 'status-', NULL),
        ('payment_notice', 'n', ROWS / 10, 2000, 4, 'payment-status:text', NULL, NULL, 'Status ')
    ) AS k(name, letter, total, rare, each, parameter, system, value, text)
    LOOP
        EXECUTE format($f$
            INSERT INTO billing.%1$I_index (tenant_id, id, parameter, position, system, value, text)
            SELECT 'TENANT', %2$L || n, %6$L, '{0}', %7$L::text, %8$L::text || n %% greatest(%3$s / 50, 1), %9$L::text || n %% greatest(%3$s / 20, 1)
            FROM generate_series(1, %3$s) AS n WHERE n %% %5$s = 0
        $f$, kind.name, kind.letter, kind.total, kind.rare, kind.each, kind.parameter, kind.system, kind.value, kind.text);
    END LOOP;
    -- References by an identifier: few of each.
    FOR kind IN SELECT * FROM (VALUES
        ('account', 'a', ROWS / 10, 2000, 'owner subject'),
        ('charge_item', 'c', ROWS, 20000, 'account context enterer performer-actor performing-organization requesting-organization service subject'),
        ('invoice', 'i', ROWS / 4, 5000, 'account issuer participant recipient subject'),
        ('payment_reconciliation', 'p', ROWS / 4, 5000, 'payment-issuer request requestor'),
        ('payment_notice', 'n', ROWS / 10, 2000, 'provider request response')
    ) AS k(name, letter, total, rare, parameters)
    LOOP
        EXECUTE format($f$
            INSERT INTO billing.%1$I_index (tenant_id, id, parameter, position, system, value)
            SELECT 'TENANT', %2$L || n, p || ':identifier', '{0}', 'http://mrn', 'mrn-' || n %% 7
            FROM generate_series(%4$s, %3$s, %4$s) AS n, unnest(string_to_array(%5$L, ' ')) AS p
        $f$, kind.name, kind.letter, kind.total, kind.rare, kind.parameters);
    END LOOP;
    FOR kind IN SELECT * FROM (VALUES
        ('account', 'Account'), ('charge_item', 'ChargeItem'), ('invoice', 'Invoice'),
        ('payment_reconciliation', 'PaymentReconciliation'), ('payment_notice', 'PaymentNotice')
    ) AS k(name, type)
    LOOP
        EXECUTE format($f$
            INSERT INTO billing.resource_versions (tenant_id, resource_type, id, version, last_updated, interaction, content,
                mapper_version, created_by)
            SELECT 'TENANT', %2$L, id, 1, last_updated, 'create', '{"resourceType":"' || %2$L || '","id":"' || id
                || '","meta":{"versionId":"1","lastUpdated":"2024-01-01T00:00:00.000000Z"},"status":"' || status
                || '","text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">' || repeat('of a size ', 30)
                || '</div>"}}', 1, 'test'
            FROM billing.%1$I WHERE tenant_id = 'TENANT'
        $f$, kind.name, kind.type);
    END LOOP;
END
$$;

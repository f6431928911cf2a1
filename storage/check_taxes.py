"""What the taxes of issued invoices and the tax rules must agree on, read for `./run check`."""

from __future__ import annotations

from storage.check_snapshot import LIMIT, sql

# invoice, line, rule: a component names a rule that is not there, that is of another place, day, tax or rate. A day
# more or less is fine where the date has a time, for the tenant's zone of then may have been another. The components of
# totals name all rules that they sum up, and are held against the lines elsewhere.
SNAPSHOT_WRONG = sql(
    "SELECT i.id, c.line_position, c.tax_rule FROM billing.invoice AS i"
    " JOIN billing.invoice_price_component AS c ON c.tenant_id = i.tenant_id AND c.invoice_id = i.id"
    " LEFT JOIN billing.tax_rule AS r ON r.rule_id = regexp_replace(c.tax_rule, '^national/', '')"
    " AND r.tenant_id = CASE WHEN starts_with(c.tax_rule, 'national/') THEN 'national' ELSE i.tenant_id END"
    " WHERE i.tenant_id = $1 AND i.status IN ('issued', 'balanced', 'cancelled') AND c.tax_rule IS NOT NULL"
    " AND c.line_position >= 0 AND EXISTS (SELECT FROM billing.journal_entry AS e WHERE e.tenant_id = i.tenant_id"
    " AND e.source_type = 'Invoice' AND e.source_id = i.id)"
    " AND (r.rule_id IS NULL OR c.code IS DISTINCT FROM r.code OR c.code_system IS DISTINCT FROM r.system"
    " OR c.factor IS DISTINCT FROM CASE WHEN r.treatment = 'exempt' THEN NULL ELSE r.percent / 100 END"
    " OR c.type <> CASE WHEN r.treatment = 'exempt' THEN 'informational' ELSE 'tax' END"
    " OR (r.facility IS NOT NULL AND right('/' || coalesce(i.issuer, ''), length(r.facility) + 14)"
    " <> '/Organization/' || r.facility)"
    " OR CASE WHEN length(i.date) = 10 THEN i.date::date < r.valid_from OR i.date::date > r.valid_to"
    " ELSE i.date_low < r.valid_from - interval '1 day' OR i.date_low > r.valid_to + interval '2 days' END)"
    f" ORDER BY 1, 2{LIMIT}"
)
# rule, the other one
OVERLAP = sql(
    "SELECT a.rule_id, b.rule_id FROM billing.tax_rule AS a JOIN billing.tax_rule AS b"
    " ON b.tenant_id = a.tenant_id AND b.rule_id > a.rule_id AND b.category = a.category AND b.code = a.code"
    " AND b.system IS NOT DISTINCT FROM a.system AND b.facility IS NOT DISTINCT FROM a.facility"
    " AND b.country IS NOT DISTINCT FROM a.country WHERE a.tenant_id = $1"
    " AND a.valid_from <= coalesce(b.valid_to, 'infinity') AND b.valid_from <= coalesce(a.valid_to, 'infinity')"
    " AND a.valid_from <= coalesce(a.valid_to, 'infinity') AND b.valid_from <= coalesce(b.valid_to, 'infinity')"
    f" ORDER BY 1, 2{LIMIT}"
)

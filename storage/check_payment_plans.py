"""What payment plans must be, read for `./run check`."""

from __future__ import annotations

from storage.check_snapshot import LIMIT, sql

# plan, what its instalments come to, what was owed on its invoices when it was made, invoices, of its account, gaps
PLAN_WRONG = sql(
    "SELECT p.id, i.amount, d.owed, c.invoices, c.own, i.disorder FROM billing.payment_plan AS p"
    " CROSS JOIN LATERAL (SELECT coalesce(sum(s.amount_minor), 0)::bigint AS amount, count(*) AS instalments,"
    " count(*) FILTER (WHERE s.number <> s.place OR s.due <= s.earlier OR s.due < p.made_on) AS disorder FROM ("
    "SELECT n.number, n.due, n.amount_minor, row_number() OVER (ORDER BY n.number) AS place,"
    " lag(n.due) OVER (ORDER BY n.number) AS earlier FROM billing.payment_plan_instalment AS n"
    " WHERE n.tenant_id = p.tenant_id AND n.plan_id = p.id) AS s) AS i"
    " CROSS JOIN LATERAL (SELECT count(DISTINCT n.invoice_id) AS invoices, count(*) FILTER ("
    "WHERE v.account_id = p.account_id AND a.currency = p.currency) AS own"
    " FROM billing.payment_plan_invoice AS n"
    " LEFT JOIN billing.account AS a ON a.tenant_id = n.tenant_id AND a.id = p.account_id"
    " LEFT JOIN billing.invoice AS v ON v.tenant_id = n.tenant_id AND v.id = n.invoice_id"
    " WHERE n.tenant_id = p.tenant_id AND n.plan_id = p.id) AS c"
    " CROSS JOIN LATERAL (SELECT coalesce(sum(o.amount_minor), 0)::bigint AS owed"
    " FROM billing.payment_plan_invoice AS n JOIN billing.posting AS o"
    " ON o.tenant_id = n.tenant_id AND o.invoice_id = n.invoice_id AND o.ledger_account = 1100"
    " AND o.recorded_at < p.made_at WHERE n.tenant_id = p.tenant_id AND n.plan_id = p.id) AS d"
    " WHERE p.tenant_id = $1 AND (i.amount <> d.owed OR i.instalments = 0 OR i.disorder <> 0 OR c.invoices = 0"
    f" OR c.own <> c.invoices) ORDER BY 1{LIMIT}"
)
# invoice, the plan that holds it, the plan that should; one of them may be none
HOLD_WRONG = sql(
    "WITH live AS (SELECT c.invoice_id, c.plan_id FROM billing.payment_plan_invoice AS c WHERE c.tenant_id = $1"
    " AND NOT EXISTS (SELECT FROM billing.payment_plan_event AS e WHERE e.tenant_id = $1 AND e.plan_id = c.plan_id"
    " AND e.kind = 'cancelled')), held AS (SELECT invoice_id, plan_id FROM billing.planned_invoice"
    " WHERE tenant_id = $1) SELECT coalesce(h.invoice_id, l.invoice_id), h.plan_id, l.plan_id FROM held AS h"
    " FULL JOIN live AS l ON l.invoice_id = h.invoice_id AND l.plan_id = h.plan_id"
    f" WHERE h.plan_id IS NULL OR l.plan_id IS NULL ORDER BY 1, 2, 3{LIMIT}"
)
# plan, event: not the next number, or one that does not follow what was recorded before, or of no instalment
EVENTS_BROKEN = sql(
    "SELECT e.plan_id, e.number, e.kind FROM (SELECT n.*, row_number() OVER w AS place, lag(n.kind) OVER w AS before,"
    " lag(n.recorded_at) OVER w AS earlier FROM billing.payment_plan_event AS n WHERE n.tenant_id = $1"
    " WINDOW w AS (PARTITION BY n.plan_id ORDER BY n.number)) AS e"
    " LEFT JOIN billing.payment_plan AS p ON p.tenant_id = e.tenant_id AND p.id = e.plan_id"
    " WHERE p.id IS NULL OR e.number <> e.place OR e.before = 'cancelled' OR e.before = e.kind"
    " OR (e.kind = 'recovered' AND e.before IS DISTINCT FROM 'defaulted')"
    " OR e.recorded_at <= coalesce(e.earlier, p.made_at) OR e.on_date < p.made_on"
    " OR (e.kind = 'defaulted' AND NOT EXISTS (SELECT FROM billing.payment_plan_instalment AS i"
    " WHERE i.tenant_id = e.tenant_id AND i.plan_id = e.plan_id AND i.due = e.overdue_since AND i.due < e.on_date))"
    f" ORDER BY 1, 2{LIMIT}"
)
# invoice, plan, plan: both are over it, and the later was made before the earlier was cancelled
OVERLAPPING = sql(
    "SELECT a.invoice_id, a.plan_id, b.plan_id FROM billing.payment_plan_invoice AS a"
    " JOIN billing.payment_plan AS p ON p.tenant_id = a.tenant_id AND p.id = a.plan_id"
    " JOIN billing.payment_plan_invoice AS b ON b.tenant_id = a.tenant_id AND b.invoice_id = a.invoice_id"
    " AND b.plan_id <> a.plan_id"
    " JOIN billing.payment_plan AS q ON q.tenant_id = b.tenant_id AND q.id = b.plan_id"
    " AND (q.made_at, q.id) > (p.made_at, p.id)"
    " WHERE a.tenant_id = $1 AND NOT EXISTS (SELECT FROM billing.payment_plan_event AS e"
    " WHERE e.tenant_id = p.tenant_id AND e.plan_id = p.id AND e.kind = 'cancelled'"
    f" AND e.recorded_at < q.made_at AND e.on_date <= q.made_on) ORDER BY 1, 2, 3{LIMIT}"
)
# plan, outbox rows of it, how many there should be
NOT_ANNOUNCED = sql(
    "WITH wanted AS (SELECT p.id, 1 AS version, p.made_at AS at FROM billing.payment_plan AS p WHERE p.tenant_id = $1"
    " UNION ALL SELECT e.plan_id, e.number + 1, e.recorded_at FROM billing.payment_plan_event AS e"
    " WHERE e.tenant_id = $1), there AS (SELECT o.id, o.version, o.recorded_at AS at FROM billing.outbox AS o"
    " WHERE o.tenant_id = $1 AND o.resource_type = 'PaymentPlan')"
    " SELECT coalesce(w.id, t.id), coalesce(w.version, t.version) FROM wanted AS w"
    " FULL JOIN there AS t ON t.id = w.id AND t.version = w.version AND t.at = w.at"
    f" WHERE w.id IS NULL OR t.id IS NULL ORDER BY 1, 2{LIMIT}"
)

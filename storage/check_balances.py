"""What the balances of accounts must be, read for `./run check`: the sums of the journal, and nothing else."""

from __future__ import annotations

from ledger.chart import BALANCE_OF
from storage.check_snapshot import LIMIT, sql

_SUMS = ", ".join(
    f"{'-' if sign < 0 else ''}sum(amount_minor) FILTER (WHERE ledger_account = {int(account)}) AS {name}"
    for account, (name, sign) in BALANCE_OF.items()
)
_PAIRS = ", ".join(f"('{name}', b.{name}, coalesce(p.{name}, 0))" for name, _ in BALANCE_OF.values())

# account, balance, what is stored, what the postings sum to
STALE = sql(
    f"WITH p AS (SELECT account_id, {_SUMS} FROM billing.posting"
    " WHERE tenant_id = $1 AND account_id IS NOT NULL GROUP BY account_id)"
    " SELECT b.account_id, v.name, v.stored, v.booked FROM billing.account_balance AS b"
    " LEFT JOIN p ON p.account_id = b.account_id"
    f" CROSS JOIN LATERAL (VALUES {_PAIRS}) AS v(name, stored, booked)"
    f" WHERE b.tenant_id = $1 AND v.stored <> v.booked ORDER BY 1, 2{LIMIT}"
)
# account, when its balances say that the last entry was, when it was (without any: when the account was opened); what
# the making and cancelling of payment plans changes of its aging counts as an entry does
RECORDED_DIFFERS = sql(
    "WITH r AS (SELECT account_id, max(recorded_at) AS recorded_at FROM billing.posting"
    " WHERE tenant_id = $1 AND account_id IS NOT NULL GROUP BY account_id"
    " UNION ALL SELECT account_id, made_at FROM billing.payment_plan WHERE tenant_id = $1"
    " UNION ALL SELECT l.account_id, e.recorded_at FROM billing.payment_plan_event AS e JOIN billing.payment_plan AS l"
    " ON l.tenant_id = e.tenant_id AND l.id = e.plan_id WHERE e.tenant_id = $1 AND e.kind = 'cancelled'),"
    " p AS (SELECT account_id, max(recorded_at) AS recorded_at FROM r GROUP BY account_id)"
    " SELECT b.account_id, b.recorded_at::text, l.recorded_at::text FROM billing.account_balance AS b"
    " LEFT JOIN p ON p.account_id = b.account_id"
    " CROSS JOIN LATERAL (SELECT coalesce(p.recorded_at, (SELECT max(v.last_updated)"
    " FROM billing.resource_versions AS v WHERE v.tenant_id = b.tenant_id AND v.resource_type = 'Account'"
    " AND v.id = b.account_id AND v.interaction = 'create')) AS recorded_at) AS l"
    f" WHERE b.tenant_id = $1 AND b.recorded_at <> l.recorded_at ORDER BY 1{LIMIT}"
)
# account, moment: two entries of an account were recorded at it
RECORDED_TOGETHER = sql(
    "SELECT account_id, recorded_at::text FROM billing.posting WHERE tenant_id = $1 AND account_id IS NOT NULL"
    f" GROUP BY account_id, recorded_at HAVING count(DISTINCT entry_id) > 1 ORDER BY 1, 2{LIMIT}"
)
# account that has no balances in its currency, or balances beside them
MISSING = sql(
    "SELECT a.id FROM billing.account AS a WHERE a.tenant_id = $1 AND NOT EXISTS ("
    "SELECT FROM billing.account_balance AS b"
    " WHERE b.tenant_id = a.tenant_id AND b.account_id = a.id AND b.currency = a.currency)"
    f" ORDER BY 1{LIMIT}"
)
WITHOUT_ACCOUNT = sql(
    "SELECT b.account_id, b.currency FROM billing.account_balance AS b WHERE b.tenant_id = $1 AND NOT EXISTS ("
    "SELECT FROM billing.account AS a"
    " WHERE a.tenant_id = b.tenant_id AND a.id = b.account_id AND a.currency = b.currency)"
    f" ORDER BY 1, 2{LIMIT}"
)
# account, what is billed, what its invoices say is due
DUES_DIFFER = sql(
    "WITH i AS (SELECT account_id, sum(due_minor) AS due FROM billing.invoice"
    " WHERE tenant_id = $1 AND account_id IS NOT NULL GROUP BY account_id)"
    " SELECT b.account_id, b.billed_patient + b.billed_payer, coalesce(i.due, 0) FROM billing.account_balance AS b"
    " LEFT JOIN i ON i.account_id = b.account_id"
    " WHERE b.tenant_id = $1 AND b.billed_patient + b.billed_payer <> coalesce(i.due, 0)"
    f" ORDER BY 1{LIMIT}"
)
# entry, line: a receivable that no invoice of its account stands behind, so that it does not age
RECEIVABLE_WITHOUT_INVOICE = sql(
    "SELECT p.entry_id::text, p.line FROM billing.posting AS p WHERE p.tenant_id = $1"
    " AND p.ledger_account IN (1100, 1110) AND NOT EXISTS (SELECT FROM billing.invoice AS i"
    " WHERE i.tenant_id = p.tenant_id AND i.id = p.invoice_id AND i.account_id = p.account_id)"
    f" ORDER BY 1, 2{LIMIT}"
)

"""What is owed on an account and when it is due: by the due dates of invoices, and by the instalments of plans."""

from __future__ import annotations

from datetime import date, datetime
from typing import LiteralString

from ledger.aging import Due, PlannedDebt
from ledger.payment_plan import Instalment
from storage.journal import FOREVER
from storage.payment_plans import DEBT
from storage.pipeline import Row, Statement
from storage.transaction import Transaction

# $3: effective up to; $4: recorded up to. Without coalesce(), which leads to no index under row-level security: what is
# open is sent as infinity. A plan holds from the day on which it was made to that on which it was
# cancelled, as far as that was known then.
_IN_FORCE: LiteralString = (
    " p.tenant_id = $1 AND p.account_id = $2 AND p.made_on <= $3::date"
    " AND p.made_at <= $4::timestamptz AND NOT EXISTS ("
    "SELECT FROM billing.payment_plan_event AS x WHERE x.tenant_id = p.tenant_id AND x.plan_id = p.id"
    " AND x.kind = 'cancelled' AND x.on_date <= $3::date"
    " AND x.recorded_at <= $4::timestamptz)"
)
_PLANNED: LiteralString = (
    "WITH planned AS MATERIALIZED (SELECT c.invoice_id FROM billing.payment_plan AS p"
    " JOIN billing.payment_plan_invoice AS c ON c.tenant_id = p.tenant_id AND c.plan_id = p.id"
    f" WHERE {_IN_FORCE})"
)
# Most invoices of a large account are settled, and need not be looked up.
_UNPLANNED = Statement(
    f"{_PLANNED}, open AS MATERIALIZED (SELECT invoice_id, ledger_account, sum(amount_minor)::bigint AS amount_minor"
    " FROM billing.posting WHERE tenant_id = $1 AND account_id = $2 AND ledger_account IN (1100, 1110)"
    " AND effective_at <= $3::date AND recorded_at <= $4::timestamptz"
    " GROUP BY invoice_id, ledger_account HAVING sum(amount_minor) <> 0)"
    " SELECT i.due_date, sum(o.amount_minor)::bigint FROM open AS o"
    " JOIN billing.invoice AS i ON i.tenant_id = $1 AND i.id = o.invoice_id"
    " WHERE o.ledger_account = 1110 OR o.invoice_id NOT IN (SELECT invoice_id FROM planned) GROUP BY i.due_date"
)
# As of now the invoices say what is open, and the journal is read of those only that are on a plan.
_UNPLANNED_NOW = Statement(
    f"{_PLANNED} SELECT f.due_date, sum(f.amount_minor)::bigint FROM ("
    "SELECT i.due_date, i.due_minor AS amount_minor FROM billing.invoice AS i"
    " WHERE i.tenant_id = $1 AND i.account_id = $2 AND i.due_minor > 0"
    " UNION ALL SELECT i.due_date, -o.amount_minor FROM planned"
    " JOIN billing.invoice AS i ON i.tenant_id = $1 AND i.id = planned.invoice_id"
    " JOIN billing.posting AS o ON o.tenant_id = $1 AND o.invoice_id = i.id AND o.ledger_account = 1100"
    ") AS f GROUP BY f.due_date"
)
_PLANS = Statement(
    "SELECT i.dues, i.amounts, d.open_minor, d.paid_minor FROM billing.payment_plan AS p"
    " CROSS JOIN LATERAL (SELECT array_agg(n.due ORDER BY n.number) AS dues,"
    " array_agg(n.amount_minor ORDER BY n.number) AS amounts"
    " FROM billing.payment_plan_instalment AS n WHERE n.tenant_id = p.tenant_id AND n.plan_id = p.id) AS i"
    f" CROSS JOIN LATERAL ({DEBT} AND o.effective_at <= $3::date"
    " AND o.recorded_at <= $4::timestamptz) AS d"
    f" WHERE {_IN_FORCE}"
)


async def dues_of(tx: Transaction, account_id: str, *, effective: date | None, recorded: datetime | None) -> list[Due]:
    """What is owed on an account, up to both dates, each with the day on which it is due."""
    is_now = effective is None and recorded is None
    asked = (tx.tenant_id, account_id, effective or FOREVER, recorded or FOREVER)
    unplanned, plans = await tx.fetch_all([(_UNPLANNED_NOW if is_now else _UNPLANNED, asked), (_PLANS, asked)])
    dues: list[Due] = [(date.fromisoformat(day) if day else None, amount) for day, amount in unplanned]
    for plan in plans:
        dues += _debt(plan).dues()
    return dues


def _debt(row: Row) -> PlannedDebt:
    dues, amounts, open_minor, paid_minor = row
    return PlannedDebt([Instalment(*each) for each in zip(dues, amounts, strict=True)], open_minor, paid_minor)

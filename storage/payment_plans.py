"""Payment plans: kept as agreed, with events that are added, and which live plan holds which invoice."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from functools import cache
from typing import Any, LiteralString, NamedTuple

from ledger.payment_plan import Instalment, PaymentPlan, PlanEvent
from storage.array_insert import ArrayInsert, made_of_tables
from storage.pipeline import Row, Statement
from storage.tables import (
    payment_plan,
    payment_plan_event,
    payment_plan_instalment,
    payment_plan_invoice,
    planned_invoice,
)
from storage.transaction import Reader, Transaction

_INSERT = ArrayInsert(payment_plan, 770)
_INSERT_INSTALMENT = ArrayInsert(payment_plan_instalment, 771)
_INSERT_INVOICE = ArrayInsert(payment_plan_invoice, 772)
_INSERT_EVENT = ArrayInsert(payment_plan_event, 773)
_HOLD = ArrayInsert(planned_invoice, 774, in_key_order=True)
_RELEASE = Statement("DELETE FROM billing.planned_invoice WHERE tenant_id = $1 AND plan_id = $2")
_HOLDERS = Statement(
    "SELECT invoice_id, plan_id FROM billing.planned_invoice WHERE tenant_id = $1 AND invoice_id = ANY($2::text[])"
)
_ENDED_ON = Statement(
    "SELECT max(e.on_date) FROM billing.payment_plan_invoice AS c JOIN billing.payment_plan_event AS e"
    " ON e.tenant_id = c.tenant_id AND e.plan_id = c.plan_id AND e.kind = 'cancelled'"
    " WHERE c.tenant_id = $1 AND c.invoice_id = ANY($2::text[])"
)
# What is open of the covered patients' shares, and what payments settled of them since; of a cancelled plan as it was.
DEBT: LiteralString = (
    "SELECT coalesce(sum(o.amount_minor), 0)::bigint AS open_minor, coalesce(-sum(o.amount_minor) FILTER ("
    "WHERE o.recorded_at > p.made_at AND e.kind IN ('payment-allocated', 'payment-deallocated')), 0)::bigint"
    " AS paid_minor FROM billing.payment_plan_invoice AS c"
    " JOIN billing.posting AS o"
    " ON o.tenant_id = c.tenant_id AND o.invoice_id = c.invoice_id AND o.ledger_account = 1100"
    " JOIN billing.journal_entry AS e ON e.tenant_id = o.tenant_id AND e.entry_id = o.entry_id"
    " WHERE c.tenant_id = p.tenant_id AND c.plan_id = p.id"
)
_SELECT: LiteralString = (
    "SELECT p.id, p.account_id, p.currency, p.made_on, p.made_at, p.made_by, p.note, c.invoice_ids, i.dues, i.amounts,"
    " v.kinds, v.days, v.moments, v.people, v.reasons, v.overdue, v.since, d.open_minor, d.paid_minor,"
    " clock_timestamp() FROM billing.payment_plan AS p"
    " CROSS JOIN LATERAL (SELECT array_agg(n.invoice_id ORDER BY n.number) AS invoice_ids"
    " FROM billing.payment_plan_invoice AS n WHERE n.tenant_id = p.tenant_id AND n.plan_id = p.id) AS c"
    " CROSS JOIN LATERAL (SELECT array_agg(n.due ORDER BY n.number) AS dues,"
    " array_agg(n.amount_minor ORDER BY n.number) AS amounts"
    " FROM billing.payment_plan_instalment AS n WHERE n.tenant_id = p.tenant_id AND n.plan_id = p.id) AS i"
    " CROSS JOIN LATERAL (SELECT array_agg(n.kind ORDER BY n.number) AS kinds,"
    " array_agg(n.on_date ORDER BY n.number) AS days, array_agg(n.recorded_at ORDER BY n.number) AS moments,"
    " array_agg(n.recorded_by ORDER BY n.number) AS people, array_agg(n.reason ORDER BY n.number) AS reasons,"
    " array_agg(n.overdue_minor ORDER BY n.number) AS overdue, array_agg(n.overdue_since ORDER BY n.number) AS since,"
    " max(n.recorded_at) FILTER (WHERE n.kind = 'cancelled') AS cancelled_at"
    " FROM billing.payment_plan_event AS n WHERE n.tenant_id = p.tenant_id AND n.plan_id = p.id) AS v"
    f" CROSS JOIN LATERAL ({DEBT} AND o.recorded_at <= coalesce(v.cancelled_at, 'infinity')) AS d"
    " WHERE p.tenant_id = $1"
)
_READ = Statement(f"{_SELECT} AND p.id = $2")
_OVER_INVOICE: LiteralString = (
    "p.id IN (SELECT w.plan_id FROM billing.payment_plan_invoice AS w WHERE w.tenant_id = $1 AND w.invoice_id = {})"
)
_LIVE = Statement(
    f"{_SELECT} AND p.id > $2 AND v.cancelled_at IS NULL AND (d.open_minor <> 0 OR v.kinds IS NOT NULL)"
    " ORDER BY p.id LIMIT $3::integer"
)


class KeptPlan(NamedTuple):
    """A plan with what is owed on its invoices and what payments settled of that since, as of a moment."""

    plan: PaymentPlan
    open_minor: int
    paid_minor: int
    asked_at: datetime


def insert(tx: Transaction, plan: PaymentPlan) -> None:
    """Keep a plan and have it hold its invoices. Two plans that take one at once: the primary key lets one through."""
    tx.add(
        _INSERT,
        (
            tx.tenant_id,
            plan.id,
            plan.account_id,
            plan.currency,
            plan.made_on,
            plan.made_at,
            plan.made_by,
            plan.note,
        ),
    )
    for number, instalment in enumerate(plan.instalments, 1):
        tx.add(_INSERT_INSTALMENT, (tx.tenant_id, plan.id, number, instalment.due, instalment.amount_minor))
    for number, invoice_id in enumerate(plan.invoice_ids, 1):
        tx.add(_INSERT_INVOICE, (tx.tenant_id, plan.id, number, invoice_id))
        tx.add(_HOLD, (tx.tenant_id, invoice_id, plan.id))


def add_event(tx: Transaction, plan_id: str, event: PlanEvent) -> None:
    """Add what happened to a plan. Who does holds the lock of its account."""
    tx.add(
        _INSERT_EVENT,
        (
            tx.tenant_id,
            plan_id,
            event.number,
            event.kind,
            event.on,
            event.at,
            event.by,
            event.reason,
            event.overdue_minor,
            event.overdue_since,
        ),
    )


def release(tx: Transaction, plan_id: str) -> None:
    """Have a plan hold its invoices no more."""
    tx.send(_RELEASE, tx.tenant_id, plan_id)


async def holders(reader: Reader, tenant_id: str, invoice_ids: Sequence[str]) -> dict[str, str]:
    """Invoice id -> the plan that holds it."""
    return dict(await reader.read(tenant_id, _HOLDERS, tenant_id, list(invoice_ids))) if invoice_ids else {}


async def ended_on(tx: Transaction, invoice_ids: Sequence[str]) -> date | None:
    """The latest day on which a plan over any of these invoices was cancelled."""
    day: date | None = (await tx.fetch(_ENDED_ON, tx.tenant_id, list(invoice_ids)))[0][0]
    return day


async def read(reader: Reader, tenant_id: str, plan_id: str) -> KeptPlan | None:
    rows = await reader.read(tenant_id, _READ, tenant_id, plan_id)
    return _kept(rows[0]) if rows else None


async def page(
    reader: Reader,
    tenant_id: str,
    *,
    account_id: str | None,
    invoice_id: str | None,
    is_cancelled: bool | None,
    before: str | None,
    count: int,
) -> list[KeptPlan]:
    """Plans in the reverse order of their ids, from the one behind `before` on."""
    given: list[tuple[LiteralString, Any]] = [
        ("p.id < {}", before),
        ("p.account_id = {}", account_id),
        (_OVER_INVOICE, invoice_id),
        ("(v.cancelled_at IS NOT NULL) = {}::boolean", is_cancelled),
    ]
    asked = tuple(condition for condition, value in given if value is not None)
    values = [value for _, value in given if value is not None]
    rows = await reader.read(tenant_id, _page(asked), tenant_id, count, *values)
    return [_kept(row) for row in rows]


@cache
def _page(asked: tuple[LiteralString, ...]) -> Statement:
    """One statement for each set of filters, so that each has a plan of its own."""
    conditions = [condition.format(f"${number}") for number, condition in enumerate(asked, 3)]
    where = " AND ".join(["", *conditions])
    return Statement(made_of_tables(f"{_SELECT}{where} ORDER BY p.id DESC LIMIT $2::integer"))


async def live(reader: Reader, tenant_id: str, after: str, count: int) -> list[KeptPlan]:
    """Plans that are not cancelled and on which something is owed, or was recorded, in the order of their ids."""
    return [_kept(row) for row in await reader.read(tenant_id, _LIVE, tenant_id, after, count)]


def _kept(row: Row) -> KeptPlan:
    plan = PaymentPlan(
        id=row[0],
        account_id=row[1],
        currency=row[2],
        made_on=row[3],
        made_at=row[4],
        made_by=row[5],
        note=row[6],
        invoice_ids=tuple(row[7]),
        instalments=tuple(Instalment(due, amount) for due, amount in zip(row[8], row[9], strict=True)),
        events=tuple(
            PlanEvent(
                number=number, kind=kind, on=on, at=at, by=by, reason=why, overdue_minor=amount, overdue_since=since
            )
            for number, (kind, on, at, by, why, amount, since) in enumerate(
                zip(*(column or () for column in row[10:17]), strict=True), 1
            )
        ),
    )
    return KeptPlan(plan, row[17], row[18], row[19])

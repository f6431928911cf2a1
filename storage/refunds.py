"""Refunds as they were requested, and what of a payment they hold."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from ledger.approval import Decision, Limits
from ledger.payment import Owner
from ledger.refund import Refund
from storage.array_insert import ArrayInsert
from storage.decisions import STATUS_SQL, decisions_of, page_statement
from storage.pipeline import Row, Statement
from storage.tables import refund
from storage.transaction import Reader, Transaction

SUBJECT = "refund"

_INSERT = ArrayInsert(refund, 700)
_COLUMNS = (
    "r.id, r.currency, r.amount_minor, r.reason, r.requested_by, r.requested_at, r.approvals_needed, r.counted_minor,"
    " r.first_limit_minor, r.second_limit_minor, r.window_days, r.payment_id, r.account_id, r.payer, r.method,"
    " r.deallocates"
)
STATUS = STATUS_SQL.format(subject="'refund'", request="r", when_approved="'approved'")
_READ = Statement(f"SELECT {_COLUMNS} FROM billing.refund AS r WHERE r.tenant_id = $1 AND r.id = ANY($2::text[])")
# What is pending holds its money. By payment and owner.
_HELD = Statement(
    "SELECT h.payment_id, h.account_id, h.payer, sum(h.amount_minor)::bigint FROM ("
    f"SELECT r.payment_id, r.account_id, r.payer, r.amount_minor, {STATUS} AS status FROM billing.refund AS r"
    " WHERE r.tenant_id = $1 AND r.payment_id = ANY($2::text[])) AS h"
    " WHERE h.status = 'pending-approval' GROUP BY h.payment_id, h.account_id, h.payer"
)
_COUNTED = Statement(
    "SELECT coalesce(sum(c.amount_minor), 0)::bigint FROM ("
    f"SELECT r.amount_minor, {STATUS} AS status FROM billing.refund AS r WHERE r.tenant_id = $1"
    " AND (r.account_id = $2 OR r.payer = $3)"
    " AND r.requested_by = $4 AND r.requested_at >= $5::timestamptz AND r.currency = $6) AS c"
    " WHERE c.status NOT IN ('rejected', 'failed')"
)
_SELECTION = f"SELECT {_COLUMNS}, {STATUS} AS status FROM billing.refund AS r"


class RefundWithDecisions(NamedTuple):
    refund: Refund
    decisions: list[Decision]


def insert(tx: Transaction, made: Refund) -> None:
    limits = made.limits
    tx.add(
        _INSERT,
        (
            tx.tenant_id,
            made.id,
            made.currency,
            made.amount_minor,
            made.reason,
            made.requested_by,
            made.requested_at,
            made.approvals_needed,
            made.counted_minor,
            limits.first_minor,
            limits.second_minor,
            made.window_days,
            made.payment_id,
            made.owner.account_id,
            made.owner.payer,
            made.method,
            made.deallocates,
        ),
    )


async def read(reader: Reader, tenant_id: str, refund_id: str) -> RefundWithDecisions | None:
    rows = await reader.read(tenant_id, _READ, tenant_id, [refund_id])
    return (await _with_decisions(reader, tenant_id, rows))[0] if rows else None


async def page(
    reader: Reader,
    tenant_id: str,
    *,
    payment_id: str | None,
    account_id: str | None,
    status: str | None,
    before: str | None,
    count: int,
) -> list[RefundWithDecisions]:
    """Refunds in the reverse order of their ids, from the one behind `before` on."""
    given = {"r.id < {}": before, "r.payment_id = {}": payment_id, "r.account_id = {}": account_id}
    asked = {condition: value for condition, value in given.items() if value is not None}
    statement = page_statement(_SELECTION, tuple(asked))
    rows = await reader.read(tenant_id, statement, tenant_id, count, status, *asked.values())
    return await _with_decisions(reader, tenant_id, rows)


async def held_of(tx: Transaction, payment_id: str) -> dict[Owner, int]:
    """What pending refunds hold of a payment, by who owns it."""
    rows = await tx.fetch(_HELD, tx.tenant_id, [payment_id])
    return {Owner(account_id, payer): amount for _, account_id, payer, amount in rows}


async def counted(tx: Transaction, owner: Owner, requested_by: str, since: datetime, currency: str) -> int:
    """What somebody requested of an owner's money since then, and was neither rejected nor failed."""
    rows = await tx.fetch(_COUNTED, tx.tenant_id, owner.account_id, owner.payer, requested_by, since, currency)
    return int(rows[0][0])


async def _with_decisions(reader: Reader, tenant_id: str, rows: list[Row]) -> list[RefundWithDecisions]:
    decided = await decisions_of(reader, tenant_id, SUBJECT, [row[0] for row in rows])
    return [RefundWithDecisions(_refund(row), decided[row[0]]) for row in rows]


def _refund(row: Row) -> Refund:
    return Refund(
        id=row[0],
        currency=row[1],
        amount_minor=row[2],
        reason=row[3],
        requested_by=row[4],
        requested_at=row[5],
        approvals_needed=row[6],
        counted_minor=row[7],
        limits=Limits(row[8], row[9]),
        window_days=row[10],
        payment_id=row[11],
        owner=Owner(row[12], row[13]),
        method=row[14],
        deallocates=row[15],
    )

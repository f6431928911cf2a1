"""Adjustments as they were requested, and to which invoices they went."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import NamedTuple

from ledger.adjustment import Adjustment
from ledger.approval import Decision, Limits
from storage.array_insert import ArrayInsert
from storage.decisions import STATUS_SQL, decisions_of, page_statement
from storage.pipeline import Row, Statement
from storage.tables import adjustment, adjustment_part
from storage.transaction import Reader, Transaction

SUBJECT = "adjustment"

_INSERT = ArrayInsert(adjustment, 701)
_INSERT_PART = ArrayInsert(adjustment_part, 702)
_COLUMNS = (
    "r.id, r.currency, r.amount_minor, r.reason, r.requested_by, r.requested_at, r.approvals_needed, r.counted_minor,"
    " r.first_limit_minor, r.second_limit_minor, r.window_days, r.type, r.account_id, r.invoice_id, r.payment_id"
)
STATUS = STATUS_SQL.format(subject="'adjustment'", request="r", when_approved="'applied'")
_READ = Statement(f"SELECT {_COLUMNS} FROM billing.adjustment AS r WHERE r.tenant_id = $1 AND r.id = ANY($2::text[])")
_COUNTED = Statement(
    "SELECT coalesce(sum(c.amount_minor), 0)::bigint FROM ("
    f"SELECT r.amount_minor, {STATUS} AS status FROM billing.adjustment AS r WHERE r.tenant_id = $1"
    " AND r.account_id = $2 AND r.requested_by = $3 AND r.requested_at >= $4::timestamptz"
    " AND r.type NOT IN ('provision', 'recovery')) AS c WHERE c.status <> 'rejected'"
)
_SELECTION = f"SELECT {_COLUMNS}, {STATUS} AS status FROM billing.adjustment AS r"
_PARTS = Statement(
    "SELECT adjustment_id, invoice_id, amount_minor, credit_note_id FROM billing.adjustment_part"
    " WHERE tenant_id = $1 AND adjustment_id = ANY($2::text[]) ORDER BY adjustment_id, invoice_id"
)
# What was written off on an account and not recovered since.
_WRITTEN_OFF = Statement(
    "SELECT coalesce(sum(CASE c.type WHEN 'recovery' THEN -c.amount_minor ELSE c.amount_minor END), 0)::bigint FROM ("
    f"SELECT r.type, r.amount_minor, {STATUS} AS status FROM billing.adjustment AS r"
    " WHERE r.tenant_id = $1 AND r.account_id = $2 AND r.type IN ('write-off', 'recovery')) AS c"
    " WHERE c.status = 'applied'"
)


class Part(NamedTuple):
    """What an adjustment took of an invoice; the credit note that did so, where one did."""

    invoice_id: str
    amount_minor: int
    credit_note_id: str | None


class AdjustmentWithDecisions(NamedTuple):
    adjustment: Adjustment
    decisions: list[Decision]
    parts: list[Part]


def insert(tx: Transaction, made: Adjustment) -> None:
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
            made.type,
            made.account_id,
            made.invoice_id,
            made.payment_id,
        ),
    )


def insert_part(tx: Transaction, adjustment_id: str, part: Part) -> None:
    tx.add(_INSERT_PART, (tx.tenant_id, adjustment_id, *part))


async def read(reader: Reader, tenant_id: str, adjustment_id: str) -> AdjustmentWithDecisions | None:
    rows = await reader.read(tenant_id, _READ, tenant_id, [adjustment_id])
    return (await _with_decisions(reader, tenant_id, rows))[0] if rows else None


async def page(
    reader: Reader,
    tenant_id: str,
    *,
    account_id: str | None,
    kind: str | None,
    status: str | None,
    before: str | None,
    count: int,
) -> list[AdjustmentWithDecisions]:
    """Adjustments in the reverse order of their ids, from the one behind `before` on."""
    given = {"r.id < {}": before, "r.account_id = {}": account_id, "r.type = {}": kind}
    asked = {condition: value for condition, value in given.items() if value is not None}
    statement = page_statement(_SELECTION, tuple(asked))
    rows = await reader.read(tenant_id, statement, tenant_id, count, status, *asked.values())
    return await _with_decisions(reader, tenant_id, rows)


async def counted(tx: Transaction, account_id: str, requested_by: str, since: datetime) -> int:
    """What somebody requested on an account since then, and was not rejected."""
    return int((await tx.fetch(_COUNTED, tx.tenant_id, account_id, requested_by, since))[0][0])


async def written_off(tx: Transaction, account_id: str) -> int:
    """What was written off on an account and not recovered since."""
    return int((await tx.fetch(_WRITTEN_OFF, tx.tenant_id, account_id))[0][0])


async def _with_decisions(reader: Reader, tenant_id: str, rows: list[Row]) -> list[AdjustmentWithDecisions]:
    ids = [row[0] for row in rows]
    decided = await decisions_of(reader, tenant_id, SUBJECT, ids)
    parts: defaultdict[str, list[Part]] = defaultdict(list)
    for row in await reader.read(tenant_id, _PARTS, tenant_id, ids) if ids else []:
        parts[row[0]].append(Part(*row[1:]))
    return [AdjustmentWithDecisions(_adjustment(row), decided[row[0]], parts[row[0]]) for row in rows]


def _adjustment(row: Row) -> Adjustment:
    return Adjustment(
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
        type=row[11],
        account_id=row[12],
        invoice_id=row[13],
        payment_id=row[14],
    )

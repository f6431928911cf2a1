"""Which lines of an invoice were credited, by how much, and whether they are billed again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from storage.array_insert import ArrayInsert
from storage.pipeline import Statement
from storage.tables import credited_line
from storage.transaction import Transaction

_INSERT = ArrayInsert(credited_line, 860)
# Amounts of a credit note are negative, but those of discounts, which it gives back.
_CREDITED = Statement(
    "SELECT k.line_position, bool_or(k.rebilled), coalesce(-sum(CASE WHEN p.type IN ('discount', 'deduction')"
    " THEN abs(p.amount_minor) WHEN p.type <> 'informational' THEN p.amount_minor END), 0)::bigint"
    " FROM billing.credited_line AS k LEFT JOIN billing.invoice_price_component AS p"
    " ON p.tenant_id = k.tenant_id AND p.invoice_id = k.credit_note_id AND p.line_position = k.position"
    " WHERE k.tenant_id = $1 AND k.invoice_id = $2 GROUP BY k.line_position"
)


class Credited(NamedTuple):
    """What was credited of a line so far, gross, and whether it is billed again."""

    rebilled: bool
    amount_minor: int


async def of_invoice(tx: Transaction, invoice_id: str) -> dict[int, Credited]:
    """Position of a line -> what was credited of it; lines that nothing was credited of are not in the answer."""
    rows = await tx.fetch(_CREDITED, tx.tenant_id, invoice_id)
    return {position: Credited(rebilled, amount) for position, rebilled, amount in rows}


def insert(tx: Transaction, credit_note_id: str, invoice_id: str, positions: Sequence[int], *, rebilled: bool) -> None:
    """Say which lines of an invoice the lines of a credit note are about, in their order."""
    for position, line_position in enumerate(positions):
        tx.add(_INSERT, (tx.tenant_id, credit_note_id, position, invoice_id, line_position, rebilled))

"""Numbers without gaps: the counter row stays locked until the transaction that took a number ends, either way."""

from __future__ import annotations

from storage.pipeline import Statement
from storage.transaction import Transaction

_TAKE = Statement(
    "INSERT INTO billing.number_series AS s (tenant_id, series, facility, year, last_number)"
    " VALUES ($1, $2, $3, $4::smallint, 1)"
    " ON CONFLICT (tenant_id, series, facility, year) DO UPDATE SET last_number = s.last_number + 1"
    " RETURNING last_number"
)


async def take(tx: Transaction, series: str, facility: str, year: int) -> int:
    """The next number. Taken last, since every other issue of the series waits for the end of this transaction."""
    number: int = (await tx.fetch(_TAKE, tx.tenant_id, series, facility, year))[0][0]
    return number

"""Accounts as a list for people. Their balances are asked for one by one."""

from __future__ import annotations

from typing import LiteralString, NamedTuple

from storage.filtered_list import filtered
from storage.transaction import Reader


class AccountRow(NamedTuple):
    id: str
    version: int
    status: str
    name: str | None
    currency: str
    owner: str | None
    service_period_start: str | None
    service_period_end: str | None
    subjects: list[str]


_SELECT: LiteralString = (
    "SELECT a.id, a.version, a.status, a.name, a.currency, a.owner, a.service_period_start, a.service_period_end,"
    " ARRAY(SELECT s.value FROM billing.account_index AS s WHERE s.tenant_id = a.tenant_id AND s.id = a.id"
    " AND s.parameter = 'subject' AND s.value IS NOT NULL ORDER BY s.position)"
    " FROM billing.account AS a WHERE a.tenant_id = $1"
)
_OF_SUBJECT: LiteralString = (
    "a.id IN (SELECT s.id FROM billing.account_index AS s WHERE s.tenant_id = $1 AND s.parameter = 'subject'"
    " AND s.value = {})"
)


async def read(reader: Reader, tenant_id: str, account_id: str) -> AccountRow | None:
    rows = await filtered(reader, tenant_id, _SELECT, [("a.id = {}", account_id)], order="a.id", limit=1)
    return AccountRow(*rows[0]) if rows else None


async def page(
    reader: Reader,
    tenant_id: str,
    *,
    subject: str | None,
    status: str | None,
    owner: str | None,
    currency: str | None,
    before: str | None,
    count: int,
) -> list[AccountRow]:
    """Accounts in the reverse order of their ids, from the one behind `before` on."""
    filters: list[tuple[LiteralString, str | None]] = [
        (_OF_SUBJECT, subject),
        ("a.status = {}", status),
        ("a.owner = {}", owner),
        ("a.currency = {}", currency),
        ("a.id < {}", before),
    ]
    rows = await filtered(reader, tenant_id, _SELECT, filters, order="a.id DESC", limit=count)
    return [AccountRow(*row) for row in rows]

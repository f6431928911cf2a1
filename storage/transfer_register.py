"""Transfers as the journal knows them: unapplied money, and posted charges, that went to another account.

A transfer of money is one entry. One of a charge is the reversal of what was booked, with a reason, and what was booked
next of the same charge on another account.
"""

from __future__ import annotations

from datetime import datetime
from typing import LiteralString, NamedTuple

from storage.account_ledger import SOURCE_VERSION
from storage.filtered_list import filtered
from storage.pipeline import Statement
from storage.transaction import Reader


class TransferRow(NamedTuple):
    """`moved` are texts `account=minor units`: below zero where something came from."""

    entry_id: str
    recorded_at: datetime
    payment_id: str | None
    charge_item_id: str | None
    charge_version: int | None
    currency: str
    moved: list[str]
    reason: str | None
    created_by: str

    @property
    def id(self) -> str:
        """The entry's, of a charge the charge's and its version's."""
        return self.entry_id if self.charge_item_id is None else f"{self.charge_item_id}.{self.charge_version}"


class ChargeVersion(NamedTuple):
    version: int
    last_updated: datetime
    created_by: str
    content: str | None


_MOVED: LiteralString = (
    "(SELECT p.currency, array_agg(p.account_id || '=' || p.amount_minor ORDER BY p.account_id) AS moved FROM ("
    "SELECT o.currency, o.account_id, sum(CASE WHEN o.ledger_account = 2100 THEN -o.amount_minor ELSE o.amount_minor"
    " END)::bigint AS amount_minor FROM billing.posting AS o WHERE o.tenant_id = e.tenant_id"
    " AND o.entry_id IN (e.entry_id, n.entry_id) AND o.ledger_account IN (1150, 2100)"
    " GROUP BY o.currency, o.account_id) AS p GROUP BY p.currency)"
)
_SELECT: LiteralString = (
    "SELECT e.entry_id::text, e.recorded_at, CASE WHEN e.kind = 'money-transferred' THEN e.source_id END,"
    " CASE WHEN e.kind = 'charge-reversed' THEN e.source_id END,"
    f" CASE WHEN e.kind = 'charge-reversed' THEN {SOURCE_VERSION} END, m.currency, m.moved, e.reason, e.created_by"
    " FROM billing.journal_entry AS e LEFT JOIN LATERAL (SELECT x.entry_id FROM billing.journal_entry AS x"
    " WHERE e.kind = 'charge-reversed' AND x.tenant_id = e.tenant_id AND x.source_type = 'ChargeItem'"
    " AND x.source_id = e.source_id AND x.kind = 'charge-captured' AND x.recorded_at > e.recorded_at"
    " ORDER BY x.recorded_at LIMIT 1) AS n ON true"
    f" CROSS JOIN LATERAL {_MOVED} AS m"
    " WHERE e.tenant_id = $1 AND (e.kind = 'money-transferred' OR (e.kind = 'charge-reversed' AND e.reason IS NOT"
    " NULL)) AND cardinality(m.moved) > 1"
)
_WITH_ACCOUNT: LiteralString = "{} IN (SELECT split_part(each, '=', 1) FROM unnest(m.moved) AS each)"
_VERSIONS = Statement(
    "SELECT v.version, v.last_updated, v.created_by, v.content FROM billing.resource_versions AS v"
    " WHERE v.tenant_id = $1 AND v.resource_type = 'ChargeItem' AND v.id = $2 AND v.version IN ($3::int, $3::int - 1)"
    " ORDER BY v.version"
)


async def read(reader: Reader, tenant_id: str, entry_id: str) -> TransferRow | None:
    """The transfer that an entry is of; None where it is another entry, or none."""
    filters = [("e.entry_id = {}::uuid", entry_id)]
    rows = await filtered(reader, tenant_id, _SELECT, filters, order="e.recorded_at", limit=1)
    return TransferRow(*rows[0]) if rows else None


async def page(
    reader: Reader,
    tenant_id: str,
    *,
    account_id: str | None,
    payment_id: str | None,
    charge_item_id: str | None,
    before: tuple[str, str] | None,
    count: int,
) -> list[TransferRow]:
    """Transfers, the latest first, from the one behind `before` (when recorded, entry) on."""
    filters: list[tuple[LiteralString, str | tuple[str, str] | None]] = [
        (_WITH_ACCOUNT, account_id),
        ("e.kind = 'money-transferred' AND e.source_id = {}", payment_id),
        ("e.kind = 'charge-reversed' AND e.source_id = {}", charge_item_id),
        ("(e.recorded_at, e.entry_id) < ({}::timestamptz, {}::uuid)", before),
    ]
    order: LiteralString = "e.recorded_at DESC, e.entry_id DESC"
    return [TransferRow(*row) for row in await filtered(reader, tenant_id, _SELECT, filters, order=order, limit=count)]


async def charge_versions(reader: Reader, tenant_id: str, charge_item_id: str, version: int) -> list[ChargeVersion]:
    """A version of a charge, behind the one before it."""
    return [ChargeVersion(*row) for row in await reader.read(tenant_id, _VERSIONS, tenant_id, charge_item_id, version)]

"""Charges that wait, for a price or for an account: nothing that was sent is lost, and here is what is not settled."""

from __future__ import annotations

from storage.pipeline import Statement
from storage.transaction import Reader

_UNPRICED = Statement(
    "SELECT id FROM billing.charge_item WHERE tenant_id = $1 AND unpriced AND id > $2 ORDER BY id LIMIT $3::int"
)
_WITHOUT_ACCOUNT = Statement(
    "SELECT id FROM billing.charge_item WHERE tenant_id = $1 AND account_id IS NULL AND status = 'billable'"
    " AND id > $2 ORDER BY id LIMIT $3::int"
)


async def unpriced(reader: Reader, tenant_id: str, *, after: str = "", count: int) -> list[str]:
    """Ids of charges that no price was found for, in their order."""
    return [row[0] for row in await reader.read(tenant_id, _UNPRICED, tenant_id, after, count)]


async def without_account(reader: Reader, tenant_id: str, *, after: str = "", count: int) -> list[str]:
    """Ids of billable charges that are on no account, in their order."""
    return [row[0] for row in await reader.read(tenant_id, _WITHOUT_ACCOUNT, tenant_id, after, count)]

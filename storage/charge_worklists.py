"""Charges that wait, for a price or for an account: nothing that was sent is lost, and here is what is not settled."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from storage.pipeline import Statement
from storage.transaction import Reader

_UNPRICED = Statement(
    "SELECT id FROM billing.charge_item WHERE tenant_id = $1 AND unpriced AND id > $2 ORDER BY id LIMIT $3::int"
)
_WITHOUT_ACCOUNT = Statement(
    "SELECT id FROM billing.charge_item WHERE tenant_id = $1 AND account_id IS NULL AND status = 'billable'"
    " AND id > $2 ORDER BY id LIMIT $3::int"
)
_DESCRIBED = Statement(
    "SELECT id, subject, coalesce(occurrence_date_time, occurrence_period_start), performing_organization, account_id,"
    " amount_minor, amount_currency, last_updated FROM billing.charge_item"
    " WHERE tenant_id = $1 AND id = ANY($2::text[]) ORDER BY id"
)
_CODES = Statement(
    "SELECT id, system, value FROM billing.charge_item_index"
    " WHERE tenant_id = $1 AND id = ANY($2::text[]) AND parameter = 'code' ORDER BY id, position"
)


@dataclass(frozen=True, slots=True)
class WaitingCharge:
    """What somebody who works a list off has to know of a charge. `codes` are (system, code)."""

    codes: tuple[tuple[str | None, str | None], ...]
    id: str
    subject: str | None
    occurrence: str | None
    performing_organization: str | None
    account_id: str | None
    amount_minor: int | None
    amount_currency: str | None
    last_updated: datetime


async def described(reader: Reader, tenant_id: str, ids: Sequence[str]) -> list[WaitingCharge]:
    """Charges as a worklist shows them, in the order of their ids."""
    parameters = (tenant_id, list(ids))
    rows, coded = await reader.read_all(tenant_id, [(_DESCRIBED, parameters), (_CODES, parameters)])
    codes: defaultdict[str, list[tuple[str | None, str | None]]] = defaultdict(list)
    for charge_id, system, code in coded:
        codes[charge_id].append((system, code))
    return [WaitingCharge(tuple(codes[row[0]]), *row) for row in rows]


async def unpriced(reader: Reader, tenant_id: str, *, after: str = "", count: int) -> list[str]:
    """Ids of charges that no price was found for, in their order."""
    return [row[0] for row in await reader.read(tenant_id, _UNPRICED, tenant_id, after, count)]


async def without_account(reader: Reader, tenant_id: str, *, after: str = "", count: int) -> list[str]:
    """Ids of billable charges that are on no account, in their order."""
    return [row[0] for row in await reader.read(tenant_id, _WITHOUT_ACCOUNT, tenant_id, after, count)]

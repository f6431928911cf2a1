"""Charges as a list for people, with what each waits for and which invoice holds it."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, LiteralString, NamedTuple

from storage.filtered_list import filtered
from storage.transaction import Reader


class ChargeRow(NamedTuple):
    """`codes` are texts `system|code`; `amount_minor` is what it costs, once it is priced."""

    id: str
    version: int
    status: str
    subject: str | None
    account_id: str | None
    occurrence: str | None
    performing_organization: str | None
    quantity: Decimal | None
    amount_minor: int | None
    amount_currency: str | None
    unpriced: bool
    invoice_id: str | None
    codes: list[str]
    last_updated: datetime

    @property
    def waits_for(self) -> str | None:
        """A price or an account, without which it posts nothing."""
        if self.unpriced:
            return "price"
        return "account" if self.account_id is None and self.status == "billable" else None


_SELECT: LiteralString = (
    "SELECT c.id, c.version, c.status, c.subject, c.account_id,"
    " coalesce(c.occurrence_date_time, c.occurrence_period_start), c.performing_organization, c.quantity_value,"
    " c.amount_minor, c.amount_currency, c.unpriced,"
    " (SELECT h.invoice_id FROM billing.invoiced_charge AS h"
    " WHERE h.tenant_id = c.tenant_id AND h.charge_item_id = c.id),"
    " ARRAY(SELECT coalesce(i.system, '') || '|' || coalesce(i.value, '') FROM billing.charge_item_index AS i"
    " WHERE i.tenant_id = c.tenant_id AND i.id = c.id AND i.parameter = 'code' ORDER BY i.position), c.last_updated"
    " FROM billing.charge_item AS c WHERE c.tenant_id = $1"
)
_OF_CODE: LiteralString = (
    "c.id IN (SELECT i.id FROM billing.charge_item_index AS i WHERE i.tenant_id = $1 AND i.parameter = 'code'"
    " AND i.value = {})"
)
_OF_CODE_OF_SYSTEM: LiteralString = (
    "EXISTS (SELECT FROM billing.charge_item_index AS i WHERE i.tenant_id = $1 AND i.id = c.id"
    " AND i.parameter = 'code' AND i.system || '|' || i.value = {})"
)
# As the worklists have them, so that their indexes serve.
_WAITS_FOR: dict[str, LiteralString] = {
    "price": "c.unpriced",
    "account": "c.account_id IS NULL AND c.status = 'billable'",
}


async def read(reader: Reader, tenant_id: str, charge_item_id: str) -> ChargeRow | None:
    rows = await filtered(reader, tenant_id, _SELECT, [("c.id = {}", charge_item_id)], order="c.id", limit=1)
    return ChargeRow(*rows[0]) if rows else None


async def page(
    reader: Reader,
    tenant_id: str,
    *,
    account_id: str | None,
    subject: str | None,
    status: str | None,
    code: str | None,
    occurred_from: datetime | None,
    occurred_before: datetime | None,
    waits_for: str | None,
    before: str | None,
    count: int,
) -> list[ChargeRow]:
    """Charges in the reverse order of their ids, from the one behind `before` on.

    `code` is a code or `system|code`; what occurred at some time from one moment until another is found.
    """
    system, _, value = (None, None, None) if code is None else code.rpartition("|")
    filters: list[tuple[LiteralString, Any]] = [
        ("c.account_id = {}", account_id),
        ("c.subject = {}", subject),
        ("c.status = {}", status),
        (_OF_CODE, value),
        (_OF_CODE_OF_SYSTEM, code if system else None),
        ("c.occurrence_high >= {}::timestamptz", occurred_from),
        ("c.occurrence_low < {}::timestamptz", occurred_before),
        ("c.id < {}", before),
    ]
    select = _SELECT if waits_for is None else f"{_SELECT} AND {_WAITS_FOR[waits_for]}"
    rows = await filtered(reader, tenant_id, select, filters, order="c.id DESC", limit=count)
    return [ChargeRow(*row) for row in rows]

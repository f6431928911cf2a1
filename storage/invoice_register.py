"""Invoices as a list for people: the row, its legal number, and one word for its status. Lines stay where they are."""

from __future__ import annotations

from functools import cache
from typing import Any, LiteralString, NamedTuple

from storage.array_insert import made_of_tables
from storage.pipeline import Statement
from storage.transaction import Reader


class InvoiceRow(NamedTuple):
    """Amounts are minor units; `status` is draft, issued, partially-paid, paid or voided."""

    id: str
    version: int
    status: str
    number: str | None
    account_id: str | None
    subject: str | None
    recipient: str | None
    issuer: str | None
    date: str | None
    due_date: str | None
    total_net_minor: int | None
    total_net_currency: str | None
    total_gross_minor: int | None
    total_gross_currency: str | None
    settled_minor: int | None
    due_minor: int | None
    settlement_currency: str | None
    credit_of_id: str | None
    cancelled_reason: str | None
    payment_plan_id: str | None


# The number series' systems are C/NamingSystem/invoice-number/... and C/NamingSystem/credit-note-number/...
_SELECT = (
    "SELECT i.id, i.version, CASE WHEN i.status = 'draft' THEN 'draft' WHEN i.status = 'balanced' THEN 'paid'"
    " WHEN i.status = 'issued' AND i.settled_minor > 0 THEN 'partially-paid' WHEN i.status = 'issued' THEN 'issued'"
    " ELSE 'voided' END,"
    " (SELECT n.value FROM billing.invoice_index AS n WHERE n.tenant_id = i.tenant_id AND n.id = i.id"
    " AND n.parameter = 'identifier'"
    " AND n.system ~ '^https://billing\\.ghasi\\.example/fhir/NamingSystem/(invoice|credit-note)-number/'"
    " ORDER BY n.position LIMIT 1),"
    " i.account_id, i.subject, i.recipient, i.issuer, i.date, i.due_date, i.total_net_minor, i.total_net_currency,"
    " i.total_gross_minor, i.total_gross_currency, i.settled_minor, i.due_minor, i.settlement_currency,"
    " i.credit_of_id, i.cancelled_reason, (SELECT h.plan_id FROM billing.planned_invoice AS h"
    " WHERE h.tenant_id = i.tenant_id AND h.invoice_id = i.id) FROM billing.invoice AS i WHERE i.tenant_id = $1"
)
_READ = Statement(_SELECT + " AND i.id = $2")
_STORED: dict[str, tuple[str, ...]] = {
    "draft": ("draft",),
    "issued": ("issued",),
    "partially-paid": ("issued",),
    "paid": ("balanced",),
    "voided": ("cancelled", "entered-in-error"),
}
_SETTLED: dict[str, LiteralString] = {"issued": "i.settled_minor = 0", "partially-paid": "i.settled_minor > 0"}


async def read(reader: Reader, tenant_id: str, invoice_id: str) -> InvoiceRow | None:
    rows = await reader.read(tenant_id, _READ, tenant_id, invoice_id)
    return InvoiceRow(*rows[0]) if rows else None


async def page(
    reader: Reader,
    tenant_id: str,
    *,
    account_id: str | None,
    subject: str | None,
    status: str | None,
    before: str | None,
    count: int,
) -> list[InvoiceRow]:
    """Invoices in the reverse order of their ids, from the one behind `before` on.

    Ids that the server gives begin with the time, so the latest made comes first.
    """
    given: list[tuple[LiteralString, Any]] = [
        ("i.account_id = {}", account_id),
        ("i.subject = {}", subject),
        ("i.status = ANY({}::text[])", None if status is None else list(_STORED[status])),
        ("i.id < {}", before),
    ]
    asked = tuple(condition for condition, value in given if value is not None)
    values = [value for _, value in given if value is not None]
    rows = await reader.read(tenant_id, _page(asked, _SETTLED.get(status or "")), tenant_id, count, *values)
    return [InvoiceRow(*row) for row in rows]


@cache
def _page(asked: tuple[LiteralString, ...], settled: LiteralString | None) -> Statement:
    """One statement for each set of filters, so that each has a plan of its own."""
    conditions = [condition.format(f"${number}") for number, condition in enumerate(asked, 3)]
    where = " AND ".join(["", *conditions, *([settled] if settled else [])])
    return Statement(made_of_tables(f"{_SELECT}{where} ORDER BY i.id DESC LIMIT $2::integer"))

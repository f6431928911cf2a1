"""Invoices as a list for people, with one word for the status; of one its lines, and what settled it."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime
from typing import Any, LiteralString, NamedTuple

from storage.filtered_list import filtered
from storage.pipeline import Statement
from storage.tables.invoice import TOTALS
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
class ComponentRow(NamedTuple):
    type: str
    code: str | None
    amount_minor: int | None
    currency: str | None


class LineRow(NamedTuple):
    sequence: int | None
    charge_item_id: str | None
    components: tuple[ComponentRow, ...]


class SettlementRow(NamedTuple):
    """What an entry took off what is owed on an invoice; below zero where it is owed again."""

    entry_id: str
    kind: str
    effective_at: date
    recorded_at: datetime
    source_type: str
    source_id: str
    payment_id: str | None
    currency: str
    amount_minor: int


_SELECT: LiteralString = (
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
_LINES = Statement(
    "SELECT position, sequence, charge_item_id FROM billing.invoice_line WHERE tenant_id = $1 AND invoice_id = $2"
    " ORDER BY position"
)
_COMPONENTS = Statement(
    "SELECT line_position, type, code, amount_minor, amount_currency FROM billing.invoice_price_component"
    " WHERE tenant_id = $1 AND invoice_id = $2 ORDER BY line_position, position"
)
_SETTLEMENTS = Statement(
    "SELECT e.entry_id::text, e.kind, e.effective_at, e.recorded_at, e.source_type, e.source_id, max(p.payment_id),"
    " p.currency, -sum(p.amount_minor)::bigint FROM billing.posting AS p JOIN billing.journal_entry AS e"
    " ON e.tenant_id = p.tenant_id AND e.entry_id = p.entry_id WHERE p.tenant_id = $1 AND p.invoice_id = $2"
    " AND p.ledger_account IN (1100, 1110) AND e.kind NOT IN ('invoice-issued', 'invoice-cancelled')"
    " GROUP BY e.tenant_id, e.entry_id, p.currency HAVING sum(p.amount_minor) <> 0 ORDER BY e.recorded_at"
)
_OF_NUMBER: LiteralString = (
    "i.id IN (SELECT n.id FROM billing.invoice_index AS n WHERE n.tenant_id = $1 AND n.parameter = 'identifier'"
    " AND n.value = {})"
)
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


async def lines(reader: Reader, tenant_id: str, invoice_id: str) -> list[LineRow]:
    """The lines of an invoice in their order, and last its total price components under no number."""
    asked = (tenant_id, invoice_id)
    rows, components = await reader.read_all(tenant_id, [(_LINES, asked), (_COMPONENTS, asked)])
    of_line: defaultdict[int, list[ComponentRow]] = defaultdict(list)
    for position, *component in components:
        of_line[position].append(ComponentRow(*component))
    found = [LineRow(sequence, charge, tuple(of_line[position])) for position, sequence, charge in rows]
    return [*found, LineRow(None, None, tuple(of_line[TOTALS]))]


async def settlements(reader: Reader, tenant_id: str, invoice_id: str) -> list[SettlementRow]:
    """What settled an invoice, or was taken off it again, the oldest first: it comes to what is settled."""
    return [SettlementRow(*row) for row in await reader.read(tenant_id, _SETTLEMENTS, tenant_id, invoice_id)]


async def page(
    reader: Reader,
    tenant_id: str,
    *,
    account_id: str | None,
    subject: str | None,
    issuer: str | None,
    status: str | None,
    number: str | None,
    dated_from: datetime | None,
    dated_before: datetime | None,
    due_before: str | None,
    before: str | None,
    count: int,
) -> list[InvoiceRow]:
    """Invoices in the reverse order of their ids, from the one behind `before` on.

    Ids that the server gives begin with the time, so the latest made comes first. `due_before`: a day as YYYY-MM-DD on
    which they were due already, and something still is.
    """
    filters: list[tuple[LiteralString, Any]] = [
        ("i.account_id = {}", account_id),
        ("i.subject = {}", subject),
        ("i.issuer = {}", issuer),
        ("i.status = ANY({}::text[])", None if status is None else list(_STORED[status])),
        (_OF_NUMBER, number),
        ("i.date_high >= {}::timestamptz", dated_from),
        ("i.date_low < {}::timestamptz", dated_before),
        ("i.due_minor > 0 AND i.due_date < {}", due_before),
        ("i.id < {}", before),
    ]
    settled = _SETTLED.get(status or "")
    select = _SELECT if settled is None else f"{_SELECT} AND {settled}"
    rows = await filtered(reader, tenant_id, select, filters, order="i.id DESC", limit=count)
    return [InvoiceRow(*row) for row in rows]

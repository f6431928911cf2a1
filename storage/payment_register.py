"""Payments as the REST API shows them, read from their rows."""

from __future__ import annotations

from datetime import datetime
from typing import LiteralString, NamedTuple

from storage.filtered_list import filtered
from storage.pipeline import Statement
from storage.transaction import Reader

_ROW: LiteralString = (
    "SELECT p.id, p.status, p.outcome, p.payment_account_id, p.payment_issuer, p.method, p.payment_date,"
    " p.payment_identifier_value, p.payment_amount_minor, p.payment_amount_currency, p.refunded_minor, v.created_by,"
    " v.last_updated, p.version,"
    " (SELECT -coalesce(sum(o.amount_minor), 0)::bigint FROM billing.posting AS o WHERE o.tenant_id = p.tenant_id"
    " AND o.payment_id = p.id AND o.ledger_account IN (2100, 2110)) AS unapplied,"
    " ARRAY(SELECT DISTINCT o.invoice_id || '=' || -sum(o.amount_minor)::bigint FROM billing.posting AS o"
    " WHERE o.tenant_id = p.tenant_id AND o.payment_id = p.id AND o.ledger_account IN (1100, 1110)"
    " GROUP BY o.invoice_id HAVING sum(o.amount_minor) <> 0) AS allocated,"
    " EXISTS (SELECT FROM billing.journal_entry AS e WHERE e.tenant_id = p.tenant_id"
    " AND e.source_type = 'PaymentReconciliation' AND e.source_id = p.id) AS is_posted"
    " FROM billing.payment_reconciliation AS p JOIN billing.resource_versions AS v ON v.tenant_id = p.tenant_id"
    " AND v.resource_type = 'PaymentReconciliation' AND v.id = p.id AND v.version = 1 WHERE p.tenant_id = $1"
)
_READ = Statement(f"{_ROW} AND p.id = $2")
_IS_POSTED: LiteralString = (
    "EXISTS (SELECT FROM billing.journal_entry AS e WHERE e.tenant_id = p.tenant_id"
    " AND e.source_type = 'PaymentReconciliation' AND e.source_id = p.id)"
)
_RECEIVED: LiteralString = "p.status = 'active' AND coalesce(p.outcome, 'complete') IN ('complete', 'partial')"
_WITH_STATUS: dict[str, LiteralString] = {
    "posted": _RECEIVED,
    "reversed": f"NOT ({_RECEIVED}) AND {_IS_POSTED}",
    "kept": f"NOT ({_RECEIVED}) AND NOT {_IS_POSTED}",
}
# Money that somebody has to put somewhere, or to give back: by payment and owner.
_UNAPPLIED = Statement(
    "SELECT o.payment_id, o.account_id, o.payer, p.payment_date, o.currency, -sum(o.amount_minor)::bigint"
    " FROM billing.posting AS o JOIN billing.payment_reconciliation AS p"
    " ON p.tenant_id = o.tenant_id AND p.id = o.payment_id"
    " WHERE o.tenant_id = $1 AND o.ledger_account IN (2100, 2110) AND o.payment_id IS NOT NULL"
    " AND ($2::text IS NULL OR o.payment_id || '.' || coalesce(o.account_id, o.payer) > $2)"
    " AND ($3::text IS NULL OR o.account_id = $3)"
    " GROUP BY o.payment_id, o.account_id, o.payer, p.payment_date, o.currency HAVING sum(o.amount_minor) < 0"
    " ORDER BY o.payment_id || '.' || coalesce(o.account_id, o.payer) LIMIT $4::integer"
)
# Details of money that is here about things that are not.
_UNMATCHED = Statement(
    "SELECT d.payment_id, d.position, d.type_code, d.request, d.amount_minor, d.amount_currency, d.date"
    " FROM billing.payment_detail AS d JOIN billing.payment_reconciliation AS p"
    " ON p.tenant_id = d.tenant_id AND p.id = d.payment_id"
    " WHERE d.tenant_id = $1 AND p.status = 'active' AND coalesce(p.outcome, 'complete') IN ('complete', 'partial')"
    " AND (d.request IS NULL OR d.request !~ '^(Invoice|Account)/') AND coalesce(d.amount_minor, 0) <> 0"
    " AND ($2::text IS NULL OR d.payment_id || '.' || lpad(d.position::text, 5, '0') > $2)"
    " AND EXISTS (SELECT FROM billing.posting AS o WHERE o.tenant_id = d.tenant_id AND o.payment_id = d.payment_id"
    " AND o.ledger_account IN (2100, 2110) HAVING sum(o.amount_minor) < 0)"
    " ORDER BY d.payment_id || '.' || lpad(d.position::text, 5, '0') LIMIT $3::integer"
)


class PaymentRow(NamedTuple):
    id: str
    status: str
    outcome: str | None
    account_id: str | None
    issuer: str | None
    method: str | None
    date: str | None
    reference: str | None
    amount_minor: int | None
    currency: str | None
    refunded_minor: int | None
    created_by: str
    created_at: datetime
    version: int
    unapplied_minor: int
    allocated: list[str]
    is_posted: bool


class UnappliedRow(NamedTuple):
    payment_id: str
    account_id: str | None
    payer: str | None
    date: str | None
    currency: str
    amount_minor: int

    @property
    def key(self) -> str:
        """Where it stands in the list."""
        return f"{self.payment_id}.{self.account_id or self.payer}"


class UnmatchedRow(NamedTuple):
    payment_id: str
    position: int
    type_code: str | None
    request: str | None
    amount_minor: int
    currency: str | None
    date: str | None

    @property
    def key(self) -> str:
        """Where it stands in the list."""
        return f"{self.payment_id}.{self.position:05}"


async def read(reader: Reader, tenant_id: str, payment_id: str) -> PaymentRow | None:
    rows = await reader.read(tenant_id, _READ, tenant_id, payment_id)
    return PaymentRow(*rows[0]) if rows else None


async def page(
    reader: Reader,
    tenant_id: str,
    *,
    account_id: str | None,
    payer: str | None,
    method: str | None,
    status: str | None,
    date_from: str | None,
    date_to: str | None,
    before: str | None,
    count: int,
) -> list[PaymentRow]:
    """Payments in the reverse order of their ids, from the one behind `before` on; `status`: posted, reversed, kept.

    Days are YYYY-MM-DD; a payment of a day was made on it.
    """
    filters: list[tuple[LiteralString, str | None]] = [
        ("p.payment_account_id = {}", account_id),
        ("p.payment_issuer = {}", payer),
        ("p.method = {}", method),
        ("p.payment_date >= {}", date_from),
        # What is written to the month or the year comes before its days.
        ("p.payment_date <= {}", date_to),
        ("p.id < {}", before),
    ]
    select = _ROW if status is None else f"{_ROW} AND {_WITH_STATUS[status]}"
    rows = await filtered(reader, tenant_id, select, filters, order="p.id DESC", limit=count)
    return [PaymentRow(*row) for row in rows]


async def unapplied(
    reader: Reader, tenant_id: str, *, account_id: str | None, after: str | None, count: int
) -> list[UnappliedRow]:
    """Unapplied money in the order of its payments, from behind one on."""
    rows = await reader.read(tenant_id, _UNAPPLIED, tenant_id, after, account_id, count)
    return [UnappliedRow(*row) for row in rows]


async def unmatched(reader: Reader, tenant_id: str, *, after: str | None, count: int) -> list[UnmatchedRow]:
    """Details that matched nothing here, of payments with unapplied money, in the order of the payments."""
    return [UnmatchedRow(*row) for row in await reader.read(tenant_id, _UNMATCHED, tenant_id, after, count)]

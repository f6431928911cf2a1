"""What invoices, their lines and their charges must agree on, read for `./run check`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from storage.check_snapshot import LIMIT, Snapshot, sql
from storage.pipeline import Statement

_LINES = (
    " FROM billing.invoice AS i JOIN billing.invoice_line AS l ON l.tenant_id = i.tenant_id AND l.invoice_id = i.id"
)
# A credit note names the charges that it gives back; it does not hold them.
# Nor does a line of an invoice that was credited to be billed again.
_HELD = (
    " i.credit_of_id IS NULL AND NOT EXISTS (SELECT FROM billing.credited_line AS k WHERE k.tenant_id = l.tenant_id"
    " AND k.invoice_id = l.invoice_id AND k.line_position = l.position AND k.rebilled)"
)
_LIVE = f" i.status IN ('draft', 'issued', 'balanced') AND l.charge_item_id IS NOT NULL AND{_HELD}"
_ISSUED = f" i.status IN ('issued', 'balanced') AND{_HELD}"

# charge, the live invoices that it is on
CHARGE_TWICE = sql(
    f"SELECT l.charge_item_id, string_agg('Invoice/' || l.invoice_id, ', ' ORDER BY l.invoice_id){_LINES}"
    f" WHERE i.tenant_id = $1 AND{_LIVE} GROUP BY l.charge_item_id HAVING count(*) > 1 ORDER BY 1{LIMIT}"
)
# invoice, charge: it is on a line of the live invoice, which does not hold it
CHARGE_NOT_HELD = sql(
    f"SELECT i.id, l.charge_item_id{_LINES} WHERE i.tenant_id = $1 AND{_LIVE} AND NOT EXISTS ("
    "SELECT FROM billing.invoiced_charge AS h WHERE h.tenant_id = l.tenant_id"
    f" AND h.charge_item_id = l.charge_item_id AND h.invoice_id = i.id) ORDER BY 1, 2{LIMIT}"
)
# invoice, charge: the other way round
CHARGE_HELD_WRONGLY = sql(
    "SELECT h.invoice_id, h.charge_item_id FROM billing.invoiced_charge AS h WHERE h.tenant_id = $1"
    f" AND NOT EXISTS (SELECT{_LINES} WHERE i.tenant_id = h.tenant_id AND i.id = h.invoice_id"
    f" AND l.charge_item_id = h.charge_item_id AND{_LIVE}) ORDER BY 1, 2{LIMIT}"
)
# charge, its status: it is billed and on no issued invoice, or on one and not billed
CHARGE_STATUS_WRONG = sql(
    "SELECT c.id, c.status FROM billing.charge_item AS c WHERE c.tenant_id = $1 AND c.status = 'billed'"
    f" AND NOT EXISTS (SELECT{_LINES} WHERE l.tenant_id = c.tenant_id AND l.charge_item_id = c.id AND{_ISSUED})"
    f" UNION SELECT c.id, c.status{_LINES}"
    " JOIN billing.charge_item AS c ON c.tenant_id = l.tenant_id AND c.id = l.charge_item_id"
    f" WHERE i.tenant_id = $1 AND{_ISSUED} AND c.status <> 'billed' ORDER BY 1{LIMIT}"
)
# invoice, line, charge, what the charge costs, what the line says
LINE_DIFFERS_FROM_CHARGE = sql(
    f"SELECT i.id, l.position, c.id, c.amount_minor, coalesce(sum(b.amount_minor), 0){_LINES}"
    " JOIN billing.charge_item AS c ON c.tenant_id = l.tenant_id AND c.id = l.charge_item_id"
    " LEFT JOIN billing.invoice_price_component AS b ON b.tenant_id = i.tenant_id AND b.invoice_id = i.id"
    " AND b.line_position = l.position AND b.type = 'base'"
    f" WHERE i.tenant_id = $1 AND{_ISSUED} GROUP BY i.id, l.position, c.id, c.amount_minor"
    f" HAVING c.amount_minor IS DISTINCT FROM coalesce(sum(b.amount_minor), 0) ORDER BY 1, 2{LIMIT}"
)
# invoice, charge: a line of an issued invoice charges for what is on another account
CHARGE_OF_OTHER_ACCOUNT = sql(
    f"SELECT i.id, c.id{_LINES}"
    " JOIN billing.charge_item AS c ON c.tenant_id = l.tenant_id AND c.id = l.charge_item_id"
    f" WHERE i.tenant_id = $1 AND{_ISSUED} AND c.account_id IS DISTINCT FROM i.account_id ORDER BY 1, 2{LIMIT}"
)
# resource, its currency, that of its account
CURRENCY_DIFFERS = sql(
    "SELECT 'Invoice/' || i.id, coalesce(i.settlement_currency, i.total_gross_currency), a.currency"
    " FROM billing.invoice AS i JOIN billing.account AS a ON a.tenant_id = i.tenant_id AND a.id = i.account_id"
    " WHERE i.tenant_id = $1 AND i.status IN ('issued', 'balanced')"
    " AND (i.settlement_currency IS DISTINCT FROM a.currency OR i.total_gross_currency IS DISTINCT FROM a.currency)"
    " UNION ALL SELECT 'ChargeItem/' || c.id, c.amount_currency, a.currency FROM billing.charge_item AS c"
    " JOIN billing.account AS a ON a.tenant_id = c.tenant_id AND a.id = c.account_id"
    " WHERE c.tenant_id = $1 AND c.status IN ('billable', 'billed') AND c.amount_currency <> a.currency"
    f" ORDER BY 1{LIMIT}"
)
# invoice, payer, what is open: more was settled of a share than it is
SHARE_OVER_SETTLED = sql(
    "SELECT invoice_id, coalesce(payer, 'the patient'), sum(amount_minor) FROM billing.posting"
    " WHERE tenant_id = $1 AND invoice_id IS NOT NULL AND ledger_account IN (1100, 1110)"
    f" GROUP BY invoice_id, ledger_account, payer HAVING sum(amount_minor) < 0 ORDER BY 1, 2{LIMIT}"
)
# charge, how often events say that it was captured, how often the journal does; $2: the event
CAPTURES_AND_EVENTS_DIFFER = sql(
    "SELECT coalesce(o.id, e.source_id), coalesce(o.number, 0), coalesce(e.number, 0)"
    " FROM (SELECT id, count(*) AS number FROM billing.outbox"
    " WHERE tenant_id = $1 AND resource_type = 'ChargeItem' AND $2 = ANY (events) GROUP BY id) AS o"
    " FULL JOIN (SELECT source_id, count(*) AS number FROM billing.journal_entry"
    " WHERE tenant_id = $1 AND source_type = 'ChargeItem' AND kind = $3 GROUP BY source_id) AS e"
    " ON e.source_id = o.id WHERE o.number IS DISTINCT FROM e.number"
    f" ORDER BY 1{LIMIT}"
)

# credit note, position: a line of it that does not say which line of its invoice it is about, or says so wrongly;
# $2, $3: the kinds of entry of what is not billed again and of what is
CREDIT_UNLINKED = sql(
    "SELECT i.id, l.position FROM billing.invoice AS i"
    " JOIN billing.invoice_line AS l ON l.tenant_id = i.tenant_id AND l.invoice_id = i.id"
    " LEFT JOIN billing.credited_line AS k ON k.tenant_id = l.tenant_id AND k.credit_note_id = l.invoice_id"
    " AND k.position = l.position"
    " LEFT JOIN billing.invoice_line AS o ON o.tenant_id = k.tenant_id AND o.invoice_id = k.invoice_id"
    " AND o.position = k.line_position"
    " WHERE i.tenant_id = $1 AND i.credit_of_id IS NOT NULL AND (k.credit_note_id IS NULL OR o.invoice_id IS NULL"
    " OR k.invoice_id <> i.credit_of_id OR o.charge_item_id IS DISTINCT FROM l.charge_item_id"
    " OR EXISTS (SELECT FROM billing.journal_entry AS e WHERE e.tenant_id = i.tenant_id AND e.source_type = 'Invoice'"
    " AND e.source_id = i.id AND e.kind = CASE WHEN k.rebilled THEN $2::text ELSE $3::text END))"
    " UNION SELECT k.credit_note_id, k.position FROM billing.credited_line AS k WHERE k.tenant_id = $1 AND NOT EXISTS ("
    "SELECT FROM billing.invoice_line AS l WHERE l.tenant_id = k.tenant_id AND l.invoice_id = k.credit_note_id"
    f" AND l.position = k.position) ORDER BY 1, 2{LIMIT}"
)
# credit note, its invoice: which is not issued, is a credit note itself, or is another account's or currency's
CREDIT_OF_WRONG = sql(
    "SELECT i.id, i.credit_of_id FROM billing.invoice AS i LEFT JOIN billing.invoice AS o"
    " ON o.tenant_id = i.tenant_id AND o.id = i.credit_of_id"
    " WHERE i.tenant_id = $1 AND i.credit_of_id IS NOT NULL AND (o.id IS NULL OR o.credit_of_id IS NOT NULL"
    " OR o.status NOT IN ('issued', 'balanced') OR o.account_id IS DISTINCT FROM i.account_id"
    f" OR o.settlement_currency IS DISTINCT FROM i.settlement_currency) ORDER BY 1{LIMIT}"
)

_CREDITED = Statement(
    "SELECT k.invoice_id, k.line_position, bool_or(k.rebilled), p.type, coalesce(p.code, ''), -sum(p.amount_minor)"
    " FROM billing.credited_line AS k JOIN billing.invoice_price_component AS p"
    " ON p.tenant_id = k.tenant_id AND p.invoice_id = k.credit_note_id AND p.line_position = k.position"
    " WHERE k.tenant_id = $1 AND k.invoice_id = ANY ($2::text[]) AND p.amount_minor IS NOT NULL"
    " GROUP BY k.invoice_id, k.line_position, p.type, p.code"
)
_OPEN_OF = Statement(
    "SELECT invoice_id, sum(amount_minor) FROM billing.posting WHERE tenant_id = $1"
    " AND invoice_id = ANY ($2::text[]) AND ledger_account IN (1100, 1110) GROUP BY invoice_id"
)


class CreditedComponent(NamedTuple):
    """What all credit notes together took off a component of a line; positive, but of discounts."""

    position: int
    rebilled: bool
    type: str
    code: str
    amount_minor: int


async def credited_of(
    snapshot: Snapshot, tenant_id: str, invoice_ids: Sequence[str]
) -> dict[str, list[CreditedComponent]]:
    """What was credited of invoices; those that nothing was credited of are not in the answer."""
    found: dict[str, list[CreditedComponent]] = {}
    for invoice_id, position, rebilled, type_, code, amount in await snapshot.rows(
        _CREDITED, tenant_id, list(invoice_ids)
    ):
        found.setdefault(invoice_id, []).append(CreditedComponent(position, rebilled, type_, code, int(amount)))
    return found


async def open_of(snapshot: Snapshot, tenant_id: str, invoice_ids: Sequence[str]) -> dict[str, int]:
    """What the journal says is still owed of invoices; those that nothing was ever booked on are not in the answer."""
    return {row[0]: int(row[1]) for row in await snapshot.rows(_OPEN_OF, tenant_id, list(invoice_ids))}

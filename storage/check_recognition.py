"""Deferred revenue, and the changes of the recognition point, against the journal, read for `./run check`."""

from __future__ import annotations

from ledger.recognition import RecognitionChange
from storage.check_snapshot import LIMIT, Snapshot, sql
from storage.pipeline import Statement

_NOT_REVERSED = (
    " NOT EXISTS (SELECT FROM billing.journal_entry AS v"
    " WHERE v.tenant_id = e.tenant_id AND v.reverses_entry_id = e.entry_id)"
)
# charge, currency, what is deferred of it, what should be: what its standing capture deferred, until it is billed
DEFERRED_DIFFERS = sql(
    "WITH d AS (SELECT p.charge_item_id, p.currency, p.amount_minor, e.kind = 'charge-captured'"
    f" AND{_NOT_REVERSED} AS is_of_capture FROM billing.posting AS p"
    " JOIN billing.journal_entry AS e ON e.tenant_id = p.tenant_id AND e.entry_id = p.entry_id"
    " WHERE p.tenant_id = $1 AND p.ledger_account = 2400), s AS (SELECT d.charge_item_id, d.currency,"
    " -sum(d.amount_minor) AS deferred, -coalesce(sum(d.amount_minor) FILTER (WHERE d.is_of_capture), 0) AS captured"
    " FROM d GROUP BY 1, 2), x AS (SELECT s.charge_item_id, s.currency, s.deferred,"
    " CASE WHEN c.status = 'billable' THEN s.captured ELSE 0 END AS expected FROM s"
    " LEFT JOIN billing.charge_item AS c ON c.tenant_id = $1 AND c.id = s.charge_item_id)"
    " SELECT coalesce(charge_item_id, 'none'), currency, deferred, expected FROM x WHERE deferred <> expected"
    f" ORDER BY 1, 2{LIMIT}"
)
# charge, entry, invoice: revenue is recognised for an invoice that does not bill the charge, or not on its day
RECOGNISED_FOR_OTHER = sql(
    "SELECT DISTINCT e.source_id, e.entry_id::text, coalesce(p.invoice_id, 'none') FROM billing.journal_entry AS e"
    " JOIN billing.posting AS p ON p.tenant_id = e.tenant_id AND p.entry_id = e.entry_id"
    " LEFT JOIN billing.invoiced_charge AS h ON h.tenant_id = e.tenant_id AND h.charge_item_id = e.source_id"
    " LEFT JOIN billing.journal_entry AS i ON i.tenant_id = e.tenant_id AND i.source_type = 'Invoice'"
    " AND i.source_id = h.invoice_id AND i.kind = 'invoice-issued'"
    " LEFT JOIN billing.journal_entry AS c ON c.tenant_id = e.tenant_id AND c.source_type = 'ChargeItem'"
    " AND c.source_id = e.source_id AND c.kind = 'charge-captured' AND NOT EXISTS (SELECT FROM billing.journal_entry"
    " AS v WHERE v.tenant_id = c.tenant_id AND v.reverses_entry_id = c.entry_id)"
    f" WHERE e.tenant_id = $1 AND e.kind = 'revenue-recognised' AND{_NOT_REVERSED}"
    " AND (h.invoice_id IS DISTINCT FROM p.invoice_id"
    f" OR e.effective_at <> greatest(coalesce(i.effective_at, e.effective_at), c.effective_at)) ORDER BY 1, 2{LIMIT}"
)

_CHANGES = "WITH c AS (SELECT * FROM billing.recognition_change WHERE tenant_id = $1)"


def _point_on(day: str) -> str:
    return (
        f"coalesce((SELECT r.point FROM c AS r WHERE r.first_day <= {day} ORDER BY r.number DESC LIMIT 1), 'capture')"
    )


# first day of a period that is not open, the day in it from which the point is another one
MIXED = sql(
    f"{_CHANGES}, p AS (SELECT DISTINCT ON (first_day) first_day, last_day, status"
    " FROM billing.posting_period_change WHERE tenant_id = $1 ORDER BY first_day, number DESC)"
    " SELECT DISTINCT p.first_day, c.first_day FROM p JOIN c ON c.first_day > p.first_day AND c.first_day <= p.last_day"
    f" WHERE p.status <> 'open' AND {_point_on('c.first_day')} <> {_point_on('c.first_day - 1')} ORDER BY 1, 2{LIMIT}"
)
# what does not follow: the number of a change, or the setting
CHANGE_BROKEN = sql(
    f"{_CHANGES}, n AS (SELECT number, row_number() OVER w AS place, point, lag(point, 1, 'capture') OVER w AS before,"
    " changed_at <= lag(changed_at) OVER w AS is_early FROM c WINDOW w AS (ORDER BY number))"
    " SELECT 'change ' || number FROM n WHERE number <> place OR point = before OR is_early UNION ALL"
    " SELECT 'the setting' WHERE coalesce((SELECT point FROM c ORDER BY number DESC LIMIT 1), 'capture')"
    " <> coalesce((SELECT value FROM billing.tenant_setting WHERE tenant_id = $1 AND key = 'recognition_point'),"
    f" 'capture') ORDER BY 1{LIMIT}"
)

_RECOGNITION = Statement("SELECT first_day, point FROM billing.recognition_change WHERE tenant_id = $1 ORDER BY number")


async def changes_of(snapshot: Snapshot, tenant_id: str) -> list[RecognitionChange]:
    """The changes of a tenant's recognition point, the oldest first."""
    return [RecognitionChange(*row) for row in await snapshot.rows(_RECOGNITION, tenant_id)]

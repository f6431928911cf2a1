"""What cash sessions must come to, read for `./run check`."""

from __future__ import annotations

from storage.check_snapshot import LIMIT, sql

# session, what it expected, what its float and movements come to, declared, what is booked as over; $2: kind of entry
SESSION_DIFFERS = sql(
    "SELECT s.id, s.expected_minor, s.float_minor + m.moved, s.declared_minor, b.over FROM billing.cash_session AS s"
    " CROSS JOIN LATERAL (SELECT coalesce(sum(c.amount_minor), 0) AS moved FROM billing.cash_movement AS c"
    " WHERE c.tenant_id = s.tenant_id AND c.session_id = s.id) AS m"
    " CROSS JOIN LATERAL (SELECT coalesce(sum(p.amount_minor), 0) AS over FROM billing.journal_entry AS e"
    " JOIN billing.posting AS p ON p.tenant_id = e.tenant_id AND p.entry_id = e.entry_id"
    " WHERE e.tenant_id = s.tenant_id AND e.source_type = 'CashSession' AND e.source_id = s.id AND e.kind = $2"
    " AND p.ledger_account = 1010 AND p.detail = s.drawer AND p.currency = s.currency) AS b"
    " WHERE s.tenant_id = $1 AND (s.closed_at IS NULL AND b.over <> 0 OR s.closed_at IS NOT NULL"
    " AND (s.expected_minor <> s.float_minor + m.moved OR s.declared_minor - s.expected_minor <> b.over))"
    f" ORDER BY 1{LIMIT}"
)
# session, entry, what the movement says, what the entry moved in the drawer of the session
MOVEMENT_WRONG = sql(
    "SELECT m.session_id, m.entry_id::text, m.amount_minor, p.moved FROM billing.cash_movement AS m"
    " LEFT JOIN billing.cash_session AS s ON s.tenant_id = m.tenant_id AND s.id = m.session_id"
    " CROSS JOIN LATERAL (SELECT coalesce(sum(o.amount_minor), 0) AS moved FROM billing.posting AS o"
    " WHERE o.tenant_id = m.tenant_id AND o.entry_id = m.entry_id AND o.ledger_account = 1010"
    " AND o.detail = s.drawer AND o.currency = s.currency) AS p"
    f" WHERE m.tenant_id = $1 AND m.amount_minor <> p.moved ORDER BY 1, 2{LIMIT}"
)

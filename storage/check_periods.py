"""Closed posting periods against the journal, read for `./run check`."""

from __future__ import annotations

from datetime import date, datetime

from storage.check_snapshot import LIMIT, Snapshot, sql
from storage.pipeline import Statement

# Closings, each with the day through which the books were closed before.
_CLOSINGS = (
    "SELECT last_day AS closed_through, changed_at, coalesce(lag(last_day) OVER (ORDER BY number), '-infinity') AS"
    " before FROM billing.posting_period_change WHERE tenant_id = $1 AND status = 'closed'"
)
# entry, its day, the day through which the books were closed when it was recorded. The journal is read once, by day;
# the entries of a day are looked for only where one of them came too late.
ENTRY_IN_CLOSED = sql(
    f"WITH c AS ({_CLOSINGS}), d AS MATERIALIZED (SELECT effective_at, max(recorded_at) AS latest"
    " FROM billing.journal_entry WHERE tenant_id = $1 GROUP BY effective_at),"
    " late AS (SELECT d.effective_at, c.changed_at, c.closed_through"
    " FROM d JOIN c ON d.effective_at > c.before AND d.effective_at <= c.closed_through WHERE d.latest > c.changed_at)"
    " SELECT e.entry_id::text, e.effective_at, late.closed_through FROM late JOIN billing.journal_entry AS e"
    " ON e.tenant_id = $1 AND e.effective_at = late.effective_at AND e.recorded_at > late.changed_at"
    f" ORDER BY 1{LIMIT}"
)
# day, ledger account, currency, debit and credit as closed, and of the postings
CLOSING_DIFFERS = sql(
    f"WITH c AS ({_CLOSINGS}), d AS MATERIALIZED (SELECT ledger_account, currency, effective_at,"
    " sum(greatest(amount_minor, 0)) AS debit, sum(greatest(-amount_minor, 0)) AS credit FROM billing.posting"
    " WHERE tenant_id = $1 GROUP BY 1, 2, 3), p AS (SELECT c.closed_through, d.ledger_account, d.currency,"
    " sum(d.debit) AS debit, sum(d.credit) AS credit FROM c JOIN d ON d.effective_at <= c.closed_through"
    " GROUP BY 1, 2, 3), b AS (SELECT closed_through, ledger_account, currency, debit_minor, credit_minor"
    " FROM billing.closing_balance WHERE tenant_id = $1) SELECT closed_through, ledger_account, currency,"
    " coalesce(b.debit_minor, 0), coalesce(b.credit_minor, 0), coalesce(p.debit, 0), coalesce(p.credit, 0)"
    " FROM p FULL JOIN b USING (closed_through, ledger_account, currency)"
    f" WHERE (b.debit_minor, b.credit_minor) IS DISTINCT FROM (p.debit, p.credit) ORDER BY 1, 2, 3{LIMIT}"
)
# number, status, first day: a change that does not follow from the one before it
CHANGE_WRONG = sql(
    "WITH c AS (SELECT *, row_number() OVER w AS place, lag(closed_through) OVER w AS closed_before,"
    " lag(soft_closed_through) OVER w AS soft_before, lag(changed_at) OVER w AS changed_before, number = min(number)"
    " OVER () AS is_first FROM billing.posting_period_change WHERE tenant_id = $1 WINDOW w AS (ORDER BY number))"
    " SELECT number, status, first_day FROM c WHERE number <> place OR changed_at <= changed_before"
    " OR (status <> 'closed' AND closed_through IS DISTINCT FROM closed_before)"
    " OR (status = 'closed' AND (soft_before IS NULL OR soft_before < last_day"
    " OR coalesce(closed_before + 1, first_day) <> first_day"
    " OR coalesce(soft_closed_through, last_day) <> soft_before))"
    " OR (status = 'soft-closed' AND coalesce(soft_before, closed_before, first_day - 1) <> first_day - 1)"
    " OR (status = 'open' AND (soft_before IS DISTINCT FROM last_day OR soft_closed_through >= first_day))"
    f" ORDER BY 1{LIMIT}"
)
# entry, its day, the day of the service: it counts neither on that day nor on one that was the first open one
DATE_WRONG = sql(
    "SELECT e.entry_id::text, e.effective_at, e.service_date FROM billing.journal_entry AS e WHERE e.tenant_id = $1"
    " AND e.service_date <> e.effective_at AND NOT (e.effective_at > e.service_date AND EXISTS ("
    "SELECT FROM billing.posting_period_change AS c WHERE c.tenant_id = e.tenant_id AND c.changed_at < e.recorded_at"
    f" AND e.effective_at IN (c.closed_through + 1, c.soft_closed_through + 1))) ORDER BY 1{LIMIT}"
)
_OPEN_FROM = Statement(
    "SELECT d.day, min(c.changed_at) FROM billing.posting_period_change AS c CROSS JOIN LATERAL"
    " (VALUES (c.closed_through + 1), (c.soft_closed_through + 1)) AS d(day)"
    " WHERE c.tenant_id = $1 AND d.day IS NOT NULL GROUP BY d.day"
)


async def first_open_days(snapshot: Snapshot, tenant_id: str) -> dict[date, datetime]:
    """The days that were the first on which the books were open, each with the moment from which it was."""
    return dict(await snapshot.rows(_OPEN_FROM, tenant_id))

"""Control totals: adding sealed blocks to them, and what they say together with what is not sealed yet."""

from __future__ import annotations

from datetime import date, datetime

from ledger.chart import LedgerAccount
from ledger.trial_balance import LedgerAccountTotal
from storage.journal import FOREVER, FOREVER_AGO
from storage.pipeline import Statement
from storage.transaction import Reader, Transaction

_BEGIN = Statement(
    "INSERT INTO billing.control_checkpoint (tenant_id, block_number) VALUES ($1, 0) ON CONFLICT (tenant_id) DO NOTHING"
)
# Only one adds for a tenant at a time; who finds the row locked has nothing to do.
_CHECKPOINT = Statement(
    "SELECT block_number, recorded_through FROM billing.control_checkpoint WHERE tenant_id = $1 FOR UPDATE SKIP LOCKED"
)
_NEXT = Statement(
    "SELECT max(b.number), max(b.sealed_through) FROM (SELECT number, sealed_through FROM billing.journal_block"
    " WHERE tenant_id = $1 AND number > $2::int ORDER BY number LIMIT $3::int) AS b"
)
_ADD = Statement(
    "INSERT INTO billing.control_total AS t (tenant_id, ledger_account, currency, facility, effective_at, debit_minor,"
    " credit_minor) SELECT p.tenant_id, p.ledger_account, p.currency, coalesce(p.facility, ''), p.effective_at,"
    " sum(greatest(p.amount_minor, 0)), sum(greatest(-p.amount_minor, 0))"
    " FROM billing.journal_entry AS e"
    " JOIN billing.posting AS p ON p.tenant_id = e.tenant_id AND p.entry_id = e.entry_id"
    " WHERE e.tenant_id = $1 AND e.recorded_at > $2::timestamptz"
    " AND e.recorded_at <= $3::timestamptz GROUP BY 1, 2, 3, 4, 5"
    " ON CONFLICT (tenant_id, ledger_account, currency, facility, effective_at) DO UPDATE"
    " SET debit_minor = t.debit_minor + excluded.debit_minor, credit_minor = t.credit_minor + excluded.credit_minor"
)
_ADVANCE = Statement(
    "UPDATE billing.control_checkpoint SET block_number = $2::int, recorded_through = $3::timestamptz"
    " WHERE tenant_id = $1"
)
# The totals, and what was recorded after them; from the journal alone where it is asked for what was known earlier than
# the totals. One statement, so that both are of one moment. $2 effective, $3 facility, $4 recorded.
_TOTALS = Statement(
    "WITH c AS (SELECT CASE WHEN recorded_through <= $4::timestamptz THEN recorded_through END"
    " AS through FROM billing.control_checkpoint WHERE tenant_id = $1) SELECT s.ledger_account, s.currency,"
    " sum(s.debit), sum(s.credit) FROM (SELECT t.ledger_account, t.currency, t.debit_minor AS debit, t.credit_minor AS"
    " credit FROM billing.control_total AS t WHERE t.tenant_id = $1 AND (SELECT through FROM c) IS NOT NULL"
    " AND ($2::date IS NULL OR t.effective_at <= $2::date) AND ($3::text IS NULL OR t.facility = $3::text)"
    " UNION ALL SELECT p.ledger_account, p.currency, greatest(p.amount_minor, 0), greatest(-p.amount_minor, 0)"
    " FROM billing.journal_entry AS e"
    " JOIN billing.posting AS p ON p.tenant_id = e.tenant_id AND p.entry_id = e.entry_id"
    " WHERE e.tenant_id = $1 AND e.recorded_at > (SELECT coalesce(max(through), '-infinity') FROM c)"
    " AND e.recorded_at <= $4::timestamptz AND ($2::date IS NULL OR e.effective_at <= $2::date)"
    " AND ($3::text IS NULL OR coalesce(p.facility, '') = $3::text)) AS s GROUP BY 1, 2 ORDER BY 1, 2"
)


async def add_sealed(tx: Transaction, blocks: int) -> int:
    """Add the next sealed blocks, so many at most, to the totals; how many. Those of others who add meanwhile: 0."""
    _, rows = await tx.fetch_all([(_BEGIN, (tx.tenant_id,)), (_CHECKPOINT, (tx.tenant_id,))])
    if not rows:
        return 0
    number, after = rows[0]
    last, through = (await tx.fetch(_NEXT, tx.tenant_id, number, blocks))[0]
    if last is None:
        return 0
    tx.send(_ADD, tx.tenant_id, after or FOREVER_AGO, through)
    tx.send(_ADVANCE, tx.tenant_id, last, through)
    return int(last) - int(number)


async def totals(
    reader: Reader, tenant_id: str, *, effective: date | None, recorded: datetime | None, facility: str | None
) -> list[LedgerAccountTotal]:
    """What ledger accounts were debited and credited: effective up to a day, as known at a moment, of a facility."""
    rows = await reader.read(tenant_id, _TOTALS, tenant_id, effective, facility, recorded or FOREVER)
    return [
        LedgerAccountTotal(LedgerAccount(account), currency, int(debit), int(credit))
        for account, currency, debit, credit in rows
    ]

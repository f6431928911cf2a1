"""Posting periods: the lock that keeps them as they are while something is posted, their changes, closing balances.

The lock is an advisory one of the tenant, held to the end of the transaction: shared by all that post, taken alone by
who changes a period. A row lock would do the same, and write to one row with every posting (docs/decisions/0023).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from functools import partial
from typing import NamedTuple

from ledger.chart import LedgerAccount
from ledger.posting_period import OPEN, PeriodChange, PostingDays, PostingPeriod
from ledger.trial_balance import LedgerAccountTotal
from storage.array_insert import ArrayInsert
from storage.pipeline import Row, Statement
from storage.tables import closing_balance, posting_period_change
from storage.transaction import Reader, Transaction

_INSERT_CHANGE = ArrayInsert(posting_period_change, 960)
_INSERT_BALANCE = ArrayInsert(closing_balance, 961)

# The guard in the database (migration 0019) takes the same lock.
_SHARE = Statement("SELECT pg_advisory_xact_lock_shared(hashtextextended('posting period ' || $1, 0))")
_LOCK = Statement("SELECT pg_advisory_xact_lock(hashtextextended('posting period ' || $1, 0))")
# A statement of its own, because it sees what was committed while the lock was waited for.
_DAYS = Statement(
    "SELECT closed_through, soft_closed_through, changed_at FROM billing.posting_period_change WHERE tenant_id = $1"
    " ORDER BY number DESC LIMIT 1"
)
_CHANGES = Statement(
    "SELECT first_day, last_day, status, closed_through, soft_closed_through, changed_at, changed_by, reason"
    " FROM billing.posting_period_change WHERE tenant_id = $1 ORDER BY number"
)
_LAST_RECORDED = Statement("SELECT max(recorded_at) FROM billing.journal_entry WHERE tenant_id = $1")
_MOMENTS = Statement("SELECT min(recorded_at), clock_timestamp() FROM billing.journal_entry WHERE tenant_id = $1")
_CLOSING_BALANCE = Statement(
    "SELECT ledger_account, currency, debit_minor, credit_minor FROM billing.closing_balance"
    " WHERE tenant_id = $1 AND closed_through = $2::date ORDER BY ledger_account, currency"
)


class StoredPeriods(NamedTuple):
    """All changes of a tenant's periods, oldest first."""

    changes: tuple[PeriodChange, ...]

    @property
    def days(self) -> PostingDays:
        return self.changes[-1].days if self.changes else PostingDays()

    @property
    def shut(self) -> list[PostingPeriod]:
        """The periods that are not open now, in order."""
        latest = {change.period.first_day: change.period for change in self.changes}
        return [latest[day] for day in sorted(latest) if latest[day].status != OPEN]


def hold(tx: Transaction) -> None:
    """Keep the periods as they are until the end of the transaction: whoever changes one waits for it.

    It is the first lock of every transaction that posts. It travels with the next question, by which the transaction
    then knows from which day on it posts (`tx.first_open_day`), and records later than the periods were changed.
    """
    if not tx.holds_periods:
        tx.holds_periods = True
        tx.send(_SHARE, tx.tenant_id)
        tx.ask(partial(_see, tx), _DAYS, tx.tenant_id)


def _see(tx: Transaction, rows: Sequence[Row]) -> None:
    tx.posting_days = PostingDays(rows[0][0], rows[0][1]) if rows else PostingDays()
    if rows:
        tx.record_after(rows[0][2])


async def lock(tx: Transaction) -> StoredPeriods:
    """Wait until nobody posts for the tenant, and keep everybody from it until the end; the periods as they are then.

    The transaction records its change later than everything that was posted.
    """
    assert not tx.holds_periods, "who holds the periods for posting would wait for itself"
    tx.holds_periods = True
    tx.send(_LOCK, tx.tenant_id)
    changes, last = await tx.fetch_all([(_CHANGES, (tx.tenant_id,)), (_LAST_RECORDED, (tx.tenant_id,))])
    stored = _stored(changes)
    tx.posting_days = stored.days
    before = [last[0][0], *(change.period.changed_at for change in stored.changes[-1:])]
    for moment in filter(None, before):
        tx.record_after(moment)
    await tx.read_clock()
    return stored


def record(tx: Transaction, stored: StoredPeriods, change: PeriodChange) -> PostingPeriod:
    """Write a change of the locked periods; the period as it is now."""
    period = replace(change.period, changed_at=tx.next_instant(), changed_by=tx.actor)
    days = change.days
    tx.add(
        _INSERT_CHANGE,
        (
            tx.tenant_id,
            len(stored.changes) + 1,
            period.first_day,
            period.last_day,
            period.status,
            days.closed_through,
            days.soft_closed_through,
            period.changed_at,
            period.changed_by,
            period.reason,
        ),
    )
    tx.posting_days = days
    return period


def record_closing_balance(tx: Transaction, closed_through: date, totals: Sequence[LedgerAccountTotal]) -> None:
    for total in totals:
        row = (
            tx.tenant_id,
            closed_through,
            int(total.ledger_account),
            total.currency,
            total.debit_minor,
            total.credit_minor,
        )
        tx.add(_INSERT_BALANCE, row)


async def read(reader: Reader, tenant_id: str) -> tuple[StoredPeriods, datetime, datetime]:
    """The periods of a tenant, when its first entry was recorded (now, where there is none), and what time it is."""
    changes, moments = await reader.read_all(tenant_id, [(_CHANGES, (tenant_id,)), (_MOMENTS, (tenant_id,))])
    first, now = moments[0]
    return _stored(changes), first or now, now


async def closing_balance_of(reader: Reader, tenant_id: str, closed_through: date) -> list[LedgerAccountTotal]:
    """What the ledger accounts came to when the books were closed through a day."""
    return [
        LedgerAccountTotal(LedgerAccount(row[0]), row[1], int(row[2]), int(row[3]))
        for row in await reader.read(tenant_id, _CLOSING_BALANCE, tenant_id, closed_through)
    ]


def _stored(rows: Sequence[Row]) -> StoredPeriods:
    return StoredPeriods(
        tuple(
            PeriodChange(
                PostingPeriod(first_day, last_day, status, changed_at, changed_by, reason), PostingDays(closed, soft)
            )
            for first_day, last_day, status, closed, soft, changed_at, changed_by, reason in rows
        )
    )

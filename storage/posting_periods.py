"""Posting periods: the lock that keeps them as they are while something is posted, their changes, closing balances.

The lock is an advisory one of the tenant, held to the end of the transaction: shared by all that post, taken alone by
who changes a period. A row lock would do the same, and write to one row with every posting (docs/decisions/0023). The
changes of the recognition point, which is the same in all of a period, are held by it too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from functools import partial
from operator import itemgetter
from typing import NamedTuple

from ledger.chart import LedgerAccount
from ledger.posting_period import OPEN, PeriodChange, PostingDays, PostingPeriod
from ledger.recognition import Point, RecognitionChange, point_on
from ledger.trial_balance import LedgerAccountTotal
from storage.array_insert import ArrayInsert
from storage.pipeline import Row, Statement
from storage.tables import closing_balance, posting_period_change, recognition_change
from storage.transaction import Reader, Transaction

_INSERT_CHANGE = ArrayInsert(posting_period_change, 960)
_INSERT_BALANCE = ArrayInsert(closing_balance, 961)
_INSERT_RECOGNITION = ArrayInsert(recognition_change, 962)

# The guard in the database (migration 0019) takes the same lock.
_SHARE = Statement("SELECT pg_advisory_xact_lock_shared(hashtextextended('posting period ' || $1, 0))")
_LOCK = Statement("SELECT pg_advisory_xact_lock(hashtextextended('posting period ' || $1, 0))")
# A statement of its own, because it sees what was committed while the lock was waited for. The days that are closed are
# number 0; the changes of the recognition point come in any order, because no posting is to pay for sorting them.
_DAYS = Statement(
    "(SELECT 0, c.closed_through, c.soft_closed_through, c.changed_at, NULL"
    " FROM billing.posting_period_change AS c WHERE c.tenant_id = $1 ORDER BY c.number DESC LIMIT 1)"
    " UNION ALL SELECT r.number, r.first_day, NULL, r.changed_at, r.point"
    " FROM billing.recognition_change AS r WHERE r.tenant_id = $1"
)
_RECOGNITION = Statement(
    "SELECT first_day, point, changed_at FROM billing.recognition_change WHERE tenant_id = $1 ORDER BY number"
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
    """All changes of a tenant's periods, and of the point by which it recognises revenue; the oldest first."""

    changes: tuple[PeriodChange, ...]
    recognition: tuple[RecognitionChange, ...]

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
    tx.posting_days = PostingDays()
    changes = []
    for number, day, soft_closed_through, changed_at, point in sorted(rows, key=itemgetter(0)):
        if number == 0:
            tx.posting_days = PostingDays(day, soft_closed_through)
        else:
            changes.append(RecognitionChange(day, point))
        tx.record_after(changed_at)
    tx.recognition_changes = tuple(changes)


async def lock(tx: Transaction) -> StoredPeriods:
    """Wait until nobody posts for the tenant, and keep everybody from it until the end; the periods as they are then.

    The transaction records its change later than everything that was posted.
    """
    assert not tx.holds_periods, "who holds the periods for posting would wait for itself"
    tx.holds_periods = True
    tx.send(_LOCK, tx.tenant_id)
    changes, recognition, last = await tx.fetch_all(
        [(statement, (tx.tenant_id,)) for statement in (_CHANGES, _RECOGNITION, _LAST_RECORDED)]
    )
    stored = _stored(changes, recognition)
    tx.posting_days, tx.recognition_changes = stored.days, stored.recognition
    before = [
        last[0][0],
        *(change.period.changed_at for change in stored.changes[-1:]),
        *(row[2] for row in recognition),
    ]
    for moment in filter(None, before):
        tx.record_after(moment)
    await tx.read_clock()
    return stored


def record(tx: Transaction, stored: StoredPeriods, change: PeriodChange) -> PostingPeriod:
    """Write a change of the locked periods; the period as it is now."""
    point = point_on(stored.recognition, change.period.first_day)
    period = replace(change.period, changed_at=tx.next_instant(), changed_by=tx.actor, recognition_point=point)
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


def record_recognition(tx: Transaction, stored: StoredPeriods, first_day: date, point: Point) -> None:
    """Have charges that count on a day or later be captured by another point, while the periods are locked."""
    number = len(stored.recognition) + 1
    tx.add(_INSERT_RECOGNITION, (tx.tenant_id, number, first_day, point, tx.next_instant(), tx.actor))
    tx.recognition_changes = (*stored.recognition, RecognitionChange(first_day, point))


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
    changes, recognition, moments = await reader.read_all(
        tenant_id, [(statement, (tenant_id,)) for statement in (_CHANGES, _RECOGNITION, _MOMENTS)]
    )
    first, now = moments[0]
    return _stored(changes, recognition), first or now, now


async def recognition_changes(reader: Reader, tenant_id: str) -> list[RecognitionChange]:
    """From which day on a tenant recognises revenue by which point, the oldest change first."""
    return _changes_of_recognition(await reader.read(tenant_id, _RECOGNITION, tenant_id))


async def closing_balance_of(reader: Reader, tenant_id: str, closed_through: date) -> list[LedgerAccountTotal]:
    """What the ledger accounts came to when the books were closed through a day."""
    return [
        LedgerAccountTotal(LedgerAccount(row[0]), row[1], int(row[2]), int(row[3]))
        for row in await reader.read(tenant_id, _CLOSING_BALANCE, tenant_id, closed_through)
    ]


def _stored(rows: Sequence[Row], recognition: Sequence[Row]) -> StoredPeriods:
    return StoredPeriods(
        tuple(
            PeriodChange(
                PostingPeriod(first_day, last_day, status, changed_at, changed_by, reason), PostingDays(closed, soft)
            )
            for first_day, last_day, status, closed, soft, changed_at, changed_by, reason in rows
        ),
        tuple(_changes_of_recognition(recognition)),
    )


def _changes_of_recognition(rows: Sequence[Row]) -> list[RecognitionChange]:
    return [RecognitionChange(first_day, point) for first_day, point, _ in rows]

"""What posting periods there are, with what the ledger accounts came to where one is closed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from billing.context import Context
from ledger.errors import not_found
from ledger.posting_period import CLOSED, PostingPeriod, all_periods, period_from
from ledger.recognition import point_on
from ledger.trial_balance import LedgerAccountTotal
from storage import posting_periods
from storage.posting_periods import StoredPeriods
from storage.transaction import Reader


@dataclass(frozen=True, slots=True)
class ShownPeriod:
    """A period, all that was ever done to it, and its closing trial balance, which is empty unless it is closed."""

    period: PostingPeriod
    changes: tuple[PostingPeriod, ...]
    closing_balance: tuple[LedgerAccountTotal, ...]


async def list_periods(reader: Reader, context: Context) -> list[PostingPeriod]:
    """All periods up to today's, the first one first: that of the first entry, where none was ever closed."""
    stored, began, now = await posting_periods.read(reader, context.tenant.id)
    periods = all_periods(stored.shut, context.today(began), context.today(now))
    return [_with_point(period, stored) for period in periods]


async def read_period(reader: Reader, context: Context, period_id: str) -> ShownPeriod:
    """Refused as not found where no period begins on that day."""
    first_day = day_of_id(period_id)
    stored, began, now = await posting_periods.read(reader, context.tenant.id)
    today = context.today(now)
    known = {period.first_day: period for period in all_periods(stored.shut, context.today(began), today)}
    if not stored.shut and first_day <= today:
        # Until one is closed, any may be the first.
        known.setdefault(first_day, period_from(first_day))
    if first_day not in known:
        raise _unknown(period_id)
    period, balance = known[first_day], list[LedgerAccountTotal]()
    if period.status == CLOSED:
        balance = await posting_periods.closing_balance_of(reader, context.tenant.id, period.last_day)
    changes = tuple(change.period for change in stored.changes if change.period.first_day == first_day)
    return ShownPeriod(_with_point(period, stored), changes, tuple(balance))


def _with_point(period: PostingPeriod, stored: StoredPeriods) -> PostingPeriod:
    return replace(period, recognition_point=point_on(stored.recognition, period.first_day))


def day_of_id(period_id: str) -> date:
    """The day on which the period of an id begins."""
    try:
        day = date.fromisoformat(period_id)
    except ValueError:
        raise _unknown(period_id) from None
    if day.isoformat() != period_id:
        raise _unknown(period_id)
    return day


def _unknown(period_id: str) -> Exception:
    text = f"There is no posting period {period_id}: its id is the day on which it begins, such as 2026-10-01."
    return not_found("not-found", text)

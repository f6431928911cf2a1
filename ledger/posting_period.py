"""Posting periods: ranges of days of which the books are open, soft-closed or closed, in this order.

What is closed is a beginning of all days, then come the soft-closed ones, then the open ones: periods close one after
the other. A period ends with its month unless it is said otherwise when it is soft-closed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, Literal

from ledger.errors import conflict, rule_broken
from ledger.journal import FIRST_DAY
from ledger.recognition import CAPTURE, Point, RecognitionChange, point_on, turning_days

Status = Literal["open", "soft-closed", "closed"]

OPEN: Final = "open"
SOFT_CLOSED: Final = "soft-closed"
CLOSED: Final = "closed"

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class PostingDays:
    """Up to which day the books of a tenant are closed, and soft-closed; None where no day is."""

    closed_through: date | None = None
    soft_closed_through: date | None = None

    def first_open(self, *, into_soft_closed: bool) -> date:
        """The first day on which entries are posted: by who may post into soft-closed periods, or by others."""
        through = self.closed_through if into_soft_closed else self.shut_through
        return date.min if through is None else through + DAY

    @property
    def shut_through(self) -> date | None:
        """The last day that is not open."""
        return self.soft_closed_through or self.closed_through


@dataclass(frozen=True, slots=True)
class PostingPeriod:
    """A range of days, both included. `changed_at`: when it came to its status; None where it always was open.

    `recognition_point`: by which point all charges are captured that count in it.
    """

    first_day: date
    last_day: date
    status: Status = OPEN
    changed_at: datetime | None = None
    changed_by: str | None = None
    reason: str | None = None
    recognition_point: Point = CAPTURE

    @property
    def id(self) -> str:
        return self.first_day.isoformat()


@dataclass(frozen=True, slots=True)
class PeriodChange:
    """A period that came to a status, and up to which day the books are closed and soft-closed since then."""

    period: PostingPeriod
    days: PostingDays


def month_of(day: date) -> date:
    return day.replace(day=1)


def period_from(first_day: date, last_day: date | None = None) -> PostingPeriod:
    """The open period that begins on a day and ends with its month, or on another day."""
    end_of_month = month_of(first_day.replace(day=28) + 4 * DAY) - DAY
    return PostingPeriod(first_day, last_day or end_of_month)


def all_periods(shut: Sequence[PostingPeriod], begin: date, today: date) -> list[PostingPeriod]:
    """The periods that are not open, in order, and the open ones behind them up to that of today.

    `begin`: a day of the first period, where none was ever closed.
    """
    periods = list(shut)
    first_day = shut[-1].last_day + DAY if shut else month_of(begin)
    while first_day <= today or not periods:
        periods.append(period_from(first_day))
        first_day = periods[-1].last_day + DAY
    return periods


def soft_closed(
    shut: Sequence[PostingPeriod],
    days: PostingDays,
    first_day: date,
    last_day: date | None,
    today: date,
    recognition: Sequence[RecognitionChange] = (),
) -> PeriodChange:
    """The change that soft-closes the period that begins on a day; it is the next one, and all of it is past.

    While nothing was ever closed it may be any month: all days before it are closed with it. In all of it revenue is
    recognised by one point.
    """
    known = _named(shut, first_day)
    if known is not None:
        raise conflict("invalid-state", f"The period is {known.status} already.")
    if shut and first_day != shut[-1].last_day + DAY:
        text = f"Periods close in order: next is the one that begins on {shut[-1].last_day + DAY}."
        raise conflict("period-order", text)
    if last_day is not None and last_day < first_day:
        raise rule_broken("period-range", f"A period does not end before {first_day}, when it begins.", "/last_day")
    period = period_from(min(first_day, today), last_day)
    if period.last_day >= today:
        text = f"It ends on {period.last_day}, and today is {today}; close it when it is over."
        raise rule_broken("period-not-over", text, "/last_day" if last_day else "")
    for day in turning_days(recognition):
        if first_day < day <= period.last_day:
            point = point_on(recognition, day)
            text = f"From {day} on revenue is recognised at {point}; end the period on {day - DAY}."
            raise rule_broken("recognition-mixed", text, "/last_day")
    shut_now = PostingPeriod(first_day, period.last_day, SOFT_CLOSED)
    return PeriodChange(shut_now, PostingDays(days.closed_through, period.last_day))


def closed(shut: Sequence[PostingPeriod], days: PostingDays, first_day: date) -> PeriodChange:
    """The change that closes a period for ever: the first of those that are soft-closed."""
    period = _named(shut, first_day)
    if period is None:
        raise conflict("invalid-state", "The period is open; soft-close it first, and look at its trial balance.")
    if period.status == CLOSED:
        raise conflict("invalid-state", "The period is closed already.")
    first = next(each for each in shut if each.status == SOFT_CLOSED)
    if first is not period:
        raise conflict("period-order", f"Periods close in order: next is the one that begins on {first.first_day}.")
    left = None if days.soft_closed_through == period.last_day else days.soft_closed_through
    return PeriodChange(PostingPeriod(period.first_day, period.last_day, CLOSED), PostingDays(period.last_day, left))


def reopened(shut: Sequence[PostingPeriod], days: PostingDays, first_day: date, reason: str) -> PeriodChange:
    """The change that opens a soft-closed period again: the last of them. What is closed is never opened."""
    period = _named(shut, first_day)
    if period is None:
        raise conflict("invalid-state", "The period is open.")
    if period.status == CLOSED:
        raise conflict("invalid-state", "A closed period is never opened again; post into one that is open.")
    if period is not shut[-1]:
        raise conflict("period-order", f"Reopen the one that begins on {shut[-1].first_day} before it.")
    before = shut[-2] if len(shut) > 1 else None
    left = before.last_day if before is not None and before.status == SOFT_CLOSED else None
    return PeriodChange(
        PostingPeriod(period.first_day, period.last_day, OPEN, reason=reason), PostingDays(days.closed_through, left)
    )


def recognition_from(shut: Sequence[PostingPeriod], last_captured: date | None, today: date) -> date:
    """From which day on another recognition point is in force: no posting period has charges captured by both.

    That is the first day of the first open period in which and after which no charge counts: the next one after today's
    at the latest, or it is refused. `last_captured`: the last day on which a charge counts.
    """
    first_open = shut[-1].last_day + DAY if shut else FIRST_DAY
    if last_captured is None or last_captured < first_open:
        return first_open
    if last_captured > period_from(today).last_day:
        text = (
            f"A charge counts on {last_captured}, after the current period; change the recognition point once its day"
            " is mended, or past."
        )
        raise conflict("recognition-point-in-use", text)
    return period_from(last_captured).last_day + DAY


def why_refused(first_open: date) -> str:
    """Why a legal date before this day is refused."""
    return f"The books are closed through {first_open - DAY}; date it {first_open} or later."


def _named(shut: Sequence[PostingPeriod], first_day: date) -> PostingPeriod | None:
    return next((period for period in shut if period.first_day == first_day), None)

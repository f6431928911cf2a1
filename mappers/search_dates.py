"""Dates in searches: nine prefixes over partial dates, times with zones, periods and instants.

https://hl7.org/fhir/R4/search.html#date. A date stands for all the instants that it can mean: `2026-11` for those of a
month. What names no zone is in UTC, as where dates are stored.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Literal

from storage.search_criteria import (
    Criterion,
    Operator,
    absent,
    arms,
    compared,
    either,
    every,
    one_instant,
    present,
)

Prefix = Literal["eq", "ne", "gt", "ge", "lt", "le", "sa", "eb", "ap"]

_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SHAPE = re.compile(
    r"(?P<year>\d{4})(-(?P<month>\d\d)(-(?P<day>\d\d)"
    r"(T(?P<hour>\d\d):(?P<minute>\d\d)(:(?P<second>\d\d)(\.(?P<fraction>\d{1,9}))?)?"
    r"(?P<zone>Z|[+\- ]\d\d:\d\d)?)?)?)?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Interval:
    """The first and the last instant that a date can mean."""

    low: datetime
    high: datetime


def read_interval(text: str, *, finest: Literal["millisecond", "microsecond"] = "millisecond") -> Interval | None:
    """The instants of a date as FHIR writes it, minutes allowed without seconds; None where it is not one.

    Stored dates are as fine as a millisecond, `meta.lastUpdated` as a microsecond. A blank for the plus sign of a zone
    is forgiven: in a URL it is what an unescaped plus means.
    """
    parts = _SHAPE.fullmatch(text)
    if parts is None:
        return None
    try:
        low = datetime(
            int(parts["year"]),
            int(parts["month"] or 1),
            int(parts["day"] or 1),
            int(parts["hour"] or 0),
            int(parts["minute"] or 0),
            int(parts["second"] or 0),
            int((parts["fraction"] or "0").ljust(6, "0")[:6]),
            tzinfo=_zone(parts["zone"]),
        ).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    exact = finest == "microsecond" and len(parts["fraction"] or "") > 3
    if parts["fraction"] and not exact:
        low = low.replace(microsecond=low.microsecond // 1000 * 1000)
    return Interval(low, low if exact else _end(low, parts))


def instant_criterion(column: str, prefix: Prefix, value: Interval, now: datetime) -> Criterion:
    """What the prefix asks of an exact instant."""
    match prefix:
        case "eq":
            return every(compared(column, ">=", value.low), compared(column, "<=", value.high))
        case "ne":
            return either(compared(column, "<", value.low), compared(column, ">", value.high))
        case "gt" | "sa":
            return compared(column, ">", value.high)
        case "ge":
            return compared(column, ">=", value.low)
        case "lt" | "eb":
            return compared(column, "<", value.low)
        case "le":
            return compared(column, "<=", value.high)
        case "ap":
            begin, end = _approximately(value, now)
            return every(compared(column, ">=", begin), compared(column, "<=", end))


def date_criterion(stored: StoredDate, prefix: Prefix, value: Interval, now: datetime) -> Criterion:
    """What the prefix asks of a stored date or period, said so that indexes in the order of its ends lead to it."""
    low, high = stored.low, stored.high
    match prefix:
        case "eq":
            return every(
                compared(low, ">=", value.low), compared(low, "<=", value.high), compared(high, "<=", value.high)
            )
        case "ne":
            return either(compared(low, "<", value.low), compared(high, ">", value.high))
        case "gt":
            return arms(compared(low, ">", value.high), *stored.begun_by(value.high, reaching=(">", value.high)))
        case "ge":
            begun_before = _shifted(value.low, -_MICROSECOND)
            return arms(compared(low, ">=", value.low), *stored.begun_by(begun_before, reaching=(">", value.high)))
        case "lt":
            return compared(low, "<", value.low)
        case "le":
            asked = either(compared(low, "<", value.low), compared(high, "<=", value.high))
            return every(compared(low, "<=", value.high), asked)
        case "sa":
            return compared(low, ">", value.high)
        case "eb":
            return every(compared(low, "<", value.low), compared(high, "<", value.low))
        case "ap":
            begin, end = _approximately(value, now)
            within = every(compared(low, ">", begin), compared(low, "<=", end))
            return arms(within, *stored.begun_by(begin, reaching=(">=", begin)))


@dataclass(frozen=True, slots=True)
class StoredDate:
    """The columns of a date or a period. `date` has the text of a date; it is empty where it is always a period."""

    low: str
    high: str
    date: str
    may_be_period: bool

    def begun_by(self, instant: datetime, *, reaching: tuple[Operator, datetime]) -> list[Criterion]:
        """What begins at an instant or before and reaches past the other, which is not before it: in arms.

        Periods may be of any length. A date is one of the few that hold the instant: its year, month, day, second ...
        """
        reaches = compared(self.high, *reaching)
        found = []
        if self.date:
            dates = every(one_instant(self.low, _beginnings(instant)), reaches)
            found.append(every(present(self.date), dates) if self.may_be_period else dates)
        if self.may_be_period:
            periods = every(compared(self.low, "<=", instant), reaches)
            found.append(every(absent(self.date), periods) if self.date else periods)
        return found


def _beginnings(instant: datetime) -> list[datetime]:
    """The first instants of the dates that hold an instant: of the year, month, day, second and millisecond."""
    second = instant.replace(microsecond=0)
    day = second.replace(hour=0, minute=0, second=0)
    millisecond = instant.replace(microsecond=instant.microsecond // 1000 * 1000)
    return sorted({day.replace(month=1, day=1), day.replace(day=1), day, second, millisecond})


def _approximately(value: Interval, now: datetime) -> tuple[datetime, datetime]:
    """The interval widened by a tenth of the time between it and now, as the specification recommends."""
    gap = max(value.low - now, now - value.high, timedelta()) / 10
    return _shifted(value.low, -gap), _shifted(value.high, gap)


def _zone(text: str | None) -> timezone:
    if text is None or text == "Z":
        return UTC
    hours, minutes = int(text[1:3]), int(text[4:6])
    if hours > 14 or minutes > 59:
        raise ValueError(text)
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if text[0] == "-" else offset)


def _end(low: datetime, parts: re.Match[str]) -> datetime:
    try:
        if parts["month"] is None:
            following = low.replace(year=low.year + 1)
        elif parts["day"] is None:
            following = low.replace(year=low.year + low.month // 12, month=low.month % 12 + 1)
        else:
            following = low + _width(parts)
    except (ValueError, OverflowError):
        return _LAST
    return following - _MICROSECOND


def _width(parts: re.Match[str]) -> timedelta:
    if parts["fraction"]:
        return timedelta(milliseconds=1)
    if parts["second"]:
        return timedelta(seconds=1)
    return timedelta(minutes=1) if parts["minute"] else timedelta(days=1)


def _shifted(instant: datetime, by: timedelta) -> datetime:
    try:
        return instant + by
    except OverflowError:
        return _LAST if by > timedelta() else _FIRST

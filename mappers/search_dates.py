"""Dates in searches: nine prefixes over partial dates, times with zones, periods and instants.

https://hl7.org/fhir/R4/search.html#date. A date stands for all the instants that it can mean: `2026-11` for those of a
month. What names no zone is in UTC, as where dates are stored.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Literal

from storage.search_criteria import Criterion, compared, either, every

Prefix = Literal["eq", "ne", "gt", "ge", "lt", "le", "sa", "eb", "ap"]

_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_WIDEST_DATE = timedelta(days=366)
"""No partial date is wider than a year."""

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


def date_criterion(
    low: str, high: str, prefix: Prefix, value: Interval, now: datetime, *, open_ended: bool
) -> Criterion:
    """What the prefix asks of the stored interval in the columns `low` and `high` (one column for an instant).

    `open_ended`: a period, which may be of any length; everything else is at most a year long, and said so that an
    index on `low` can serve what is asked of `high`.
    """
    is_instant = low == high
    match prefix:
        case "eq":
            within = every(compared(low, ">=", value.low), compared(high, "<=", value.high))
            return within if is_instant else every(within, compared(low, "<=", value.high))
        case "ne":
            return either(compared(low, "<", value.low), compared(high, ">", value.high))
        case "gt" | "ge" if not is_instant:
            begins = compared(low, ">=", value.low)
            after = compared(high, ">", value.high)
            asked = after if prefix == "gt" else either(begins, after)
            return asked if open_ended else every(asked, compared(low, ">=", _shifted(value.low, -_WIDEST_DATE)))
        case "gt":
            return compared(low, ">", value.high)
        case "ge":
            return compared(low, ">=", value.low)
        case "lt":
            return compared(low, "<", value.low)
        case "le" if is_instant:
            return compared(low, "<=", value.high)
        case "le":
            asked = either(compared(low, "<", value.low), compared(high, "<=", value.high))
            return every(asked, compared(low, "<=", value.high))
        case "sa":
            return compared(low, ">", value.high)
        case "eb":
            before = compared(high, "<", value.low)
            return before if is_instant else every(before, compared(low, "<", value.low))
        case "ap":
            return _near(low, high, value, now, open_ended=open_ended)


def _near(low: str, high: str, value: Interval, now: datetime, *, open_ended: bool) -> Criterion:
    """Overlaps the interval widened by a tenth of the time between it and now, as the specification recommends."""
    gap = max(value.low - now, now - value.high, timedelta()) / 10
    begin, end = _shifted(value.low, -gap), _shifted(value.high, gap)
    overlaps = every(compared(low, "<=", end), compared(high, ">=", begin))
    if open_ended or low == high:
        return overlaps
    return every(overlaps, compared(low, ">=", _shifted(begin, -_WIDEST_DATE)))


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

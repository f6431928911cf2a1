"""Which of two partial FHIR dates is later, where that is certain: 2026 is not before or after 2026-03."""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import date
from fractions import Fraction

_DAY_SECONDS = 86_400
_ZONE_SECONDS_MAX = 14 * 3_600

_parts = re.compile(
    r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2})(?:T([0-9]{2}):([0-9]{2}):([0-9]{2}(?:\.[0-9]{1,20})?)[0-9]*"
    r"(?:Z|([+-])([0-9]{2}):([0-9]{2})))?)?)?"
).fullmatch


def is_later(start: str, end: str) -> bool:
    """Whether `start` is certainly after `end`. What is no valid date or dateTime is after nothing."""
    first, last = _span(start), _span(end)
    if first is None or last is None:
        return False
    # A date without a time has no zone: where only one of the two has, they may be shifted against each other.
    slack = _ZONE_SECONDS_MAX if first[2] != last[2] else 0
    return first[0] > last[1] + slack


def _span(value: str) -> tuple[Fraction | int, Fraction | int, bool] | None:
    """The first and the last second that a dateTime may mean, and whether it has a zone."""
    match = _parts(value)
    if match is None:
        return None
    year, month, day, hour, minute, second, sign, zone_hour, zone_minute = match.groups()
    try:
        first = date(int(year), int(month or 1), int(day or 1)).toordinal() * _DAY_SECONDS
    except ValueError:
        return None
    if hour is None:
        return first, first + _days(year, month, day) * _DAY_SECONDS - 1, False
    offset = (int(zone_hour) * 60 + int(zone_minute)) * 60 if sign else 0
    moment = first + int(hour) * 3_600 + int(minute) * 60 + Fraction(second) - (-offset if sign == "-" else offset)
    return moment, moment, True


def _days(year: str, month: str | None, day: str | None) -> int:
    if day:
        return 1
    return monthrange(int(year), int(month))[1] if month else 365 + (monthrange(int(year), 2)[1] == 29)

"""Days: what a FHIR date or dateTime means at a place. Entries are dated by days, for the books close by day."""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from ledger.errors import rule_broken

_YEARS = (1, 9999)
_DAY_CHARACTERS = len("2026-01-31")


@lru_cache(maxsize=4096)
def date_of(written: str, timezone: str, expression: str = "") -> date:
    """The day at a place; the first day of a year or month. What is sent together is mostly of few moments."""
    if len(written) <= _DAY_CHARACTERS:
        return date.fromisoformat(written + "-01-01"[len(written) - 4 :])
    try:
        return day_at(datetime.fromisoformat(_readable(written)), timezone)
    except OverflowError:
        raise rule_broken("date-out-of-range", "Send a date within the years 1 to 9999.", expression) from None


def day_at(moment: datetime, timezone: str) -> date:
    """The day that it is at a place."""
    return moment.astimezone(ZoneInfo(timezone)).date()


def moment_of(written: str, expression: str = "") -> datetime:
    """The moment that an instant means, in UTC. One at the ends of the calendar is no moment at some places."""
    try:
        # Python knows no leap second; of the fraction it keeps microseconds, as the database does.
        moment = datetime.fromisoformat(written.replace(":60", ":59") if written[16:19] == ":60" else written)
        moment = moment.astimezone(UTC)
    except OverflowError:
        moment = datetime.max.replace(tzinfo=UTC)
    if not _YEARS[0] < moment.year < _YEARS[1]:
        raise rule_broken("date-out-of-range", "Send a time within the years 2 to 9998.", expression)
    return moment


def whole_date_of(written: str, timezone: str, expression: str) -> date:
    """The day at a place; refused where only a year or month is said, for nobody knows on which day to post."""
    if len(written) < _DAY_CHARACTERS:
        raise rule_broken("date-partial", "A whole date is needed here: YYYY-MM-DD.", expression)
    return date_of(written, timezone, expression)


def _readable(written: str) -> str:
    """Python reads microseconds, and no leap second; the day does not depend on either."""
    head, zone = written[:19], written[19:].lstrip(".0123456789")
    return (head[:17] + "59" if head[17:] == "60" else head) + zone

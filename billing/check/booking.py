"""What a resource should have booked, held against what is booked of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from ledger.dates import date_of
from ledger.journal import Posting
from storage.check_journal import BookedEntry

_DAY = timedelta(days=1)


def says(entry: BookedEntry, postings: Sequence[Posting], currency: str) -> bool:
    """Whether an entry has exactly these lines, in whatever order."""
    return entry.currency == currency and (
        entry.postings == list(postings) or Counter(entry.postings) == Counter(postings)
    )


def standing(entries: Sequence[BookedEntry], kind: str) -> list[BookedEntry]:
    return [entry for entry in entries if entry.kind == kind and not entry.is_reversed]


class Calendar(NamedTuple):
    """How a tenant's days become accounting dates: its time zone, and the days that were the first open ones, each with
    the moment from which it was.
    """

    timezone: str
    open_days: Mapping[date, datetime]

    def has_moved(self, written: str | None, entry: BookedEntry) -> bool:
        """Whether what a resource says of a day was booked later, on what then was the first open day."""
        since = self.open_days.get(entry.effective_at)
        return (
            written is not None
            and since is not None
            and since < entry.recorded_at
            and date_of(written, self.timezone) < entry.effective_at
        )


def is_day_of(written: str | None, booked: date | None, timezone: str) -> bool:
    """Whether what a resource says of a day is the day that was booked.

    What has a time was booked by the tenant's zone of then, which may have been another: a day more or less is fine.
    """
    if written is None:
        return True
    if booked is None:
        return False
    try:
        day = date_of(written, timezone)
    except ValueError:
        return False
    return booked == day if len(written) <= 10 else abs(booked - day) <= _DAY

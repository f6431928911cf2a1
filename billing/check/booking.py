"""What a resource should have booked, held against what is booked of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta

from ledger.dates import date_of
from ledger.journal import Posting
from storage.check_journal import BookedEntry

_DAY = timedelta(days=1)


def says(entry: BookedEntry, postings: Sequence[Posting], currency: str) -> bool:
    """Whether an entry has exactly these lines, in whatever order."""
    return entry.currency == currency and Counter(entry.postings) == Counter(postings)


def standing(entries: Sequence[BookedEntry], kind: str) -> list[BookedEntry]:
    return [entry for entry in entries if entry.kind == kind and not entry.is_reversed]


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

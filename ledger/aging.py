"""Aging: what is owed, by how long it has been due."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

BUCKETS = ("current", "1-30", "31-60", "61-90", "91-120", "121+")
_LAST_DAY = (0, 30, 60, 90, 120)


def bucket_of(due: date | None, on: date) -> str:
    """The bucket of what was due on a day, looked at on another; what has no due date is current."""
    days = 0 if due is None else (on - due).days
    return next((name for name, last in zip(BUCKETS, _LAST_DAY, strict=False) if days <= last), BUCKETS[-1])


def aged(amounts: Iterable[tuple[date | None, int]], on: date) -> dict[str, int]:
    """Minor units by bucket, all six always there."""
    sums = dict.fromkeys(BUCKETS, 0)
    for due, amount in amounts:
        sums[bucket_of(due, on)] += amount
    return sums

"""Aging: what is owed, by how long it has been due."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from ledger.aging import BUCKETS, aged, bucket_of

TODAY = date(2026, 11, 20)


@pytest.mark.parametrize(
    ("days", "bucket"),
    [
        (-400, "current"),
        (0, "current"),
        (1, "1-30"),
        (30, "1-30"),
        (31, "31-60"),
        (60, "31-60"),
        (61, "61-90"),
        (90, "61-90"),
        (91, "91-120"),
        (120, "91-120"),
        (121, "121+"),
        (40_000, "121+"),
    ],
)
def test_a_bucket_is_counted_in_days_after_the_due_date(days: int, bucket: str) -> None:
    assert bucket_of(TODAY - timedelta(days=days), TODAY) == bucket


def test_what_has_no_due_date_is_current() -> None:
    assert bucket_of(None, TODAY) == "current"


def test_all_buckets_are_there_and_sum_to_all_amounts() -> None:
    amounts = [(TODAY - timedelta(days=days), days) for days in range(200)]
    buckets = aged(amounts, TODAY)
    assert tuple(buckets) == BUCKETS
    assert sum(buckets.values()) == sum(range(200))


def test_each_amount_is_in_the_bucket_of_its_own_due_date() -> None:
    assert aged([(TODAY, 5), (TODAY - timedelta(days=40), 7), (TODAY - timedelta(days=40), 1)], TODAY) == {
        **dict.fromkeys(BUCKETS, 0),
        "current": 5,
        "31-60": 8,
    }

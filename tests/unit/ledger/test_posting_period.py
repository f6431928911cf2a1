"""Posting periods by themselves: in which order they close, what is closed after it, which day an entry counts on."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import Refusal
from ledger.posting_period import (
    CLOSED,
    SOFT_CLOSED,
    PeriodChange,
    PostingDays,
    PostingPeriod,
    all_periods,
    closed,
    period_from,
    reopened,
    soft_closed,
)

TODAY = date(2026, 11, 21)
SEPTEMBER = PostingPeriod(date(2026, 9, 1), date(2026, 9, 30), CLOSED)
OCTOBER = PostingPeriod(date(2026, 10, 1), date(2026, 10, 31), SOFT_CLOSED)
SHUT = [SEPTEMBER, OCTOBER]
DAYS = PostingDays(SEPTEMBER.last_day, OCTOBER.last_day)


def code_of(refused: pytest.ExceptionInfo[Refusal]) -> str:
    return refused.value.code


@pytest.mark.parametrize(
    ("first_day", "last_day"),
    [
        (date(2026, 2, 1), date(2026, 2, 28)),
        (date(2024, 2, 29), date(2024, 2, 29)),
        (date(2026, 12, 31), date(2026, 12, 31)),
        (date(2026, 10, 23), date(2026, 10, 31)),
    ],
)
def test_a_period_ends_with_its_month(first_day: date, last_day: date) -> None:
    assert period_from(first_day) == PostingPeriod(first_day, last_day)


def test_the_list_goes_on_behind_what_is_shut_up_to_today() -> None:
    assert all_periods(SHUT, date(2026, 1, 1), TODAY) == [*SHUT, period_from(date(2026, 11, 1))]
    assert [each.id for each in all_periods([], date(2026, 9, 17), TODAY)] == ["2026-09-01", "2026-10-01", "2026-11-01"]


def test_what_counts_where_depends_on_who_posts() -> None:
    assert DAYS.first_open(into_soft_closed=False) == date(2026, 11, 1)
    assert DAYS.first_open(into_soft_closed=True) == date(2026, 10, 1)
    assert PostingDays().first_open(into_soft_closed=False) == date.min


def test_the_next_period_is_soft_closed_with_an_end_of_its_own_where_it_has_one() -> None:
    change = soft_closed([SEPTEMBER], PostingDays(SEPTEMBER.last_day), OCTOBER.first_day, date(2026, 10, 22), TODAY)
    assert change.period == PostingPeriod(OCTOBER.first_day, date(2026, 10, 22), SOFT_CLOSED)
    assert change.days == PostingDays(SEPTEMBER.last_day, date(2026, 10, 22))


@pytest.mark.parametrize(
    ("first_day", "last_day", "code"),
    [
        (date(2026, 9, 1), None, "invalid-state"),
        (date(2026, 10, 1), None, "invalid-state"),
        (date(2026, 10, 15), None, "period-order"),
        (date(2026, 12, 1), None, "period-order"),
        (date(2026, 11, 1), None, "period-not-over"),
        (date(2026, 11, 1), TODAY, "period-not-over"),
        (date(2026, 11, 1), date(2026, 10, 31), "period-range"),
    ],
)
def test_what_is_not_the_next_period_or_not_over_is_not_soft_closed(
    first_day: date, last_day: date | None, code: str
) -> None:
    with pytest.raises(Refusal) as refused:
        soft_closed(SHUT, DAYS, first_day, last_day, TODAY)
    assert code_of(refused) == code


@pytest.mark.parametrize("first_day", [date.max, date(9999, 12, 1), TODAY + timedelta(days=1)])
def test_no_day_of_the_calendar_makes_it_fail(first_day: date) -> None:
    with pytest.raises(Refusal) as refused:
        soft_closed([], PostingDays(), first_day, None, TODAY)
    assert code_of(refused) == "period-not-over"


def test_the_first_soft_closed_period_is_closed_and_the_others_stay_soft_closed() -> None:
    november = PostingPeriod(date(2026, 11, 1), date(2026, 11, 10), SOFT_CLOSED)
    change = closed([*SHUT, november], PostingDays(SEPTEMBER.last_day, november.last_day), OCTOBER.first_day)
    assert change == PeriodChange(
        PostingPeriod(OCTOBER.first_day, OCTOBER.last_day, CLOSED), PostingDays(OCTOBER.last_day, november.last_day)
    )
    assert closed(SHUT, DAYS, OCTOBER.first_day).days == PostingDays(OCTOBER.last_day)
    with pytest.raises(Refusal) as refused:
        closed([*SHUT, november], PostingDays(SEPTEMBER.last_day, november.last_day), november.first_day)
    assert code_of(refused) == "period-order"


@pytest.mark.parametrize("first_day", [SEPTEMBER.first_day, date(2026, 11, 1)])
def test_only_what_is_soft_closed_is_closed_or_reopened(first_day: date) -> None:
    with pytest.raises(Refusal) as refused:
        closed(SHUT, DAYS, first_day)
    assert code_of(refused) == "invalid-state"
    with pytest.raises(Refusal) as refused:
        reopened(SHUT, DAYS, first_day, "x")
    assert code_of(refused) == "invalid-state"


@given(st.lists(st.tuples(st.sampled_from("scr"), st.integers(1, 40)), max_size=30))
def test_whatever_is_done_closed_days_stay_closed_and_periods_follow_one_another(steps: list[tuple[str, int]]) -> None:
    shut: list[PostingPeriod] = []
    days = PostingDays()
    for what, length in steps:
        first_day = shut[-1].last_day + timedelta(days=1) if shut else date(2026, 1, 1)
        soft = [each for each in shut if each.status == SOFT_CLOSED]
        before = days
        if what == "s":
            last_day = first_day + timedelta(days=length)
            if last_day >= TODAY:
                continue
            change = soft_closed(shut, days, first_day, last_day, TODAY)
            shut = [*shut, change.period]
        elif not soft:
            continue
        elif what == "c":
            change = closed(shut, days, soft[0].first_day)
            shut = [change.period if each is soft[0] else each for each in shut]
        else:
            change = reopened(shut, days, soft[-1].first_day, "x")
            shut = shut[:-1]
        days = change.days
        assert (days.closed_through or date.min) >= (before.closed_through or date.min)
        assert days.shut_through == (shut[-1].last_day if shut else None)
        assert [a.last_day + timedelta(days=1) for a in shut[:-1]] == [b.first_day for b in shut[1:]]
        assert sorted(shut, key=lambda each: each.status != CLOSED) == shut

"""Payment plans: schedules lose no minor unit, and what is open of the instalments is what is owed."""

from __future__ import annotations

from datetime import MAXYEAR, UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import Refusal
from ledger.money import Money
from ledger.payment_plan import (
    YEARS_MAX,
    Arrears,
    Instalment,
    PaymentPlan,
    PlanEvent,
    arrears_of,
    equal_instalments,
    refuse_schedule,
    states_of,
    status_of,
)

TODAY = date(2026, 11, 21)
AMOUNTS = st.integers(1, 10**15)
# Without decimals, with two and with three.
CURRENCIES = st.sampled_from(["JPY", "AFN", "KWD"])


def plan_of(*amounts: int, first: date = TODAY) -> tuple[Instalment, ...]:
    return tuple(Instalment(first + timedelta(days=30 * at), amount) for at, amount in enumerate(amounts))


def shown(instalments: tuple[Instalment, ...], open_minor: int, paid_minor: int) -> list[tuple[int, int]]:
    """(scheduled, paid) of each."""
    states = states_of(instalments, open_minor=open_minor, paid_minor=paid_minor)
    return [(state.scheduled_minor, state.paid_minor) for state in states]


@given(total=AMOUNTS, count=st.integers(1, 120), currency=CURRENCIES)
def test_equal_instalments_come_to_the_total_and_differ_by_a_minor_unit_at_most(
    total: int, count: int, currency: str
) -> None:
    if count > total:
        with pytest.raises(Refusal, match="instalment-too-small"):
            equal_instalments(Money(currency, total), count, TODAY, "month", 1)
        return
    amounts = [each.amount_minor for each in equal_instalments(Money(currency, total), count, TODAY, "month", 1)]
    assert len(amounts) == count
    assert sum(amounts) == total
    assert max(amounts) - min(amounts) <= 1
    assert amounts == sorted(amounts, reverse=True)


@pytest.mark.parametrize(
    ("currency", "total", "amounts"),
    [("JPY", 100, [34, 33, 33]), ("AFN", 10_00, [334, 333, 333]), ("KWD", 1_000, [334, 333, 333])],
)
def test_a_third_is_split_in_minor_units_of_the_currency(currency: str, total: int, amounts: list[int]) -> None:
    instalments = equal_instalments(Money(currency, total), 3, TODAY, "week", 1)
    assert [each.amount_minor for each in instalments] == amounts


def test_months_keep_their_day_where_they_have_it() -> None:
    instalments = equal_instalments(Money("AFN", 500), 5, date(2027, 10, 31), "month", 1)
    assert [each.due.isoformat() for each in instalments] == [
        "2027-10-31",
        "2027-11-30",
        "2027-12-31",
        "2028-01-31",
        "2028-02-29",
    ]


@pytest.mark.parametrize(("unit", "every", "days"), [("day", 10, 10), ("week", 2, 14)])
def test_days_and_weeks_are_counted(unit: str, every: int, days: int) -> None:
    first, second = equal_instalments(Money("AFN", 2), 2, TODAY, unit, every)  # type: ignore[arg-type]
    assert (second.due - first.due).days == days


@given(first=st.dates(TODAY), count=st.integers(2, 120), every=st.integers(1, 366))
def test_due_dates_rise_whatever_the_interval(first: date, count: int, every: int) -> None:
    if first.year + count * every // 12 >= MAXYEAR:
        return
    dues = [each.due for each in equal_instalments(Money("AFN", 120), count, first, "month", every)]
    assert all(earlier < later for earlier, later in pairwise(dues))


def test_a_schedule_that_leaves_the_calendar_is_refused() -> None:
    with pytest.raises(Refusal, match="plan-too-long"):
        equal_instalments(Money("AFN", 120), 120, date(9999, 1, 1), "month", 1)
    with pytest.raises(Refusal, match="plan-too-long"):
        equal_instalments(Money("AFN", 120), 120, date(9999, 1, 1), "week", 366)


@pytest.mark.parametrize(
    ("instalments", "code"),
    [
        (plan_of(50, 50, first=TODAY - timedelta(days=1)), "instalment-in-past"),
        (plan_of(50, 50)[::-1], "instalments-unordered"),
        ((Instalment(TODAY, 50), Instalment(TODAY, 50)), "instalments-unordered"),
        ((Instalment(TODAY, 50), Instalment(TODAY.replace(year=TODAY.year + YEARS_MAX + 1), 50)), "plan-too-long"),
        (plan_of(50, 49), "instalments-mismatch"),
        (plan_of(50, 51), "instalments-mismatch"),
    ],
)
def test_a_schedule_that_does_not_fit_is_refused(instalments: tuple[Instalment, ...], code: str) -> None:
    with pytest.raises(Refusal, match=code):
        refuse_schedule(instalments, Money("AFN", 100), TODAY, "/instalments")
    refuse_schedule(plan_of(50, 50), Money("AFN", 100), TODAY, "/instalments")


@given(
    amounts=st.lists(st.integers(1, 1000), min_size=1, max_size=12),
    open_minor=st.integers(-500, 20_000),
    paid_minor=st.integers(-500, 20_000),
)
def test_what_is_open_of_the_instalments_is_what_is_owed(amounts: list[int], open_minor: int, paid_minor: int) -> None:
    states = states_of(plan_of(*amounts), open_minor=open_minor, paid_minor=paid_minor)
    assert sum(state.open_minor for state in states) == open_minor
    assert sum(state.paid_minor for state in states) == max(paid_minor, 0)
    if open_minor >= 0:
        assert all(0 <= state.paid_minor <= state.scheduled_minor for state in states)
        # In their order: none is paid in part while an earlier one is open.
        opened = [state.open_minor > 0 for state in states]
        first = opened.index(True) if True in opened else len(opened)
        assert all(state.paid_minor == 0 for state in states[first + 1 :])


def test_payments_pay_the_instalments_in_their_order() -> None:
    plan = plan_of(100, 100, 100)
    assert shown(plan, 300, 0) == [(100, 0), (100, 0), (100, 0)]
    assert shown(plan, 150, 150) == [(100, 100), (100, 50), (100, 0)]
    assert shown(plan, 0, 300) == [(100, 100), (100, 100), (100, 100)]


def test_what_is_credited_or_written_off_takes_the_last_instalments_away() -> None:
    plan = plan_of(100, 100, 100)
    assert shown(plan, 150, 0) == [(100, 0), (50, 0), (0, 0)]
    assert shown(plan, 30, 100) == [(100, 100), (30, 0), (0, 0)]
    assert shown(plan, 0, 0) == [(0, 0), (0, 0), (0, 0)]


def test_what_comes_on_top_is_due_with_the_last_instalment() -> None:
    plan = plan_of(100, 100)
    assert shown(plan, 280, 0) == [(100, 0), (180, 0)]
    # Money from before the plan was taken off.
    assert shown(plan, 250, -50) == [(100, 0), (150, 0)]


def test_what_is_overdue_counts_after_the_day_and_late_after_the_grace() -> None:
    states = states_of(plan_of(100, 100), open_minor=170, paid_minor=30)
    assert arrears_of(states, TODAY) is None
    assert arrears_of(states, TODAY + timedelta(days=1)) == Arrears(70, TODAY)
    assert arrears_of(states, TODAY + timedelta(days=7), 7) is None
    assert arrears_of(states, TODAY + timedelta(days=8), 7) == Arrears(70, TODAY)
    assert arrears_of(states, TODAY + timedelta(days=31)) == Arrears(170, TODAY)


def _plan(*kinds: str) -> PaymentPlan:
    at = datetime(2026, 11, 21, tzinfo=UTC)
    events = [
        PlanEvent(number=number, kind=kind, on=TODAY, at=at, by="x")  # type: ignore[arg-type]
        for number, kind in enumerate(kinds, 1)
    ]
    return PaymentPlan(
        id="1",
        account_id="a",
        currency="AFN",
        invoice_ids=("i",),
        instalments=plan_of(100, 100),
        made_on=TODAY,
        made_at=at,
        made_by="x",
        events=tuple(events),
    )


@pytest.mark.parametrize(
    ("kinds", "owed", "paid", "days", "status"),
    [
        ((), 200, 0, 0, "active"),
        # Late, and nobody has said so yet.
        ((), 200, 0, 20, "active"),
        (("defaulted",), 200, 0, 20, "defaulted"),
        # It has caught up, whether somebody has said so or not.
        (("defaulted",), 100, 100, 20, "active"),
        (("defaulted", "recovered"), 200, 0, 20, "active"),
        (("defaulted", "recovered", "defaulted"), 200, 0, 20, "defaulted"),
        (("defaulted",), 0, 200, 90, "completed"),
        # A payment that settled it bounced.
        ((), 50, 150, 0, "active"),
        (("defaulted", "cancelled"), 200, 0, 20, "cancelled"),
        (("cancelled",), 0, 200, 0, "cancelled"),
    ],
)
def test_the_status_follows_from_what_is_owed_and_what_was_recorded(
    kinds: tuple[str, ...], owed: int, paid: int, days: int, status: str
) -> None:
    plan = _plan(*kinds)
    states = states_of(plan.instalments, open_minor=owed, paid_minor=paid)
    assert status_of(plan, states, TODAY + timedelta(days=days), 7) == status

"""What is said of a schedule that is refused, word by word and place by place; and the last days that are fine."""

from __future__ import annotations

from datetime import date

import pytest

from ledger.money import Money
from ledger.payment_plan import Instalment, InstalmentState, arrears_of, equal_instalments, refuse_schedule
from tests.unit.ledger.refusals import refused

TODAY = date(2026, 11, 21)
PLACE = "/instalments"
TOO_LONG = "A plan reaches at most 20 years ahead."


@pytest.mark.parametrize(
    ("instalments", "code", "message"),
    [
        ([(date(2026, 11, 20), 100)], "instalment-in-past", "No instalment is due before the plan is made."),
        ([(TODAY, 50), (TODAY, 50)], "instalments-unordered", "Each instalment is due after the one before it."),
        ([(TODAY, 50), (date(2047, 1, 1), 50)], "plan-too-long", TOO_LONG),
        ([(TODAY, 50), (date(2027, 1, 1), 49)], "instalments-mismatch",
         "The instalments come to 99 minor units; the patient owes 0.100 KWD on these invoices."),
    ],
)  # fmt: skip
def test_a_schedule_that_is_none_is_refused(instalments: list[tuple[date, int]], code: str, message: str) -> None:
    schedule = [Instalment(*each) for each in instalments]
    expected = [("rule_broken", code, message, PLACE)]
    assert refused(refuse_schedule, schedule, Money("KWD", 100), TODAY, PLACE) == expected


def test_a_schedule_that_ends_in_twenty_years_is_fine() -> None:
    schedule = [Instalment(TODAY, 50), Instalment(date(2027, 1, 1), 25), Instalment(date(2046, 12, 31), 25)]
    refuse_schedule(schedule, Money("KWD", 100), TODAY, PLACE)


def test_equal_instalments_that_cannot_be_are_refused() -> None:
    text = "0.002 KWD cannot be paid in 3 instalments; take fewer."
    assert refused(equal_instalments, Money("KWD", 2), 3, TODAY, "month", 1) == [
        ("rule_broken", "instalment-too-small", text, "/equal/count")
    ]
    assert refused(equal_instalments, Money("KWD", 2), 2, date(9999, 12, 1), "month", 1) == [
        ("rule_broken", "plan-too-long", TOO_LONG, "/equal")
    ]


def test_one_minor_unit_that_is_late_is_in_arrears() -> None:
    arrears = arrears_of([InstalmentState(date(2026, 11, 20), 1, 1, 0)], TODAY)
    assert (arrears is not None, arrears and tuple(arrears)) == (True, (1, date(2026, 11, 20)))

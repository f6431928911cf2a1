"""What rules about days, amounts and approvals say when they refuse, word by word and place by place."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from ledger.approval import APPROVED, Decision, Limits, Request, refuse_approver, refuse_unless, status_of
from ledger.dates import date_of, moment_of, whole_date_of
from ledger.money import AMOUNT_MINOR_MAX, Money, exact_product, exponent_of, minor_units_of, product, within_limit
from tests.unit.ledger.refusals import refused

NOW = datetime(2026, 3, 1, tzinfo=UTC)
TOO_LARGE = "Amounts reach at most 10^15 minor units of KWD; send a smaller one."
DAYS = "Send a date within the years 1 to 9999."
MOMENTS = "Send a time within the years 2 to 9998."
REQUEST = Request(
    id="1",
    currency="AFN",
    amount_minor=5,
    reason="x",
    requested_by="ann",
    requested_at=NOW,
    approvals_needed=2,
    counted_minor=5,
    limits=Limits(0, 0),
    window_days=30,
)
APPROVAL = Decision(APPROVED, "pending-approval", "bob", NOW)


@pytest.mark.parametrize(
    ("call", "arguments", "code", "message"),
    [
        (exponent_of, ("AFX",), "unknown-currency", "'AFX' is not an ISO 4217 currency code."),
        (minor_units_of, (Decimal(1), "AFX"), "unknown-currency", "'AFX' is not an ISO 4217 currency code."),
        (Money.of_decimal, (Decimal(1), "AFX"), "unknown-currency", "'AFX' is not an ISO 4217 currency code."),
        (minor_units_of, (Decimal("1e19"), "KWD"), "amount-too-large", TOO_LARGE),
        (minor_units_of, (Decimal("1000000000000.001"), "KWD"), "amount-too-large", TOO_LARGE),
        (minor_units_of, (Decimal("0.0005"), "KWD"), "amount-too-precise",
         "KWD has 3 decimals; send an amount without non-zero decimals beyond them."),
        (within_limit, (-AMOUNT_MINOR_MAX - 1, "KWD"), "amount-too-large", TOO_LARGE),
        (product, (Money("KWD", AMOUNT_MINOR_MAX), Decimal(2)), "amount-too-large", TOO_LARGE),
        (exact_product, (Money("KWD", AMOUNT_MINOR_MAX), [Fraction(2)]), "amount-too-large", TOO_LARGE),
        (date_of, ("9999-12-31T23:00:00Z", "Asia/Kabul"), "date-out-of-range", DAYS),
        (whole_date_of, ("9999-12-31T23:00:00Z", "Asia/Kabul"), "date-out-of-range", DAYS),
        (whole_date_of, ("2026-03", "Asia/Kabul"), "date-partial", "A whole date is needed here: YYYY-MM-DD."),
        (moment_of, ("0001-12-31T23:59:59Z",), "date-out-of-range", MOMENTS),
        (moment_of, ("9999-01-01T00:00:00Z",), "date-out-of-range", MOMENTS),
        (moment_of, ("9999-12-31T23:59:59-12:00",), "date-out-of-range", MOMENTS),
    ],
)  # fmt: skip
def test_a_refusal_names_what_is_wrong_and_where(
    call: Callable[..., Any], arguments: tuple[Any, ...], code: str, message: str
) -> None:
    assert refused(call, *arguments, "Here.it") == [("rule_broken", code, message, "Here.it")]


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        (exponent_of, ("AFX",)),
        (minor_units_of, (Decimal("1e19"), "KWD")),
        (Money.of_decimal, (Decimal("1e19"), "KWD")),
        (within_limit, (-AMOUNT_MINOR_MAX - 1, "KWD")),
        (product, (Money("KWD", AMOUNT_MINOR_MAX), Decimal(2))),
        (exact_product, (Money("KWD", AMOUNT_MINOR_MAX), [Fraction(2)])),
        (date_of, ("9999-12-31T23:00:00Z", "Asia/Kabul")),
        (moment_of, ("9999-01-01T00:00:00Z",)),
    ],
)
def test_without_a_place_none_is_named(call: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    assert refused(call, *arguments)[0][3] == ""


def test_amounts_at_their_limit_are_fine() -> None:
    assert minor_units_of(Decimal("1000000000000.000"), "KWD") == AMOUNT_MINOR_MAX
    assert minor_units_of(Decimal("1e15"), "JPY") == AMOUNT_MINOR_MAX
    assert minor_units_of(Decimal("0e-400"), "JPY") == 0
    assert within_limit(-AMOUNT_MINOR_MAX, "KWD") == -AMOUNT_MINOR_MAX
    assert Money("KWD", AMOUNT_MINOR_MAX).decimal() == Decimal("1000000000000.000")
    assert Money("AFN", 5) - Money("AFN", 7) == Money("AFN", -2)
    assert exact_product(Money("AFN", 3), [Fraction(1, 2)]) == Money("AFN", 2)
    assert exact_product(Money("AFN", -3), [Fraction(1, 2), Fraction(3)]) == Money("AFN", -5)


def test_a_whole_date_is_that_of_the_place() -> None:
    assert whole_date_of("2026-03-01", "Asia/Kabul", "x") == date(2026, 3, 1)
    assert whole_date_of("2026-03-01T22:00:00.5Z", "Asia/Kabul", "x") == date(2026, 3, 2)
    assert whole_date_of("2016-12-31T23:59:60Z", "UTC", "x") == date(2016, 12, 31)
    assert moment_of("0002-01-01T00:00:00Z").year == 2
    assert moment_of("9998-12-31T23:59:59Z").tzinfo is UTC


def test_who_may_not_approve_is_told_why() -> None:
    expected = ("not_allowed", "separation-of-duties")
    assert refused(refuse_approver, REQUEST, [], "ann") == [
        (*expected, "Who requested it does not approve it; somebody else has to.", "")
    ]
    assert refused(refuse_approver, REQUEST, [APPROVAL], "bob") == [
        (*expected, "You have approved it already; a second approval is somebody else's.", "")
    ]
    refuse_approver(REQUEST, [APPROVAL], "cat")


def test_the_status_is_that_of_the_last_decision_and_another_is_refused() -> None:
    decisions = [APPROVAL, Decision(APPROVED, "approved", "cat", NOW), Decision("paid", "paid", "dan", NOW)]
    assert status_of(REQUEST, decisions, "approved") == "paid"
    refuse_unless("approved", "approved", "refund")
    assert refused(refuse_unless, "paid", "approved", "refund") == [
        ("conflict", "invalid-state", "The refund is paid; this is for one that is approved.", "")
    ]


def test_minutes_that_look_like_a_leap_second_are_none() -> None:
    assert moment_of("2026-03-01T10:05:06+05:30") == datetime(2026, 3, 1, 4, 35, 6, tzinfo=UTC)
    assert date_of("2026-03-01T19:29:59Z", "Asia/Kabul") == date(2026, 3, 1)
    assert date_of("2026-03-01T19:30:00Z", "Asia/Kabul") == date(2026, 3, 2)


def test_nothing_is_false_and_any_amount_is_true() -> None:
    assert [bool(Money("AFN", minor_units)) for minor_units in (0, 1, -1)] == [False, True, True]

"""Money: exact, in minor units, rounded half away from zero and by largest remainder (freeze F-BILL-01)."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import Refusal
from ledger.money import AMOUNT_MINOR_MAX, Money, apportion, distribute, exponent_of, minor_units_of, product, total

AMOUNTS = st.integers(-AMOUNT_MINOR_MAX, AMOUNT_MINOR_MAX)
CURRENCIES = st.sampled_from(["AFN", "AED", "USD", "JPY", "KWD"])


def afn(minor_units: int) -> Money:
    return Money("AFN", minor_units)


@given(AMOUNTS, CURRENCIES)
def test_an_amount_survives_the_way_through_a_decimal(minor_units: int, currency: str) -> None:
    money = Money(currency, minor_units)
    assert Money.of_decimal(money.decimal(), currency) == money
    assert -money.decimal().as_tuple().exponent == exponent_of(currency)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("value", "currency", "minor_units"),
    [("10.00", "JPY", 10), ("10.50", "AFN", 1050), ("1.234", "KWD", 1234), ("1E+2", "USD", 10000), ("0E+30", "USD", 0)],
)
def test_zeros_say_nothing_about_an_amount(value: str, currency: str, minor_units: int) -> None:
    assert minor_units_of(Decimal(value), currency) == minor_units


@pytest.mark.parametrize(
    ("value", "currency", "code"),
    [
        ("10.50", "JPY", "amount-too-precise"),
        ("0.001", "AFN", "amount-too-precise"),
        ("1E-400", "AFN", "amount-too-precise"),
        ("10000000000000.01", "AFN", "amount-too-large"),
        ("1E+400", "AFN", "amount-too-large"),
        ("1", "AAA", "unknown-currency"),
    ],
)
def test_what_a_currency_cannot_hold_is_refused_and_never_rounded(value: str, currency: str, code: str) -> None:
    with pytest.raises(Refusal) as refused:
        minor_units_of(Decimal(value), currency, "Invoice.totalGross")
    assert (refused.value.code, refused.value.problems[0].expression) == (code, "Invoice.totalGross")


@given(st.integers(-(10**12), 10**12), st.decimals(min_value=-100, max_value=100, places=4))
def test_a_product_is_rounded_half_away_from_zero(minor_units: int, factor: Decimal) -> None:
    exact = Decimal(minor_units) * factor
    assert product(afn(minor_units), factor).minor_units == int(exact.to_integral_value(ROUND_HALF_UP))
    assert product(afn(-minor_units), factor) == -product(afn(minor_units), factor)


@pytest.mark.parametrize(("minor_units", "factor", "rounded"), [(5, "0.5", 3), (-5, "0.5", -3), (4, "0.5", 2)])
def test_half_a_minor_unit_goes_away_from_zero(minor_units: int, factor: str, rounded: int) -> None:
    assert product(afn(minor_units), Decimal(factor)) == afn(rounded)


def test_a_product_past_the_limit_is_refused() -> None:
    with pytest.raises(Refusal) as refused:
        product(afn(AMOUNT_MINOR_MAX), Decimal("1.01"), "here")
    assert (refused.value.code, refused.value.problems[0].expression) == ("amount-too-large", "here")


@given(AMOUNTS, st.lists(st.integers(0, 10**9), min_size=1, max_size=20))
def test_parts_sum_to_the_amount_and_none_is_a_minor_unit_off(minor_units: int, weights: list[int]) -> None:
    parts = apportion(afn(minor_units), weights)
    assert total("AFN", parts) == afn(minor_units)
    if sum(weights):
        for part, weight in zip(parts, weights, strict=True):
            assert abs(part.minor_units - Fraction(minor_units * weight, sum(weights))) < 1


@given(AMOUNTS, st.lists(st.integers(0, 10**9), min_size=1, max_size=20))
def test_a_credit_is_split_as_what_it_credits(minor_units: int, weights: list[int]) -> None:
    assert apportion(afn(-minor_units), weights) == [-part for part in apportion(afn(minor_units), weights)]


def test_the_largest_remainders_win_and_the_earlier_of_two_that_tie() -> None:
    assert apportion(afn(100), [1, 1, 1]) == [afn(34), afn(33), afn(33)]
    assert apportion(afn(10), [1, 4, 5]) == [afn(1), afn(4), afn(5)]
    assert apportion(afn(7), [0, 0]) == [afn(7), afn(0)]
    assert apportion(afn(-100), [1, 1, 1]) == [afn(-34), afn(-33), afn(-33)]


@given(st.lists(st.fractions(min_value=-1000, max_value=1000, max_denominator=1000), max_size=20))
def test_amounts_are_rounded_to_the_rounded_sum(exact: list[Fraction]) -> None:
    parts = distribute("AFN", exact)
    whole = sum(exact, Fraction(0))
    assert abs(total("AFN", parts).minor_units - whole) <= Fraction(1, 2)
    assert all(abs(part.minor_units - value) < 1 for part, value in zip(parts, exact, strict=True))


def test_two_currencies_are_never_added() -> None:
    with pytest.raises(AssertionError):
        afn(1) + Money("USD", 1)


def test_money_reads_as_people_write_it() -> None:
    assert [str(Money(currency, 1050)) for currency in ("AFN", "JPY", "KWD")] == ["10.50 AFN", "1050 JPY", "1.050 KWD"]

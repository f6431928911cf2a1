"""Numbers with their zeros: into minor units and back."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import Refusal
from ledger.resource import NO_MONEY, DecimalMoney
from mappers.amounts import decimal_of, is_plain, money_of, shown_with, written_money


@pytest.mark.parametrize(
    ("written", "currency", "minor_units", "scale"),
    [
        ("10.50", "AFN", 1050, 2),
        ("10.5", "AFN", 1050, 1),
        ("10.5000", "AFN", 1050, 4),
        ("10.00", "JPY", 10, 2),
        ("1.5", "KWD", 1500, 1),
        ("1.5000", "CLF", 15000, 4),
        ("-0.05", "AED", -5, 2),
        ("0.00", "AED", 0, 2),
        ("0E+3", "AED", 0, -3),
        ("1.5E+4", "AED", 1_500_000, -3),
        ("10000000000000.00", "AED", 10**15, 2),
        ("-1000000000000000", "JPY", -(10**15), 0),
        ("12.3400", None, 123400, 4),
        ("123456789012345678", None, 123456789012345678, 0),
    ],
)
def test_an_amount_is_kept_in_minor_units_with_the_decimals_that_were_shown(
    written: str, currency: str | None, minor_units: int, scale: int
) -> None:
    money = money_of(Decimal(written), currency)

    assert money == DecimalMoney(minor_units, currency, scale)
    assert str(written_money(money)) == written


def test_a_json_integer_is_an_amount_without_decimals() -> None:
    assert money_of(40, "EUR") == DecimalMoney(4000, "EUR", 0)
    assert str(written_money(DecimalMoney(4000, "EUR", 0))) == "40"


def test_money_without_a_value_or_a_currency_keeps_what_it_has() -> None:
    assert money_of(None, None) == NO_MONEY
    assert money_of(None, "AFN") == DecimalMoney(None, "AFN", None)
    assert written_money(DecimalMoney(None, "AFN", None)) is None
    assert written_money(NO_MONEY) is None


@pytest.mark.parametrize(
    ("written", "currency", "code"),
    [
        ("10.50", "JPY", "amount-too-precise"),
        ("0.0001", "KWD", "amount-too-precise"),
        ("1E-20", "AFN", "amount-too-precise"),
        ("10000000000000.01", "AFN", "amount-too-large"),
        ("1E+20", "AFN", "amount-too-large"),
        ("1000000000000000001", None, "amount-too-large"),
        ("1E+50", None, "decimal-out-of-range"),
        ("1", "ABC", "unknown-currency"),
    ],
)
def test_an_amount_that_minor_units_cannot_say_is_refused_and_never_rounded(
    written: str, currency: str | None, code: str
) -> None:
    with pytest.raises(Refusal) as refused:
        money_of(Decimal(written), currency)

    assert refused.value.code == code


def test_an_unknown_currency_is_refused_without_a_value_too() -> None:
    with pytest.raises(Refusal) as refused:
        money_of(None, "ABC")

    assert refused.value.code == "unknown-currency"


@given(st.integers(-(10**15), 10**15), st.sampled_from(["JPY", "AFN", "KWD", "CLF"]), st.integers(-3, 12))
def test_every_amount_is_written_as_money_that_reads_the_same(minor_units: int, currency: str, scale: int) -> None:
    """Where the scale says too little for the amount, more decimals are written."""
    written = written_money(DecimalMoney(minor_units, currency, scale))

    assert written is not None
    assert money_of(Decimal(json.loads(str(written), parse_float=str)), currency).minor_units == minor_units


def test_more_decimals_are_shown_where_the_amount_needs_them() -> None:
    assert str(written_money(DecimalMoney(1050, "AFN", 0))) == "10.5"
    assert str(written_money(DecimalMoney(1050, "AFN", None))) == "10.50"


@pytest.mark.parametrize("text", ["1", "-1.50", "0.00", "123456789.000000", "0.000001"])
def test_a_number_in_full_is_plain(text: str) -> None:
    assert is_plain(Decimal(text))


@pytest.mark.parametrize("text", ["1E+5", "-0.0", "0.00000000001", f"1{'0' * 40}"])
def test_a_number_that_a_column_could_change_is_not_plain(text: str) -> None:
    assert not is_plain(Decimal(text))


@pytest.mark.parametrize("text", ["1E+41", "1E-41", "0E-400", "1E+999999"])
def test_a_number_that_no_column_should_hold_is_refused(text: str) -> None:
    with pytest.raises(Refusal) as refused:
        decimal_of(Decimal(text))

    assert refused.value.code == "decimal-out-of-range"


def test_decimals_are_shown_as_asked_where_they_say_the_same() -> None:
    assert str(shown_with(Decimal("10.5"), 3)) == "10.500"
    assert str(shown_with(Decimal(100000), -4)) == "1.0E+5"
    assert str(shown_with(Decimal("10.5"), 0)) == "10.5"

"""Decimals and Money as they are written in JSON, to and from the columns that keep them exactly.

A JSON number is an int or a Decimal here; the zeros that were written say how precise it is and come back
(https://hl7.org/fhir/R4/datatypes.html#decimal).
"""

from __future__ import annotations

from decimal import Context, Decimal, Inexact
from functools import cache

from ledger.errors import rule_broken
from ledger.money import exponent_of, minor_units_of
from ledger.resource import NO_MONEY, DecimalMoney

PLACES_MAX = 40
"""Digits further than this from the point are no amount, factor or quantity; the JSON border does not let them in."""

_DIGITS_WITHOUT_CURRENCY_MAX = 10**18
_EXACT = Context(prec=200, traps=[Inexact])
_EVERYDAY_LENGTH_MAX = 10
_POWERS_OF_TEN = (1, 10, 100, 1_000, 10_000)

Written = int | Decimal


def is_plain(written: Written) -> bool:
    """Whether a number is written in full and short, so that a column keeps it as it is. Almost every one is."""
    text = str(written)
    return len(text) <= PLACES_MAX and "E" not in text and not text.startswith("-0")


def decimal_of(written: Written) -> Decimal:
    """The decimal of a JSON number, within what a column takes."""
    value = Decimal(written)
    if value.adjusted() > PLACES_MAX or decimals_shown(value) > PLACES_MAX:
        raise rule_broken("decimal-out-of-range", f"Send a decimal within {PLACES_MAX} places of the point.")
    return value


def decimals_shown(value: Decimal) -> int:
    """How many digits stand after the point; less than none in 1E+5."""
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int), "NaN and infinity cannot come out of JSON or XML"
    return -exponent


def is_negative_zero(written: Written) -> bool:
    return not written and isinstance(written, Decimal) and written.is_signed()


def money_of(written: Written | None, currency: str | None) -> DecimalMoney:
    """The columns of a Money; refused where the amount is finer than the currency, or too large."""
    if currency is None:
        return NO_MONEY if written is None else _amount_without_currency(decimal_of(written))
    exponent = exponent_of(currency)
    if written is None:
        return DecimalMoney(None, currency, None)
    # Text is four times faster than decimal arithmetic, and an invoice has many amounts. 10 digits and 4 decimals
    # cannot reach the limit of an amount.
    text = str(written)
    whole, _, decimals = text.partition(".")
    scale = len(decimals)
    if scale <= exponent and len(text) <= _EVERYDAY_LENGTH_MAX and "E" not in text:
        return DecimalMoney(int(whole + decimals) * _POWERS_OF_TEN[exponent - scale], currency, scale)
    value = decimal_of(written)
    return DecimalMoney(minor_units_of(value, currency), currency, decimals_shown(value))


def _amount_without_currency(value: Decimal) -> DecimalMoney:
    scale = decimals_shown(value)
    minor_units = int(value.scaleb(scale, _EXACT))
    if abs(minor_units) > _DIGITS_WITHOUT_CURRENCY_MAX:
        raise rule_broken("amount-too-large", "Send an amount with at most 18 digits, or with its currency.")
    return DecimalMoney(minor_units, None, scale)


def written_money(money: DecimalMoney) -> Decimal | None:
    """The value of a Money as it was written. More decimals than were shown are used where the amount needs them."""
    minor_units, currency, scale = money
    if minor_units is None:
        return None
    exponent = (scale or 0) if currency is None else exponent_of(currency)
    value = Decimal(minor_units).scaleb(-exponent, _EXACT)
    return value if scale is None or scale == exponent else shown_with(value, scale)


def shown_with(value: Decimal, decimals: int) -> Decimal:
    """The same value with so many decimals, or with as few more as it takes to say it exactly."""
    try:
        return value.quantize(_quantum(decimals), context=_EXACT)
    except Inexact:
        return value.normalize(_EXACT)


@cache
def _quantum(decimals: int) -> Decimal:
    return Decimal((0, (1,), -decimals))

"""Decimals and Money as they are written in JSON, to and from the columns that keep them exactly.

A JSON number is an int or a Decimal here; the zeros that were written say how precise it is and come back
(https://hl7.org/fhir/R4/datatypes.html#decimal).
"""

from __future__ import annotations

from decimal import Context, Decimal, Inexact
from functools import cache

from ledger.errors import rule_broken
from ledger.money import AMOUNT_MINOR_MAX, exponent_of, minor_units_of
from ledger.resource import NO_MONEY, DecimalMoney

DIGITS_BEFORE_POINT_MAX = 18
DECIMALS_MAX = 60
"""FHIR asks for 18 digits. What is far longer is no amount, factor or quantity, but an attempt on the memory."""

_EXACT = Context(prec=200, traps=[Inexact])

Written = int | Decimal


def decimal_of(written: Written) -> Decimal:
    """The decimal of a JSON number, within what a column takes."""
    value = Decimal(written)
    if value.adjusted() >= DIGITS_BEFORE_POINT_MAX or decimals_shown(value) > DECIMALS_MAX:
        raise rule_broken(
            "decimal-out-of-range",
            f"Send a decimal below 10^{DIGITS_BEFORE_POINT_MAX} with at most {DECIMALS_MAX} digits after the point.",
        )
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
    value = Decimal(written)
    minor_units = minor_units_of(value, currency)
    scale = decimals_shown(value)
    if scale > DECIMALS_MAX:
        raise rule_broken("amount-too-precise", f"{currency} has {exponent} decimals; send no more than {DECIMALS_MAX}.")
    return DecimalMoney(minor_units, currency, scale)


def _amount_without_currency(value: Decimal) -> DecimalMoney:
    scale = decimals_shown(value)
    minor_units = int(value.scaleb(scale, _EXACT))
    if abs(minor_units) > AMOUNT_MINOR_MAX:
        raise rule_broken("amount-too-large", "Send an amount with fewer digits, and with its currency.")
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

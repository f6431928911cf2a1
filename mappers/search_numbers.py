"""Numbers, quantities and amounts of money in searches. https://hl7.org/fhir/R4/search.html#number

`100` asks for what rounds to it: 99.5 to less than 100.5. With any other prefix than eq and ne the number is taken as
exact. Amounts are compared in minor units, for each number of decimals that a currency can have.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_CEILING, Context, Decimal
from functools import cache

from ledger.money import AMOUNT_MINOR_MAX, currency_exponents
from mappers.search_dates import Prefix
from storage.search_criteria import AmountCompared, Criterion, Operator, arms, compared, either, every, one_of

_NUMBER = re.compile(r"[+-]?\d{1,30}(\.\d{1,20})?([eE][+-]?\d{1,2})?", re.ASCII)
_EXACT = Context(prec=120)

# Whoever looks for more than any amount finds none; the bound keeps the parameter within a bigint.
_BEYOND = AMOUNT_MINOR_MAX * 100

Compare = Callable[[Operator, Decimal], Criterion]


@dataclass(frozen=True, slots=True)
class SearchedNumber:
    """A number, and from where to where (exclusive) it reaches as precisely as it was written."""

    value: Decimal
    low: Decimal
    high: Decimal


def read_number(text: str) -> SearchedNumber | None:
    if _NUMBER.fullmatch(text) is None:
        return None
    value = Decimal(text)
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int), "the pattern lets no NaN and no infinity in"
    if abs(value.adjusted()) > 40:
        return None
    half = Decimal((0, (5,), exponent - 1))
    return SearchedNumber(value, _EXACT.subtract(value, half), _EXACT.add(value, half))


def number_criterion(compare: Compare, prefix: Prefix, number: SearchedNumber) -> Criterion:
    """What the prefix asks; `compare` says it of the stored number."""
    match prefix:
        case "eq":
            return every(compare(">=", number.low), compare("<", number.high))
        case "ne":
            return either(compare("<", number.low), compare(">=", number.high))
        case "gt" | "sa":
            return compare(">", number.value)
        case "ge":
            return compare(">=", number.value)
        case "lt" | "eb":
            return compare("<", number.value)
        case "le":
            return compare("<=", number.value)
        case "ap":
            tenth = _EXACT.multiply(abs(number.value), Decimal("0.1"))
            low, high = _EXACT.subtract(number.value, tenth), _EXACT.add(number.value, tenth)
            return every(compare(">=", min(low, number.low)), compare("<=", max(high, number.high)))


def column_number(column: str) -> Compare:
    return lambda operator, bound: compared(column, operator, bound)


def money_criterion(name: str, prefix: Prefix, number: SearchedNumber, currency: str | None) -> Criterion:
    """Of the amount in the columns of `name`; without a currency of an amount in any, or in none that is stated."""
    if currency is not None:
        exponent = currency_exponents().get(currency, 2)
        return every(one_of(f"{name}_currency", [currency]), _in_minor_units(name, prefix, number, exponent))
    stated = [
        every(one_of(f"{name}_currency", currencies), _in_minor_units(name, prefix, number, exponent))
        for exponent, currencies in _currencies_by_exponent().items()
    ]
    unstated = number_criterion(
        lambda operator, bound: Criterion(AmountCompared(name, operator), (bound,)), prefix, number
    )
    # Of one currency, or of none: looked up one after the other.
    return arms(*stated, unstated)


def _in_minor_units(name: str, prefix: Prefix, number: SearchedNumber, exponent: int) -> Criterion:
    return number_criterion(
        lambda operator, bound: _minor_units_compared(f"{name}_minor", operator, bound.scaleb(exponent, _EXACT)),
        prefix,
        number,
    )


def _minor_units_compared(column: str, operator: Operator, bound: Decimal) -> Criterion:
    """An integer against a decimal bound, said with an integer: below 10.5 is below 11, above it is from 11 on."""
    ceiling = int(bound.to_integral_value(ROUND_CEILING))
    is_whole = ceiling == bound
    ceiling = max(-_BEYOND, min(_BEYOND, ceiling))
    if is_whole or operator in {"<", ">="}:
        return compared(column, operator, ceiling)
    return compared(column, "<" if operator == "<=" else ">=", ceiling)


@cache
def _currencies_by_exponent() -> dict[int, tuple[str, ...]]:
    by_exponent: defaultdict[int, list[str]] = defaultdict(list)
    for currency, exponent in sorted(currency_exponents().items()):
        by_exponent[exponent].append(currency)
    return {exponent: tuple(currencies) for exponent, currencies in sorted(by_exponent.items())}

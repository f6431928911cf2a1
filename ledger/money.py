"""Money: an integer number of minor units of one ISO 4217 currency (freeze F-BILL-01). There is no float anywhere.

Currency codes and the number of decimals of each: ISO 4217:2015 and its amendments (list one), `currencies.csv`.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal, Inexact
from fractions import Fraction
from functools import cache
from math import floor
from pathlib import Path

from ledger.errors import rule_broken

AMOUNT_MINOR_MAX = 10**15
"""No amount reaches further than this many minor units, in either direction."""

# Room for any amount at its limit; what would be inexact raises instead of being rounded.
_EXACT = Context(prec=100, traps=[Inexact])


@cache
def currency_exponents() -> dict[str, int]:
    """ISO 4217 code -> number of decimals of the currency's minor unit."""
    with (Path(__file__).parent / "currencies.csv").open(encoding="utf-8", newline="") as file:
        return {row["code"]: int(row["exponent"]) for row in csv.DictReader(file)}


def exponent_of(currency: str, expression: str = "") -> int:
    """Number of decimals of the currency. Refused with `unknown-currency` where ISO 4217 has no such code."""
    try:
        return currency_exponents()[currency]
    except KeyError:
        text = f"{currency!r} is not an ISO 4217 currency code."
        raise rule_broken("unknown-currency", text, expression) from None


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """An amount of one currency. Adding or comparing two currencies is a mistake of the program."""

    currency: str
    minor_units: int

    def __add__(self, other: Money) -> Money:
        assert self.currency == other.currency, (self, other)
        return Money(self.currency, self.minor_units + other.minor_units)

    def __sub__(self, other: Money) -> Money:
        assert self.currency == other.currency, (self, other)
        return Money(self.currency, self.minor_units - other.minor_units)

    def __neg__(self) -> Money:
        return Money(self.currency, -self.minor_units)

    def __bool__(self) -> bool:
        return self.minor_units != 0

    def __str__(self) -> str:
        return f"{self.decimal()} {self.currency}"

    def decimal(self) -> Decimal:
        """The amount as a decimal with exactly the currency's decimals: 1050 AFN -> 10.50."""
        return Decimal(self.minor_units).scaleb(-exponent_of(self.currency), _EXACT)

    @classmethod
    def zero(cls, currency: str) -> Money:
        return cls(currency, 0)

    @classmethod
    def of_decimal(cls, value: Decimal, currency: str, expression: str = "") -> Money:
        """The money that a decimal in major units says; refused where it is finer than the currency or too large."""
        return cls(currency, minor_units_of(value, currency, expression))


def minor_units_of(value: Decimal, currency: str, expression: str = "") -> int:
    """Minor units of a decimal amount, never rounded: JPY 10.00 is 10, JPY 10.50 is refused (`amount-too-precise`)."""
    exponent = exponent_of(currency, expression)
    if value and value.adjusted() > 18:
        raise _too_large(currency, expression)
    # Trailing zeros say nothing about money; a far-away exponent (1e-400) would cost memory before it is refused.
    digits = value.normalize(_EXACT) if value else Decimal(0)
    power = digits.as_tuple().exponent
    assert isinstance(power, int), "NaN and infinity cannot come out of JSON or XML"
    if power < -exponent:
        raise rule_broken(
            "amount-too-precise",
            f"{currency} has {exponent} decimals; send an amount without non-zero decimals beyond them.",
            expression,
        )
    return within_limit(int(digits.scaleb(exponent, _EXACT)), currency, expression)


def _too_large(currency: str, expression: str) -> Exception:
    return rule_broken(
        "amount-too-large", f"Amounts reach at most 10^15 minor units of {currency}; send a smaller one.", expression
    )


def product(amount: Money, factor: Decimal, expression: str = "") -> Money:
    """Amount times factor, rounded half away from zero to the minor unit; refused where no amount reaches that far."""
    rounded = _rounded(Fraction(amount.minor_units) * Fraction(factor))
    return Money(amount.currency, within_limit(rounded, amount.currency, expression))


def exact_product(amount: Money, factors: Iterable[Fraction | Decimal], expression: str = "") -> Money:
    """Amount times all factors, rounded once, half away from zero; refused where no amount reaches that far."""
    above, below = amount.minor_units, 1
    for factor in factors:
        numerator, denominator = factor.as_integer_ratio()
        above, below = above * numerator, below * denominator
    minor_units = above if below == 1 else _rounded(Fraction(above, below))
    return Money(amount.currency, within_limit(minor_units, amount.currency, expression))


def total(currency: str, amounts: Iterable[Money]) -> Money:
    return sum(amounts, Money(currency, 0))


def distribute(currency: str, exact: Sequence[Fraction]) -> list[Money]:
    """Round amounts so that they sum to their rounded sum (largest remainder, the earlier wins a tie).

    Each comes out less than one minor unit from what it was; the same amounts negated come out negated.
    """
    whole = _rounded(sum(exact, Fraction(0)))
    sign = -1 if whole < 0 else 1
    floors = [floor(sign * value) for value in exact]
    by_remainder = sorted(range(len(exact)), key=lambda at: floors[at] - sign * exact[at])
    winners = set(by_remainder[: sign * whole - sum(floors)])
    return [Money(currency, sign * (value + (1 if at in winners else 0))) for at, value in enumerate(floors)]


def apportion(amount: Money, weights: Sequence[int]) -> list[Money]:
    """Split an amount by weights that are not negative, so that the parts sum to it exactly.

    Weights that are all zero put all of it on the first.
    """
    assert weights, "there must be somewhere to put it"
    assert min(weights) >= 0, weights
    whole = sum(weights)
    if whole == 0:
        return [amount, *(Money(amount.currency, 0) for _ in weights[1:])]
    return distribute(amount.currency, [Fraction(amount.minor_units * weight, whole) for weight in weights])


def share_out(amount_minor: int, weights: Sequence[int]) -> list[int]:
    """Split up to the sum of the weights by them, so that a larger amount makes no part smaller, and no order matters.

    Webster's method: what comes of it differs by at most a minor unit or so from the largest remainder, and is the same
    where there are two parts. The whole sum gives each part its weight. With the largest remainder a part of three or
    more can shrink while the amount grows (https://en.wikipedia.org/wiki/Apportionment_paradox), and what was given
    before would have to be taken back.
    """
    whole = sum(weights)
    assert min(weights) >= 0, weights
    assert 0 <= amount_minor <= whole, (amount_minor, weights)
    if whole == 0:
        return [0 for _ in weights]
    parts = [(2 * amount_minor * weight + whole) // (2 * whole) for weight in weights]
    while sum(parts) > amount_minor:
        given = [at for at, part in enumerate(parts) if part]
        parts[min(given, key=lambda at: (Fraction(weights[at], 2 * parts[at] - 1), -at))] -= 1
    while sum(parts) < amount_minor:
        parts[max(range(len(parts)), key=lambda at: (Fraction(weights[at], 2 * parts[at] + 1), -at))] += 1
    return parts


def within_limit(minor_units: int, currency: str, expression: str = "") -> int:
    """The same minor units; refused with `amount-too-large` where no amount reaches that far."""
    if abs(minor_units) > AMOUNT_MINOR_MAX:
        raise _too_large(currency, expression)
    return minor_units


def _rounded(exact: Fraction) -> int:
    """Half away from zero."""
    nearest = floor(abs(exact) + Fraction(1, 2))
    return nearest if exact >= 0 else -nearest

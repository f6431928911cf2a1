"""What a charge costs: which price of which list is its own, and what the rules of that list make of it.

Looked for first in the lists of the charge's program, then in those of no program; among these by level, in the
tenant's order (`price_lookup_order`); within a list by the order of the charge's codings. The amount is unit price x
quantity x factorOverride x factors, in one product that is rounded once, half away from zero.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from ledger.errors import rule_broken
from ledger.money import Money, exact_product, within_limit
from ledger.price_list import Coding, Price, PriceRule

ListKey = tuple[str, str, int]
"""(tenant, list, version)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a price is asked for. `modifiers` are (system, code), a system may be missing."""

    codes: tuple[Coding, ...]
    day: date
    currency: str
    facility: str | None = None
    programs: tuple[Coding, ...] = ()
    quantity: Decimal = Decimal(1)
    unit: str | None = None
    factor: Decimal = Decimal(1)
    modifiers: tuple[tuple[str | None, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedList:
    """A version of a list that is in force from the first to the last day."""

    tenant_id: str
    list_id: str
    version: int
    level: str
    facility: str | None
    program: Coding | None
    valid_from: date
    valid_to: date | None

    @property
    def key(self) -> ListKey:
        return (self.tenant_id, self.list_id, self.version)

    def is_for(self, wanted: Wanted) -> bool:
        return (
            self.valid_from <= wanted.day
            and (self.valid_to is None or wanted.day <= self.valid_to)
            and (self.level != "facility" or self.facility == wanted.facility)
            and (self.program is None or self.program in wanted.programs)
        )


@dataclass(frozen=True, slots=True)
class PriceBook:
    """Prices and rules that may matter, of all lists in force on some days: by code, list and key; by list and id."""

    lists: dict[ListKey, PricedList]
    prices: dict[Coding, dict[tuple[ListKey, tuple[str, str, str, str]], Price]]
    rules: dict[ListKey, dict[str, PriceRule]]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxRate:
    """The rate that a price has in it: 5 for 5 percent, and the rule that says so."""

    percent: Decimal
    rule: str | None = None


RateOf = Callable[[str], TaxRate | None]
"""The rate of a tax category at the place and on the day of the charge; None where no rule says one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pricing:
    """What a charge costs and why. `amount` = base + surcharge - discount - exemption, without tax."""

    list: PricedList
    price: Price
    wanted: Wanted
    base: Money
    surcharge: Money
    discount: Money
    exemption: Money
    rules: tuple[str, ...]
    tax: TaxRate | None

    @property
    def amount(self) -> Money:
        added, taken_off = self.surcharge.minor_units, self.discount.minor_units + self.exemption.minor_units
        return Money(self.base.currency, self.base.minor_units + added - taken_off)


def no_rates(category: str) -> TaxRate | None:  # noqa: ARG001 - it is a RateOf
    """Where nothing is known of taxes."""
    return None


def find_price(book: PriceBook, wanted: Wanted, order: Sequence[str]) -> tuple[PricedList, Price] | None:
    """The price that goes before all others, None where no list in force has one in the currency and unit."""
    best: tuple[tuple[object, ...], PricedList, Price] | None = None
    for position, coding in enumerate(wanted.codes):
        for (key, _), price in book.prices.get(coding, {}).items():
            listed = book.lists[key]
            if price.currency != wanted.currency or listed.level not in order or not listed.is_for(wanted):
                continue
            if price.unit and wanted.unit and price.unit != wanted.unit:
                continue
            # A price for the very unit goes before one for any; the rest makes the order whole.
            rank = (listed.program is None, order.index(listed.level), position, price.unit != (wanted.unit or ""))
            whole = (*rank, listed.program or (), listed.key, price.unit)
            if best is None or whole < best[0]:
                best = (whole, listed, price)
    return None if best is None else best[1:]


def price_of(book: PriceBook, wanted: Wanted, order: Sequence[str], rate_of: RateOf = no_rates) -> Pricing | None:
    """What the charge costs; None where no list has a price, or the tax that is in the price is not known.

    Refused where the amount is negative or past the limit.
    """
    found = find_price(book, wanted, order)
    if found is None:
        return None
    listed, price = found
    tax = rate_of(price.tax_category) if price.tax_included and price.tax_category else None
    if price.tax_included and tax is None:
        return None
    if wanted.quantity < 0 or wanted.factor < 0:
        place = "ChargeItem.quantity.value" if wanted.quantity < 0 else "ChargeItem.factorOverride"
        raise rule_broken("negative-amount", "A charge is not negative; credit the charge that was too high.", place)
    acting = [
        rule
        for rule in book.rules.get(listed.key, {}).values()
        if rule.acts_on((price.system, price.code), price.currency, wanted.modifiers)
    ]
    factors = [rule.percent for rule in acting if rule.kind == "factor" and rule.percent is not None]
    base = _without_tax(_product(price, wanted, factors), tax)
    surcharge = discount = exemption = Money(base.currency, 0)
    if acting:
        surcharge = _sum_of(acting, "surcharge", base, tax)
        # What is taken off is never more than there is.
        whole = base + surcharge
        discount = _at_most(_sum_of(acting, "discount", whole, tax), whole)
        rest = whole - discount
        exemption = _at_most(_sum_of(acting, "exemption", rest, tax), rest)
    within_limit(base.minor_units + surcharge.minor_units, base.currency, "ChargeItem.quantity")
    return Pricing(
        list=listed,
        price=price,
        wanted=wanted,
        base=base,
        surcharge=surcharge,
        discount=discount,
        exemption=exemption,
        rules=tuple(rule.id for rule in acting),
        tax=tax,
    )


def net_of_inclusive(amount: Money, percent: Decimal) -> Money:
    """What is left of an amount when the tax that is in it is taken out: 105.00 with 5 percent is 100.00."""
    return exact_product(amount, [Fraction(100) / (100 + Fraction(percent))])


def _product(price: Price, wanted: Wanted, percents: Iterable[Decimal]) -> Money:
    factors: list[Fraction | Decimal] = [each for each in (wanted.quantity, wanted.factor) if each != 1]
    factors += [Fraction(each) / 100 for each in percents]
    return exact_product(Money(price.currency, price.amount_minor), factors, "ChargeItem.quantity")


def _without_tax(amount: Money, tax: TaxRate | None) -> Money:
    return amount if tax is None else net_of_inclusive(amount, tax.percent)


def _sum_of(rules: Iterable[PriceRule], kind: str, whole: Money, tax: TaxRate | None) -> Money:
    """What the rules of a kind come to: percents of the whole, each rounded, and amounts once a charge."""
    total = Money.zero(whole.currency)
    for rule in rules:
        if rule.kind != kind:
            continue
        if rule.percent is not None:
            total += exact_product(whole, [Fraction(rule.percent) / 100])
        elif rule.amount_minor is not None:
            # An amount is meant as the prices of the list are: with the tax in it, where they have it in them.
            total += _without_tax(Money(whole.currency, rule.amount_minor), tax)
    return total


def _at_most(amount: Money, limit: Money) -> Money:
    return min(amount, limit, key=lambda each: each.minor_units)

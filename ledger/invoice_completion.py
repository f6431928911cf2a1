"""Filling in what a draft leaves to the server: the base from the charge, amounts from factors, the totals.

A factor is of the base, a tax's of the net. Products round half away from zero; of a tax the total of its code and
factor is rounded, and the lines share it by largest remainder, so that they always sum to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from typing import NamedTuple

from ledger.charge_item import ChargeItem
from ledger.invoice import Invoice, InvoiceLine, PriceComponent
from ledger.invoice_totals import TAKEN_AWAY, amount_in, is_of_whole, sum_on_lines, sums_of, totals_of
from ledger.money import Money, distribute, exponent_of, product, within_limit
from ledger.resource import NO_MONEY, DecimalMoney

_CHANGES_NET = ("surcharge", *TAKEN_AWAY)


class _Placed(NamedTuple):
    component: PriceComponent
    place: str


def complete(invoice: Invoice, charges: Mapping[str, ChargeItem], currency: str) -> None:
    """Fill in all that follows from what is there; what the client said stays as it said it."""
    for at, line in enumerate(invoice.lines):
        _fill_base(line, charges.get(line.charge_item_id or ""))
        bases = [component for component in line.components if component.type == "base"]
        if _is_priced(bases, currency):
            base = sums_of(bases, currency).base
            _fill_products(_placed(line.components, f"Invoice.lineItem[{at}].priceComponent"), base, currency)
    _fill_taxes(invoice, currency)
    if invoice.lines and all(_is_priced(line.components, currency) for line in invoice.lines):
        _fill_totals(invoice, currency)


def shown(amount_minor: int, currency: str) -> DecimalMoney:
    """An amount with exactly the currency's decimals."""
    return DecimalMoney(amount_minor, currency, exponent_of(currency))


def _fill_base(line: InvoiceLine, charge: ChargeItem | None) -> None:
    if charge is None or charge.amount_minor is None or any(each.type == "base" for each in line.components):
        return
    assert charge.amount_currency is not None
    line.components.insert(0, PriceComponent(type="base", amount=shown(charge.amount_minor, charge.amount_currency)))


def _placed(components: list[PriceComponent], place: str) -> list[_Placed]:
    return [_Placed(component, f"{place}[{at}].amount") for at, component in enumerate(components)]


def _is_to_fill(component: PriceComponent) -> bool:
    return component.factor is not None and component.amount == NO_MONEY


def _fill_products(placed: Iterable[_Placed], base: int, currency: str) -> None:
    for component, place in placed:
        if component.type in _CHANGES_NET and component.factor is not None and _is_to_fill(component):
            amount = product(Money(currency, base), component.factor, place).minor_units
            component.amount = shown(-abs(amount) if component.type in TAKEN_AWAY else amount, currency)


class _Tax(NamedTuple):
    placed: _Placed
    exact: Fraction


def _fill_taxes(invoice: Invoice, currency: str) -> None:
    by_code: dict[tuple[str | None, str | None, str], list[_Tax]] = {}
    for tax in _unknown_taxes(invoice, currency):
        component = tax.placed.component
        by_code.setdefault((component.code_system, component.code, str(component.factor)), []).append(tax)
    for taxes in by_code.values():
        for tax, amount in zip(taxes, distribute(currency, [tax.exact for tax in taxes]), strict=True):
            within_limit(amount.minor_units, currency, tax.placed.place)
            tax.placed.component.amount = shown(amount.minor_units, currency)


def _unknown_taxes(invoice: Invoice, currency: str) -> Iterator[_Tax]:
    """The taxes of lines that have a factor and no amount, where the net of their line is known."""
    for at, line in enumerate(invoice.lines):
        untaxed = [component for component in line.components if component.type != "tax"]
        if not _is_priced(untaxed, currency):
            continue
        net = sums_of(untaxed, currency).net
        for placed in _placed(line.components, f"Invoice.lineItem[{at}].priceComponent"):
            factor = placed.component.factor
            if placed.component.type == "tax" and factor is not None and _is_to_fill(placed.component):
                yield _Tax(placed, net * Fraction(factor))


def _is_priced(components: list[PriceComponent], currency: str) -> bool:
    return any(component.type == "base" for component in components) and all(
        amount_in(component, currency) is not None for component in components if component.type != "informational"
    )


def _fill_totals(invoice: Invoice, currency: str) -> None:
    placed = _placed(invoice.totals, "Invoice.totalPriceComponent")
    of_whole = [each for each in placed if is_of_whole(invoice, each.component)]
    _fill_products(of_whole, totals_of(invoice, currency).whole.base, currency)
    net = totals_of(invoice, currency).whole.net
    for component, place in of_whole:
        if component.type == "tax" and component.factor is not None and _is_to_fill(component):
            component.amount = shown(product(Money(currency, net), component.factor, place).minor_units, currency)
    for component in invoice.totals:
        if component.amount == NO_MONEY and component.type != "informational" and not is_of_whole(invoice, component):
            amount = sum_on_lines(invoice, component, currency)
            component.amount = shown(-amount if component.type in TAKEN_AWAY else amount, currency)
    whole = totals_of(invoice, currency).whole
    if invoice.total_net == NO_MONEY:
        invoice.total_net = shown(within_limit(whole.net, currency, "Invoice.totalNet"), currency)
    if invoice.total_gross == NO_MONEY:
        invoice.total_gross = shown(within_limit(whole.gross, currency, "Invoice.totalGross"), currency)

"""What keeps an invoice from being issued as far as its amounts go: each problem with its place, all at once."""

from __future__ import annotations

from collections.abc import Mapping

from ledger.charge_item import ChargeItem
from ledger.errors import Category, Problem
from ledger.invoice import Invoice, InvoiceLine, PriceComponent
from ledger.invoice_totals import (
    ADDED,
    TAKEN_AWAY,
    InvoiceTotals,
    amount_in,
    is_of_whole,
    sum_on_lines,
    sums_of,
    totals_of,
)
from ledger.money import AMOUNT_MINOR_MAX, Money
from ledger.resource import DecimalMoney


def problems_of(invoice: Invoice, charges: Mapping[str, ChargeItem], currency: str) -> list[Problem]:
    """What is wrong with the components; where nothing is, what is wrong with the sums."""
    problems: list[Problem] = []
    if not invoice.lines:
        problems.append(_broken("no-lines", "An invoice needs a line to be issued.", "Invoice.lineItem"))
    for at, line in enumerate(invoice.lines):
        place = f"Invoice.lineItem[{at}]"
        problems += _component_problems(line.components, currency, f"{place}.priceComponent")
        problems += _charge_problems(line, charges, currency, place)
    problems += _component_problems(invoice.totals, currency, "Invoice.totalPriceComponent")
    return problems or _sum_problems(invoice, currency)


def _component_problems(components: list[PriceComponent], currency: str, place: str) -> list[Problem]:
    problems = []
    for at, component in enumerate(components):
        where = f"{place}[{at}].amount"
        minor_units = component.amount.minor_units
        if component.type == "informational":
            continue
        if minor_units is None:
            problems.append(_broken("amount-required", "Give an amount, or a factor (a base has an amount).", where))
        elif component.amount.currency != currency:
            problems.append(_other_currency(currency, where))
        elif minor_units < 0 and component.type in ADDED:
            problems.append(_broken("negative-amount", f"A {component.type} is not negative; use a discount.", where))
    return problems


def _charge_problems(line: InvoiceLine, charges: Mapping[str, ChargeItem], currency: str, place: str) -> list[Problem]:
    where = f"{place}.chargeItem"
    charge = charges[line.charge_item_id] if line.charge_item_id is not None else None
    if charge is not None and charge.status != "billable":
        return [_broken("charge-not-billable", f"ChargeItem/{charge.id} is {charge.status}, not billable.", where)]
    if charge is not None and charge.amount_minor is None:
        return [_broken("charge-unpriced", f"ChargeItem/{charge.id} has no price yet.", where)]
    if not any(component.type == "base" for component in line.components):
        return [_broken("base-required", "The line needs a priceComponent of type base.", f"{place}.priceComponent")]
    if charge is None or charge.amount_minor is None:
        return []
    base = sums_of(line.components, currency).base
    if base == charge.amount_minor:
        return []
    assert charge.amount_currency is not None
    posted, said = Money(charge.amount_currency, charge.amount_minor), Money(currency, base)
    text = f"The base comes to {said}, but ChargeItem/{charge.id} is captured at {posted}."
    return [_broken("line-charge-mismatch", text, f"{place}.priceComponent")]


def _sum_problems(invoice: Invoice, currency: str) -> list[Problem]:
    """Where what the client says the totals are differs from what the components come to."""
    totals = totals_of(invoice, currency)
    return [
        *_difference(invoice.total_net, totals.whole.net, currency, "Invoice.totalNet"),
        *_difference(invoice.total_gross, totals.whole.gross, currency, "Invoice.totalGross"),
        *_summary_problems(invoice, currency),
        *_limit_problems(totals),
    ]


def _summary_problems(invoice: Invoice, currency: str) -> list[Problem]:
    """Total components that sum up lines; those of one type and code are taken together."""
    stated: dict[tuple[str, str | None], int] = {}
    first: dict[tuple[str, str | None], int] = {}
    for at, component in enumerate(invoice.totals):
        amount = amount_in(component, currency)
        if component.type == "informational" or amount is None or is_of_whole(invoice, component):
            continue
        key = (component.type, component.code)
        first.setdefault(key, at)
        stated[key] = stated.get(key, 0) + (abs(amount) if component.type in TAKEN_AWAY else amount)
    problems = []
    for key, at in first.items():
        computed = sum_on_lines(invoice, invoice.totals[at], currency)
        said = DecimalMoney(stated[key], currency, None)
        problems += _difference(said, computed, currency, f"Invoice.totalPriceComponent[{at}].amount")
    return problems


def _limit_problems(totals: InvoiceTotals) -> list[Problem]:
    problems = [
        _broken("negative-total", "The line comes to less than nothing.", f"Invoice.lineItem[{at}]")
        for at, sums in enumerate(totals.lines)
        if sums.net < 0
    ]
    if totals.whole.net < 0:
        problems.append(_broken("negative-total", "The invoice comes to less than nothing.", "Invoice.totalNet"))
    # The base alone may leave the range where discounts bring the total back into it.
    if max(totals.whole.base + totals.whole.surcharges, totals.whole.gross) > AMOUNT_MINOR_MAX:
        text = "Amounts reach at most 10^15 minor units; issue several invoices."
        problems.append(_broken("amount-too-large", text, "Invoice.totalGross"))
    return problems


def _difference(stated: DecimalMoney, computed: int, currency: str, place: str) -> list[Problem]:
    if stated.minor_units is None:
        return []
    if stated.currency != currency:
        return [_other_currency(currency, place)]
    if stated.minor_units == computed:
        return []
    said, comes_to = Money(currency, stated.minor_units), Money(currency, computed)
    return [_broken("total-mismatch", f"It says {said}, but the components come to {comes_to}.", place)]


def _other_currency(currency: str, place: str) -> Problem:
    return _broken("currency-mismatch", f"The invoice is in {currency}; so is each of its amounts.", place)


def _broken(code: str, message: str, expression: str) -> Problem:
    return Problem(Category.RULE_BROKEN, code, message, expression)

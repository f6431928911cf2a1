"""What an invoice comes to: its lines, its price components, and the totals that must follow from them.

How the components count (https://hl7.org/fhir/R4/invoice-definitions.html#Invoice.lineItem.priceComponent):
base, surcharge and tax add their amount; discount and deduction take its magnitude away, whichever sign they are sent with;
informational counts for nothing. A component without an amount has factor x base, a tax factor x net of its line.

A totalPriceComponent whose type and code occur on lines is their sum, said once more; one that occurs on no line is a
component of the whole invoice and counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ledger.charge_item import ChargeItem
from ledger.errors import Category, Problem
from ledger.invoice import Invoice, InvoiceLine, PriceComponent
from ledger.money import Money, exponent_of, product
from ledger.resource import DecimalMoney

ADDED = ("base", "surcharge", "tax")
TAKEN_AWAY = ("discount", "deduction")


@dataclass(slots=True)
class Sums:
    """Minor units by kind of component. `reductions` is what discounts and deductions take away, not negative."""

    base: int = 0
    surcharges: int = 0
    reductions: int = 0
    taxes: dict[str, int] = field(default_factory=dict)

    @property
    def net(self) -> int:
        return self.base + self.surcharges - self.reductions

    @property
    def tax(self) -> int:
        return sum(self.taxes.values())

    @property
    def gross(self) -> int:
        return self.net + self.tax

    def add(self, component: PriceComponent, amount_minor: int) -> None:
        match component.type:
            case "base":
                self.base += amount_minor
            case "surcharge":
                self.surcharges += amount_minor
            case "discount" | "deduction":
                self.reductions += abs(amount_minor)
            case "tax":
                code = component.code or ""
                self.taxes[code] = self.taxes.get(code, 0) + amount_minor

    def include(self, other: Sums) -> None:
        self.base += other.base
        self.surcharges += other.surcharges
        self.reductions += other.reductions
        for code, amount in other.taxes.items():
            self.taxes[code] = self.taxes.get(code, 0) + amount


@dataclass(slots=True)
class InvoiceTotals:
    """`own_base` is the base of lines that have no ChargeItem, which nothing has posted before the invoice is issued."""

    whole: Sums
    lines: list[Sums]
    own_base: int


def complete(invoice: Invoice, charges: Mapping[str, ChargeItem], currency: str) -> None:
    """Fill in what a draft leaves to the server: a base from the charge, amounts from factors, the totals."""
    for line in invoice.lines:
        charge = charges.get(line.charge_item_id or "")
        if charge is not None and not line.components and charge.amount_minor is not None:
            line.components = [PriceComponent(type="base", amount=shown(charge.amount_minor, currency))]
        _fill_amounts(line.components, currency)
    if invoice.lines and all(_is_priced(line, currency) for line in invoice.lines):
        totals = totals_of(invoice, currency)
        if invoice.total_net.minor_units is None and invoice.total_net.currency is None:
            invoice.total_net = shown(totals.whole.net, currency)
        if invoice.total_gross.minor_units is None and invoice.total_gross.currency is None:
            invoice.total_gross = shown(totals.whole.gross, currency)


def shown(amount_minor: int, currency: str) -> DecimalMoney:
    """An amount with exactly the currency's decimals."""
    return DecimalMoney(amount_minor, currency, exponent_of(currency))


def _is_priced(line: InvoiceLine, currency: str) -> bool:
    return any(component.type == "base" for component in line.components) and all(
        component.amount.minor_units is not None and component.amount.currency == currency
        for component in line.components
        if component.type != "informational"
    )


def _fill_amounts(components: list[PriceComponent], currency: str) -> None:
    sums = Sums()
    # Base first, then what changes the net, then tax, which is of the net: whatever order they stand in.
    for wanted in (("base",), ("surcharge", *TAKEN_AWAY), ("tax",)):
        for component in components:
            if component.type not in wanted:
                continue
            if component.amount == DecimalMoney() and component.factor is not None and component.type != "base":
                of = sums.net if component.type == "tax" else sums.base
                amount = product(Money(currency, of), component.factor).minor_units
                component.amount = shown(-abs(amount) if component.type in TAKEN_AWAY else amount, currency)
            if component.amount.minor_units is not None:
                sums.add(component, component.amount.minor_units)


def totals_of(invoice: Invoice, currency: str) -> InvoiceTotals:
    """The totals that follow from the components; amounts that are missing count as nothing."""
    whole, lines, own_base = Sums(), [], 0
    on_lines = {(component.type, component.code) for line in invoice.lines for component in line.components}
    for line in invoice.lines:
        sums = _sums(line.components)
        lines.append(sums)
        whole.include(sums)
        if line.charge_item_id is None:
            own_base += sums.base
    whole.include(_sums(c for c in invoice.totals if c.type != "base" and (c.type, c.code) not in on_lines))
    return InvoiceTotals(whole, lines, own_base)


def _sums(components: Iterable[PriceComponent]) -> Sums:
    sums = Sums()
    for component in components:
        if component.amount.minor_units is not None:
            sums.add(component, component.amount.minor_units)
    return sums


def problems_of(invoice: Invoice, charges: Mapping[str, ChargeItem], currency: str) -> list[Problem]:
    """All that keeps an invoice from being issued as far as its amounts go, each with its place."""
    problems: list[Problem] = []
    if not invoice.lines:
        problems.append(_broken("no-lines", "An invoice needs a line to be issued.", "Invoice.lineItem"))
    for at, line in enumerate(invoice.lines):
        place = f"Invoice.lineItem[{at}]"
        problems += _component_problems(line.components, currency, place + ".priceComponent")
        problems += _charge_problems(line, charges, place)
    problems += _component_problems(invoice.totals, currency, "Invoice.totalPriceComponent")
    return problems or _sum_problems(invoice, currency)


def _component_problems(components: list[PriceComponent], currency: str, place: str) -> list[Problem]:
    problems = []
    for at, component in enumerate(components):
        where = f"{place}[{at}].amount"
        if component.type == "informational":
            continue
        if component.amount.minor_units is None:
            problems.append(_broken("amount-required", "Give an amount (or a factor, except on base).", where))
        elif component.amount.currency != currency:
            problems.append(
                _broken("currency-mismatch", f"The invoice is in {currency}; so is each of its amounts.", where)
            )
        elif component.amount.minor_units < 0 and component.type in ADDED:
            problems.append(_broken("negative-amount", f"A {component.type} is not negative; use a discount.", where))
    return problems


def _charge_problems(line: InvoiceLine, charges: Mapping[str, ChargeItem], place: str) -> list[Problem]:
    if not any(component.type == "base" for component in line.components):
        return [_broken("base-required", "The line needs a priceComponent of type base.", f"{place}.priceComponent")]
    if line.charge_item_id is None:
        return []
    charge = charges[line.charge_item_id]
    where = f"{place}.chargeItem"
    if charge.status != "billable":
        return [_broken("charge-not-billable", f"ChargeItem/{charge.id} is {charge.status}, not billable.", where)]
    if charge.amount_minor is None:
        return [_broken("charge-unpriced", f"ChargeItem/{charge.id} has no price yet.", where)]
    base = _sums(component for component in line.components if component.type == "base").base
    if base != charge.amount_minor:
        assert charge.amount_currency is not None
        posted = Money(charge.amount_currency, charge.amount_minor)
        return [
            _broken(
                "line-charge-mismatch",
                f"The base comes to {base} minor units, but ChargeItem/{charge.id} is posted at {posted}.",
                f"{place}.priceComponent",
            )
        ]
    return []


def _sum_problems(invoice: Invoice, currency: str) -> list[Problem]:
    """Where what the client says the totals are differs from what the lines come to."""
    totals = totals_of(invoice, currency)
    problems = []
    for name, stated, computed in (
        ("totalNet", invoice.total_net, totals.whole.net),
        ("totalGross", invoice.total_gross, totals.whole.gross),
    ):
        problems += _difference(stated, computed, currency, f"Invoice.{name}")
    problems += _summary_problems(invoice, currency)
    for at, sums in enumerate(totals.lines):
        if sums.net < 0:
            problems.append(
                _broken("negative-total", "The line comes to less than nothing.", f"Invoice.lineItem[{at}]")
            )
    if totals.whole.net < 0:
        problems.append(_broken("negative-total", "The invoice comes to less than nothing.", "Invoice.totalNet"))
    return problems


def _summary_problems(invoice: Invoice, currency: str) -> list[Problem]:
    on_lines: dict[tuple[str, str | None], int] = {}
    for line in invoice.lines:
        for component in line.components:
            key = (component.type, component.code)
            on_lines[key] = on_lines.get(key, 0) + abs(component.amount.minor_units or 0)
    problems = []
    for at, component in enumerate(invoice.totals):
        key = (component.type, component.code)
        place = f"Invoice.totalPriceComponent[{at}].amount"
        if component.type == "informational" or component.amount.minor_units is None:
            continue
        if key in on_lines:
            stated = component.amount._replace(minor_units=abs(component.amount.minor_units))
            problems += _difference(stated, on_lines[key], currency, place)
        elif component.type == "base":
            problems += _difference(
                component.amount, sum(v for (type_, _), v in on_lines.items() if type_ == "base"), currency, place
            )
    return problems


def _difference(stated: DecimalMoney, computed: int, currency: str, place: str) -> list[Problem]:
    if stated.minor_units is None:
        return []
    if stated.currency != currency:
        return [_broken("currency-mismatch", f"The invoice is in {currency}; so is each of its amounts.", place)]
    if stated.minor_units == computed:
        return []
    said, comes_to = Money(currency, stated.minor_units), Money(currency, computed)
    return [_broken("total-mismatch", f"It says {said}, but the components come to {comes_to}.", place)]


def _broken(code: str, message: str, expression: str) -> Problem:
    return Problem(Category.RULE_BROKEN, code, message, expression)

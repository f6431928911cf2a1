"""What an invoice comes to: the sums of its price components, line by line and in all.

How the components count (https://hl7.org/fhir/R4/invoice-definitions.html#Invoice.lineItem.priceComponent):
base, surcharge and tax add their amount; discount and deduction take its magnitude away, whichever sign they are sent
with; informational counts for nothing.

A totalPriceComponent of a type and code that stand on lines says their sum once more, one without a code the sum of
its type, and a base always the sum of all bases. Any other is a component of the whole invoice, and counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ledger.invoice import Invoice, PriceComponent

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
    """`own_base` is the base of lines that have no ChargeItem, which nothing posted before the invoice is issued."""

    whole: Sums
    lines: list[Sums]
    own_base: int


def totals_of(invoice: Invoice, currency: str) -> InvoiceTotals:
    """The totals that follow from the components; amounts that are missing or in another currency count as nothing."""
    whole, lines, own_base = Sums(), [], 0
    for line in invoice.lines:
        sums = sums_of(line.components, currency)
        lines.append(sums)
        whole.include(sums)
        if line.charge_item_id is None:
            own_base += sums.base
    whole.include(sums_of((component for component in invoice.totals if is_of_whole(invoice, component)), currency))
    return InvoiceTotals(whole, lines, own_base)


def sums_of(components: Iterable[PriceComponent], currency: str) -> Sums:
    sums = Sums()
    for component in components:
        amount = amount_in(component, currency)
        if amount is not None:
            sums.add(component, amount)
    return sums


def amount_in(component: PriceComponent, currency: str) -> int | None:
    """Minor units, where the component has an amount in the currency."""
    return component.amount.minor_units if component.amount.currency == currency else None


def is_of_whole(invoice: Invoice, component: PriceComponent) -> bool:
    """Whether a totalPriceComponent counts by itself, rather than saying what lines come to."""
    return component.type not in ("base", "informational") and not list(_said_again(invoice, component))


def sum_on_lines(invoice: Invoice, component: PriceComponent, currency: str) -> int:
    """What a totalPriceComponent that sums up lines must come to; reductions as a magnitude."""
    amounts = [amount_in(each, currency) or 0 for each in _said_again(invoice, component)]
    return sum(map(abs, amounts)) if component.type in TAKEN_AWAY else sum(amounts)


def _said_again(invoice: Invoice, component: PriceComponent) -> Iterable[PriceComponent]:
    of_type = [each for line in invoice.lines for each in line.components if each.type == component.type]
    of_code = [each for each in of_type if each.code == component.code]
    return of_type if component.code is None or (component.type == "base" and not of_code) else of_code

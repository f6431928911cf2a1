"""Taxes by the rules, on the lines of an invoice that has none of its own.

What the server adds names its rule, so that it can be worked out anew until the invoice is issued, and what was applied
can be told for ever. A client that gives taxes itself is not added to: neither on the line, nor, where they are on the
whole invoice, on any.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from ledger.invoice import Invoice, InvoiceLine, PriceComponent
from ledger.resource import NO_MONEY
from ledger.tax_rule import EXEMPT, TaxRule

RulesOf = Callable[[str], Sequence[TaxRule]]
"""The rules that hold for a category at the place and on the day of the invoice."""


def take_off_taxes(invoice: Invoice) -> bool:
    """Take what was added by rules off an invoice; whether there was any."""
    lists = [invoice.totals, *(line.components for line in invoice.lines)]
    was_there = any(component.tax_rule is not None for components in lists for component in components)
    if was_there:
        invoice.totals = _given(invoice.totals)
        for line in invoice.lines:
            line.components = _given(line.components)
    return was_there


def put_on_taxes(invoice: Invoice, categories: Sequence[str | None], rules_of: RulesOf) -> None:
    """Add the taxes of each line by its category; amounts are filled in as those of any tax with a factor are."""
    if any(component.type == "tax" for component in invoice.totals):
        return
    added: dict[tuple[str | None, str], set[str]] = {}
    for line, category in zip(invoice.lines, categories, strict=True):
        if category is None or _has_tax(line):
            continue
        for rule in rules_of(category):
            line.components.append(_component(rule))
            if rule.treatment != EXEMPT:
                added.setdefault((rule.system, rule.code), set()).add(rule.key)
    for (system, code), keys in sorted(added.items(), key=lambda item: (item[0][1], item[0][0] or "")):
        invoice.totals.append(
            PriceComponent(type="tax", code_system=system, code=code, tax_rule=" ".join(sorted(keys)))
        )


def _component(rule: TaxRule) -> PriceComponent:
    """What is exempt is said, and counts for nothing."""
    return PriceComponent(
        type="informational" if rule.treatment == EXEMPT else "tax",
        code_system=rule.system,
        code=rule.code,
        factor=None if rule.treatment == EXEMPT else rule.factor,
        amount=NO_MONEY,
        tax_rule=rule.key,
    )


def _has_tax(line: InvoiceLine) -> bool:
    return any(component.type == "tax" for component in line.components)


def _given(components: Iterable[PriceComponent]) -> list[PriceComponent]:
    return [component for component in components if component.tax_rule is None]

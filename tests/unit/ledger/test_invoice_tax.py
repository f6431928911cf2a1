"""Taxes by the rules on the lines of an invoice: put on, taken off again, and never beside those of the client."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

from ledger.invoice import Invoice, PriceComponent
from ledger.invoice_tax import put_on_taxes, take_off_taxes
from ledger.tax_rule import TaxRule
from tests.unit.ledger.invoices import component, invoice, line

VAT = TaxRule(
    tenant_id="t",
    id="vat",
    category="standard",
    code="VAT",
    system="urn:tax",
    treatment="taxable",
    percent=Decimal(5),
    valid_from=date(2026, 1, 1),
)
LEVY = replace(VAT, id="levy", code="LEVY", system=None, percent=Decimal("1.25"))
EXEMPT = replace(VAT, id="none", treatment="exempt", percent=Decimal(0))
ZERO = replace(VAT, id="zero", treatment="zero-rated", percent=Decimal(0))
OF = {"standard": [LEVY, VAT], "exempt": [EXEMPT], "zero": [ZERO]}


def taxed(of: Invoice, *categories: str | None) -> Invoice:
    put_on_taxes(of, categories, OF.__getitem__)
    return of


def test_each_line_bears_the_taxes_of_its_category_and_the_totals_name_them_once() -> None:
    of = taxed(invoice(line(component("base", 10)), line(component("base", 20))), "standard", "standard")
    added = [
        PriceComponent(type="tax", code="LEVY", factor=Decimal("0.0125"), tax_rule="levy"),
        PriceComponent(type="tax", code_system="urn:tax", code="VAT", factor=Decimal("0.05"), tax_rule="vat"),
    ]
    assert [each.components[1:] for each in of.lines] == [added, added]
    assert of.totals == [
        PriceComponent(type="tax", code="LEVY", tax_rule="levy"),
        PriceComponent(type="tax", code_system="urn:tax", code="VAT", tax_rule="vat"),
    ]


def test_what_is_exempt_is_said_and_counts_for_nothing() -> None:
    of = taxed(invoice(line()), "exempt")
    informational = PriceComponent(type="informational", code_system="urn:tax", code="VAT", tax_rule="none")
    assert (of.lines[0].components, of.totals) == ([informational], [])


def test_a_rate_of_nothing_is_a_tax_all_the_same_and_rules_of_one_tax_are_one_total() -> None:
    of = taxed(invoice(line(), line(), line()), "zero", "standard", None)
    assert of.lines[0].components[0].factor == 0
    assert of.lines[2].components == []
    assert [(each.code, each.tax_rule) for each in of.totals] == [("LEVY", "levy"), ("VAT", "vat zero")]


def test_a_client_that_gives_taxes_itself_is_not_added_to() -> None:
    own = component("tax", 5, code="VAT")
    of = taxed(invoice(line(own), line(component("base", 1))), "standard", "standard")
    assert [len(each.components) for each in of.lines] == [1, 3]
    whole = taxed(invoice(line(), totals=[component("surcharge", 1), own]), "standard")
    assert (whole.lines[0].components, len(whole.totals)) == ([], 2)


def test_what_was_added_by_rules_is_taken_off_and_nothing_else() -> None:
    kept = [component("base", 10), component("surcharge", 1)]
    of = taxed(invoice(line(*kept), totals=[component("base", 10)]), "standard")
    assert take_off_taxes(of)
    assert (of.lines[0].components, of.totals) == (kept, [component("base", 10)])
    assert not take_off_taxes(of)
    only_on_line = invoice(line(PriceComponent(type="informational", tax_rule="none")))
    assert take_off_taxes(only_on_line)
    assert only_on_line.lines[0].components == []

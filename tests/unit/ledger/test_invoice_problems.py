"""What keeps an invoice from being issued: each problem with its place and how to mend it."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.charge_item import ChargeItem
from ledger.invoice import Invoice
from ledger.invoice_problems import problems_of
from ledger.money import AMOUNT_MINOR_MAX
from tests.unit.ledger.invoices import component, invoice, line, money
from tests.unit.ledger.refusals import Said, said

CHARGES = {
    "c": ChargeItem(id="c", status="billable", amount_minor=1000, amount_currency="AFN"),
    "planned": ChargeItem(id="planned", status="planned"),
    "unpriced": ChargeItem(id="unpriced", status="billable", unpriced=True),
}
COMPONENTS = "Invoice.lineItem[0].priceComponent"
AMOUNT = "Give an amount, or a factor (a base has an amount)."
CURRENCY = "The invoice is in AFN; so is each of its amounts."


def problems(of: Invoice) -> list[Said]:
    return said(problems_of(of, CHARGES, "AFN"))


def broken(code: str, message: str, place: str) -> list[Said]:
    return [("rule_broken", code, message, place)]


def whole(**more: Any) -> Invoice:
    """An invoice that has nothing wrong, but for what is said."""
    first = line(component("base", 1000), component("discount", -100, code="d"), component("tax", 45, code="A"))
    first.charge_item_id = "c"
    return invoice(first, line(component("base", 50), component("informational")), **more)


def test_an_invoice_whose_figures_are_right_has_no_problem() -> None:
    totals = [component("base", 1050), component("discount", 100, code="d"), component("tax", 45, code="A"),
              component("informational"), component("surcharge", 5, code="whole")]  # fmt: skip
    assert problems(whole()) == []
    assert problems(whole(totals=totals, total_net=money(955), total_gross=money(1000))) == []


def test_an_invoice_needs_a_line() -> None:
    assert problems(invoice()) == broken("no-lines", "An invoice needs a line to be issued.", "Invoice.lineItem")


@pytest.mark.parametrize(
    ("charge", "code", "message"),
    [
        ("planned", "charge-not-billable", "ChargeItem/planned is planned, not billable."),
        ("unpriced", "charge-unpriced", "ChargeItem/unpriced has no price yet."),
    ],
)
def test_charges_that_cannot_be_billed_are_named(charge: str, code: str, message: str) -> None:
    of = invoice(line(component("base", 1), charge="planned" if charge == "planned" else charge))
    assert problems(of) == broken(code, message, "Invoice.lineItem[0].chargeItem")


def test_a_line_needs_a_base_that_is_what_the_charge_is_captured_at() -> None:
    needs = "The line needs a priceComponent of type base."
    assert problems(invoice(line(component("tax", 5)))) == broken("base-required", needs, COMPONENTS)
    differs = "The base comes to 9.99 AFN, but ChargeItem/c is captured at 10.00 AFN."
    of = invoice(line(component("base", 900), component("base", 99), charge="c"))
    assert problems(of) == broken("line-charge-mismatch", differs, COMPONENTS)


@pytest.mark.parametrize(
    ("wrong", "code", "message"),
    [
        (component("surcharge"), "amount-required", AMOUNT),
        (component("surcharge", 5, currency="AED"), "currency-mismatch", CURRENCY),
        (component("surcharge", -5), "negative-amount", "A surcharge is not negative; use a discount."),
        (component("tax", -5), "negative-amount", "A tax is not negative; use a discount."),
    ],
)
def test_components_have_an_amount_in_the_currency(wrong: Any, code: str, message: str) -> None:
    on_line = invoice(line(component("base", 1000), component("informational", -5, currency="AED"), wrong))
    assert problems(on_line) == broken(code, message, f"{COMPONENTS}[2].amount")
    of_whole = invoice(line(component("base", 1000)), totals=[component("informational"), wrong])
    assert problems(of_whole) == broken(code, message, "Invoice.totalPriceComponent[1].amount")


def test_reductions_may_be_sent_with_either_sign_and_surcharges_may_be_nothing() -> None:
    of = line(component("base", 1000), component("discount", 5), component("deduction", -5), component("surcharge", 0))
    assert problems(invoice(of)) == []


@pytest.mark.parametrize(
    ("name", "stated", "code", "message"),
    [
        ("total_net", money(951), "total-mismatch", "It says 9.51 AFN, but the components come to 9.50 AFN."),
        ("total_gross", money(994), "total-mismatch", "It says 9.94 AFN, but the components come to 9.95 AFN."),
        ("total_net", money(950, "AED"), "currency-mismatch", CURRENCY),
        ("total_gross", money(995, "AED"), "currency-mismatch", CURRENCY),
    ],
)
def test_totals_that_do_not_add_up_are_named(name: str, stated: Any, code: str, message: str) -> None:
    place = {"total_net": "Invoice.totalNet", "total_gross": "Invoice.totalGross"}[name]
    assert problems(whole(**{name: stated})) == broken(code, message, place)


def test_total_components_of_one_type_and_code_are_taken_together_and_named_at_the_first() -> None:
    parts = [component("informational"), component("discount", 60, code="d"), component("discount", -40, code="d")]
    assert problems(whole(totals=parts)) == []
    wrong = [*parts, component("tax", 40, code="A"), component("tax", 4, code="A")]
    text = "It says 0.44 AFN, but the components come to 0.45 AFN."
    assert problems(whole(totals=wrong)) == broken("total-mismatch", text, "Invoice.totalPriceComponent[3].amount")
    base = [component("base", 1049)]
    text = "It says 10.49 AFN, but the components come to 10.50 AFN."
    assert problems(whole(totals=base)) == broken("total-mismatch", text, "Invoice.totalPriceComponent[0].amount")


def test_no_line_and_no_invoice_comes_to_less_than_nothing() -> None:
    of = invoice(line(component("base", 100)), line(component("base", 5), component("discount", -6)))
    text = "The line comes to less than nothing."
    assert problems(of) == broken("negative-total", text, "Invoice.lineItem[1]")
    zero = invoice(line(component("base", 5), component("discount", -5)))
    assert problems(zero) == []
    less = invoice(line(component("base", 5)), totals=[component("discount", -6, code="whole")])
    text = "The invoice comes to less than nothing."
    assert problems(less) == broken("negative-total", text, "Invoice.totalNet")


@pytest.mark.parametrize(
    ("components", "is_too_large"),
    [
        ([component("base", AMOUNT_MINOR_MAX)], False),
        ([component("base", AMOUNT_MINOR_MAX), component("tax", 1)], True),
        ([component("base", AMOUNT_MINOR_MAX), component("surcharge", 1), component("discount", 5)], True),
        ([component("base", AMOUNT_MINOR_MAX), component("surcharge", 0), component("discount", 5)], False),
    ],
)
def test_amounts_reach_no_further_than_amounts_do(components: list[Any], is_too_large: bool) -> None:
    text = "Amounts reach at most 10^15 minor units; issue several invoices."
    expected = broken("amount-too-large", text, "Invoice.totalGross") if is_too_large else []
    assert problems(invoice(line(*components))) == expected


def test_all_problems_are_said_at_once_but_sums_only_where_the_parts_are_right() -> None:
    of = whole(totals=[component("tax")], total_net=money(1))
    of.lines[1].components.append(component("surcharge", -1))
    assert [(code, place) for _, code, _, place in problems(of)] == [
        ("negative-amount", "Invoice.lineItem[1].priceComponent[2].amount"),
        ("amount-required", "Invoice.totalPriceComponent[0].amount"),
    ]


def test_each_line_and_each_total_that_is_wrong_is_named() -> None:
    of = invoice(line(component("base", 5), component("tax", -1)), line(component("base", 5), component("tax", -1)))
    assert [place for *_, place in problems(of)] == [
        "Invoice.lineItem[0].priceComponent[1].amount",
        "Invoice.lineItem[1].priceComponent[1].amount",
    ]
    totals = [component("base", 1), component("tax", 2, code="A")]
    assert [place for *_, place in problems(whole(totals=totals))] == [
        "Invoice.totalPriceComponent[0].amount",
        "Invoice.totalPriceComponent[1].amount",
    ]

"""Filling in what a draft leaves to the server, figure by figure."""

from __future__ import annotations

from decimal import Decimal

import pytest

from ledger.charge_item import ChargeItem
from ledger.invoice import Invoice
from ledger.invoice_completion import complete, shown
from ledger.money import AMOUNT_MINOR_MAX
from ledger.resource import NO_MONEY, DecimalMoney
from tests.unit.ledger.invoices import component, figures, invoice, line, money
from tests.unit.ledger.refusals import refused


def charge(amount: int | None, currency: str | None = "AFN") -> dict[str, ChargeItem]:
    return {"c": ChargeItem(id="c", status="billable", amount_minor=amount, amount_currency=currency)}


def completed(of: Invoice, charges: dict[str, ChargeItem] | None = None, currency: str = "AFN") -> Invoice:
    complete(of, charges or {}, currency)
    return of


@pytest.mark.parametrize(("currency", "scale"), [("JPY", 0), ("AFN", 2), ("KWD", 3)])
def test_the_base_comes_from_the_charge_first_and_with_the_decimals_of_its_currency(currency: str, scale: int) -> None:
    of = invoice(line(component("tax", factor="0.05"), charge="c"))
    completed(of, charge(1000, currency), currency)
    base, tax = of.lines[0].components
    assert (base.type, base.amount) == ("base", DecimalMoney(1000, currency, scale))
    assert (tax.type, tax.amount) == ("tax", DecimalMoney(50, currency, scale))
    assert of.total_net == DecimalMoney(1000, currency, scale)
    assert of.total_gross == DecimalMoney(1050, currency, scale)


def test_a_base_that_is_there_or_not_known_is_left_alone() -> None:
    there = completed(invoice(line(component("base", 7), charge="c")), charge(1000))
    assert figures(there.lines[0].components) == [("base", 7)]
    unpriced = completed(invoice(line(component("tax", factor="0.05"), charge="c")), charge(None, None))
    assert figures(unpriced.lines[0].components) == [("tax", None)]
    none = completed(invoice(line(charge=None)), charge(1000))
    assert (none.lines[0].components, none.total_net) == ([], NO_MONEY)


def test_factors_are_of_the_base_and_what_is_taken_away_is_shown_negative() -> None:
    of = completed(
        invoice(
            line(
                component("base", 1000),
                component("base", 5),
                component("surcharge", factor="0.1"),
                component("discount", factor="0.333"),
                component("deduction", factor="-0.5"),
                component("informational", factor="0.5"),
            )
        )
    )
    assert figures(of.lines[0].components) == [
        ("base", 1000),
        ("base", 5),
        ("surcharge", 101),  # 100.5, half away from zero
        ("discount", -335),
        ("deduction", -503),
        ("informational", None),
    ]
    assert of.total_net.minor_units == 1005 + 101 - 335 - 503


def test_what_the_client_said_stays() -> None:
    of = completed(invoice(line(component("base", 1000), component("surcharge", 1, factor="0.5"),
                                component("tax", 3, factor="0.5"))))  # fmt: skip
    assert figures(of.lines[0].components) == [("base", 1000), ("surcharge", 1), ("tax", 3)]
    said = completed(invoice(line(component("base", 1000)), total_net=money(1), total_gross=money(2)))
    assert (said.total_net, said.total_gross) == (money(1), money(2))


def test_of_a_tax_the_total_of_its_code_and_factor_is_rounded_and_the_lines_share_it() -> None:
    of = completed(
        invoice(*(line(component("base", 10), component("tax", factor="0.05", code="VAT")) for _ in range(3)))
    )
    # 0.5 each: 1.5 in all, which is 2.
    assert [figures(each.components)[1] for each in of.lines] == [("tax", 1), ("tax", 1), ("tax", 0)]
    assert of.total_gross.minor_units == 32


@pytest.mark.parametrize("other", [{"code": "B"}, {"code_system": "urn:x"}, {"factor": "0.050"}])
def test_taxes_of_another_code_system_or_factor_are_rounded_by_themselves(other: dict[str, str]) -> None:
    first = {"factor": "0.05", "code": "A", "code_system": "urn:y"}
    of = completed(
        invoice(
            line(component("base", 10), component("tax", **first)),  # type: ignore[arg-type]
            line(component("base", 10), component("tax", **{**first, **other})),  # type: ignore[arg-type]
        )
    )
    assert [figures(each.components)[1] for each in of.lines] == [("tax", 1), ("tax", 1)]


def test_a_tax_is_of_the_net_of_its_line_and_waits_for_it() -> None:
    net = completed(invoice(line(component("base", 1000), component("discount", -100), component("tax", factor="0.1"))))
    assert figures(net.lines[0].components)[2] == ("tax", 90)
    for missing in (component("surcharge"), component("surcharge", 5, currency="AED")):
        of = completed(invoice(line(component("base", 1000), missing, component("tax", factor="0.1"))))
        assert figures(of.lines[0].components)[2] == ("tax", None)
        assert (of.total_net, of.total_gross) == (NO_MONEY, NO_MONEY)


def test_a_base_in_another_currency_fills_nothing() -> None:
    of = completed(invoice(line(component("base", 1000, currency="AED"), component("surcharge", factor="0.1"))))
    assert figures(of.lines[0].components) == [("base", 1000), ("surcharge", None)]


def test_components_of_the_whole_invoice_are_of_all_bases_and_its_tax_of_the_whole_net() -> None:
    of = completed(
        invoice(
            line(component("base", 1000), component("surcharge", 10)),
            line(component("base", 500)),
            totals=[
                component("discount", factor="0.1", code="whole"),
                component("tax", factor="0.05", code="whole"),
                component("informational"),
            ],
        )
    )
    assert figures(of.totals) == [("discount", -150), ("tax", 68), ("informational", None)]
    assert (of.total_net.minor_units, of.total_gross.minor_units) == (1360, 1428)


def test_totals_that_say_lines_once_more_are_summed_up() -> None:
    of = completed(
        invoice(
            line(component("base", 1000), component("discount", -10, code="d"), component("tax", 5, code="A")),
            line(component("base", 500), component("discount", 20, code="d"), component("tax", 7, code="B")),
            totals=[
                component("base"),
                component("discount", code="d"),
                component("tax", code="A"),
                component("tax"),
            ],
        )
    )
    assert figures(of.totals) == [("base", 1500), ("discount", -30), ("tax", 5), ("tax", 12)]
    assert (of.total_net.minor_units, of.total_gross.minor_units) == (1470, 1482)


def test_totals_are_not_worked_out_before_every_line_has_a_price() -> None:
    of = completed(invoice(line(component("base", 1000)), line(), totals=[component("base")]))
    assert (figures(of.totals), of.total_net, of.total_gross) == ([("base", None)], NO_MONEY, NO_MONEY)
    assert completed(invoice()).total_net == NO_MONEY


TOO_LARGE = "Amounts reach at most 10^15 minor units of AFN; send a smaller one."


@pytest.mark.parametrize(
    ("of", "place"),
    [
        (invoice(line(component("base", AMOUNT_MINOR_MAX), component("surcharge", factor="2"))),
         "Invoice.lineItem[0].priceComponent[1].amount"),
        (invoice(line(component("base", 1)), line(component("base", AMOUNT_MINOR_MAX), component("tax", factor="2"))),
         "Invoice.lineItem[1].priceComponent[1].amount"),
        (invoice(line(component("base", AMOUNT_MINOR_MAX)),
                 totals=[component("surcharge", 1, code="x"), component("tax", factor="2", code="y")]),
         "Invoice.totalPriceComponent[1].amount"),
        (invoice(line(component("base", AMOUNT_MINOR_MAX)), totals=[component("surcharge", factor="2", code="x")]),
         "Invoice.totalPriceComponent[0].amount"),
        (invoice(line(component("base", AMOUNT_MINOR_MAX)), line(component("base", 1))), "Invoice.totalNet"),
        (invoice(line(component("base", AMOUNT_MINOR_MAX), component("tax", 1))), "Invoice.totalGross"),
    ],
)  # fmt: skip
def test_what_no_amount_reaches_is_refused_at_its_place(of: Invoice, place: str) -> None:
    assert refused(complete, of, {}, "AFN") == [("rule_broken", "amount-too-large", TOO_LARGE, place)]


def test_an_amount_is_shown_with_the_decimals_of_its_currency() -> None:
    assert shown(1050, "KWD") == DecimalMoney(1050, "KWD", 3)
    assert Decimal(shown(5, "JPY").scale or 0) == 0


def test_a_line_without_a_price_does_not_keep_the_next_from_its_tax() -> None:
    of = completed(
        invoice(line(component("tax", factor="0.1")), line(component("base", 10), component("tax", factor="0.1")))
    )
    assert figures(of.lines[1].components) == [("base", 10), ("tax", 1)]

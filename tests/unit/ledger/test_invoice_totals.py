"""What an invoice comes to, as its components are: property tests over completion and totals."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from ledger.invoice import Invoice, InvoiceLine, PriceComponent
from ledger.invoice_completion import complete, shown
from ledger.invoice_problems import problems_of
from ledger.invoice_totals import totals_of

FACTORS = st.decimals(min_value=0, max_value=1, places=3)


def with_amount(kind: str, amount: int, code: str | None = None) -> PriceComponent:
    return PriceComponent(type=kind, amount=shown(amount, "AFN"), code=code)


@st.composite
def invoices(draw: st.DrawFn) -> Invoice:
    """Drafts with a base on every line, and factors for all else."""
    lines = []
    for _ in range(draw(st.integers(1, 6))):
        components = [with_amount("base", draw(st.integers(0, 10**7)))]
        kinds = draw(st.lists(st.sampled_from(["surcharge", "discount", "deduction", "tax"]), max_size=4, unique=True))
        for kind in kinds:
            factor = draw(FACTORS) if kind in ("surcharge", "tax") else draw(FACTORS) / 2
            code = draw(st.sampled_from([None, "A", "B"]))
            components.append(PriceComponent(type=kind, factor=factor, code=code))
        lines.append(InvoiceLine(components=draw(st.permutations(components))))
    return Invoice(id="i", status="draft", lines=lines)


@given(invoices())
def test_a_completed_invoice_has_no_difference_in_its_totals(invoice: Invoice) -> None:
    complete(invoice, {}, "AFN")
    assert [problem.code for problem in problems_of(invoice, {}, "AFN") if problem.code != "negative-total"] == []
    whole = totals_of(invoice, "AFN").whole
    assert invoice.total_net.minor_units == whole.net
    assert invoice.total_gross.minor_units == whole.gross == whole.net + sum(whole.taxes.values())


@given(invoices())
def test_lines_always_sum_to_the_totals(invoice: Invoice) -> None:
    complete(invoice, {}, "AFN")
    totals = totals_of(invoice, "AFN")
    assert sum(line.net for line in totals.lines) == totals.whole.net
    assert sum(line.gross for line in totals.lines) == totals.whole.gross


@given(invoices())
def test_completing_again_changes_nothing(invoice: Invoice) -> None:
    complete(invoice, {}, "AFN")
    before = repr(invoice)
    complete(invoice, {}, "AFN")
    assert repr(invoice) == before


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=30), FACTORS)
def test_a_tax_is_rounded_once_for_all_lines(bases: list[int], factor: Decimal) -> None:
    lines = [
        InvoiceLine(components=[with_amount("base", base), PriceComponent(type="tax", code="VAT", factor=factor)])
        for base in bases
    ]
    invoice = Invoice(id="i", status="draft", lines=lines)
    complete(invoice, {}, "AFN")
    exact = sum(bases) * factor
    assert abs(totals_of(invoice, "AFN").whole.tax - exact) <= Decimal("0.5")
    for line, base in zip(lines, bases, strict=True):
        assert abs((line.components[1].amount.minor_units or 0) - base * factor) < 1


def test_reductions_count_by_their_magnitude_and_information_not_at_all() -> None:
    components = [
        with_amount("base", 100),
        with_amount("discount", 10),
        with_amount("deduction", -20),
        with_amount("informational", 999),
        with_amount("surcharge", 5),
    ]
    invoice = Invoice(id="i", status="draft", lines=[InvoiceLine(components=components)])
    totals = totals_of(invoice, "AFN")
    assert (totals.whole.net, totals.whole.reductions, totals.own_base) == (75, 30, 100)


def test_total_components_count_only_where_no_line_says_the_same() -> None:
    line = InvoiceLine(components=[with_amount("base", 100), with_amount("tax", 5, "VAT")])
    for component, gross in (
        (with_amount("tax", 5, "VAT"), 105),
        (with_amount("tax", 5), 105),
        (with_amount("tax", 3, "LEVY"), 108),
        (with_amount("base", 100), 105),
        (with_amount("base", 100, "X"), 105),
        (with_amount("surcharge", 7), 112),
        (with_amount("discount", -7), 98),
        (with_amount("informational", 50), 105),
    ):
        invoice = Invoice(id="i", status="draft", lines=[line], totals=[component])
        assert totals_of(invoice, "AFN").whole.gross == gross, component


def test_totals_of_one_code_said_in_pieces_are_taken_together() -> None:
    line = InvoiceLine(components=[with_amount("base", 100), with_amount("tax", 5, "VAT")])
    pieces = [with_amount("tax", 2, "VAT"), with_amount("tax", 3, "VAT")]
    assert problems_of(Invoice(id="i", status="draft", lines=[line], totals=pieces), {}, "AFN") == []
    wrong = Invoice(id="i", status="draft", lines=[line], totals=pieces[:1])
    assert [problem.expression for problem in problems_of(wrong, {}, "AFN")] == [
        "Invoice.totalPriceComponent[0].amount"
    ]

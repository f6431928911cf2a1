"""The entry of a credit note, and a note turned round: the same as the original, the other way."""

from __future__ import annotations

from datetime import date
from typing import Any

from ledger.chart import LedgerAccount as L
from ledger.invoice import Invoice, PayerShare
from ledger.invoice_credit import CreditedLine, OwedShare, credit_entry, line_values, lowered_shares, part_of, turned
from ledger.invoice_issue import Shares
from ledger.invoice_totals import Sums
from ledger.journal import JournalEntry, Posting
from ledger.payer import Payer
from tests.unit.ledger.invoices import component, figures, invoice, line, money

DAY = date(2026, 3, 1)


def note(**more: Any) -> Invoice:
    return invoice(
        line(component("base", -900), component("discount", 100), component("tax", -40, code="VAT"), charge="c"),
        line(component("base", -50), component("tax", -2)),
        credit_of_id="original",
        total_net=money(-850),
        total_gross=money(-892),
        **more,
    )


def booked(of: Invoice, against: L | None, recipient: Payer | None = None) -> JournalEntry | None:
    return credit_entry(
        of, against=against, recipient=recipient, account_id="a", currency="AFN", facility="main", on=DAY
    )


def posting(account: L, amount: int, **more: Any) -> Posting:
    return Posting(account, amount, "a", "original", facility="main", **more)


def entry(kind: str, *postings: Posting) -> JournalEntry:
    return JournalEntry(
        kind=kind, currency="AFN", effective_at=DAY, source_type="Invoice", source_id="v", postings=postings
    )


def test_a_credit_is_against_revenue_and_tax_and_lowers_what_is_owed() -> None:
    shares = [PayerShare(payer="Organization/i", amount=money(-300))]
    assert booked(note(shares=shares), L.PATIENT_REVENUE) == entry(
        "invoice-credited",
        posting(L.PATIENT_REVENUE, 850),
        posting(L.TAX_PAYABLE, 40, detail="VAT"),
        posting(L.TAX_PAYABLE, 2),
        posting(L.RECEIVABLE_PATIENT, -592),
        posting(L.RECEIVABLE_PAYER, -300, payer="Organization/i"),
    )


def test_a_credit_of_a_courtesy_to_a_payer_is_against_discounts() -> None:
    made = booked(note(), L.COURTESY_DISCOUNTS, Payer("Organization/i"))
    assert made is not None
    assert made.postings[0] == posting(L.COURTESY_DISCOUNTS, 850)
    assert made.postings[-1] == posting(L.RECEIVABLE_PAYER, -892, payer="Organization/i")


def test_what_is_billed_again_is_the_issue_taken_back() -> None:
    assert booked(note(), None) == entry(
        "invoice-rebilled",
        posting(L.UNBILLED_RECEIVABLE, 900),
        posting(L.PATIENT_REVENUE, 50),
        posting(L.COURTESY_DISCOUNTS, -100),
        posting(L.RECEIVABLE_PATIENT, -892),
        posting(L.TAX_PAYABLE, 40, detail="VAT"),
        posting(L.TAX_PAYABLE, 2),
    )


def test_a_credit_of_nothing_books_nothing() -> None:
    free = invoice(line(component("base", 0), charge="c"), credit_of_id="original", total_gross=money(0))
    assert booked(free, L.PATIENT_REVENUE) is None
    assert booked(free, None) is None


def test_a_note_turned_round_is_what_it_takes_back() -> None:
    shares = [PayerShare(payer="Organization/i", amount=money(-300))]
    totals = [component("tax", -42), component("informational")]
    of = turned(note(shares=shares, totals=totals))
    assert of.id == "original"
    assert figures(of.lines[0].components) == [("base", 900), ("discount", -100), ("tax", 40)]
    assert figures(of.totals) == [("tax", 42), ("informational", None)]
    assert (of.total_net, of.total_gross, of.shares[0].amount) == (money(850), money(892), money(300))
    assert turned(invoice()).id == "v"


def test_components_of_the_whole_are_shared_by_what_the_lines_are_worth() -> None:
    of = invoice(
        line(component("base", 100), component("surcharge", 20), component("tax", 3, code="A")),
        line(component("base", 240), component("deduction", 1)),
        totals=[
            component("surcharge", 10, code="w"),
            component("discount", 30, code="w"),
            component("tax", 7, code="B"),
            component("tax", 3, code="A"),
        ],
    )
    assert line_values(of, "AFN") == [
        Sums(base=100, surcharges=23, reductions=10, taxes={"A": 3, "B": 2}),
        Sums(base=240, surcharges=7, reductions=21, taxes={"B": 5}),
    ]


def test_a_part_of_a_line_is_net_and_taxes_and_all_of_it_is_what_it_is_worth() -> None:
    worth = Sums(base=1000, surcharges=50, reductions=50, taxes={"A": 50, "B": 0})
    assert part_of(worth, 0, 1050) == Sums(base=1000, taxes={"A": 50})
    assert part_of(worth, 0, 105) == Sums(base=100, taxes={"A": 5})
    assert part_of(worth, 105, 945) == Sums(base=900, taxes={"A": 45})
    assert part_of(worth, 0, 10) == Sums(base=10)
    assert CreditedLine(0, part_of(worth, 0, 10)).sums.gross == 10


def test_what_is_open_is_lowered_before_what_is_paid() -> None:
    shares = [OwedShare(None, 50, 100), OwedShare("i", -5, 30), OwedShare("j", 20, 0)]
    assert lowered_shares(shares, 60) == Shares(50, {"i": 0, "j": 10})
    assert lowered_shares(shares, 200) == Shares(150, {"i": 30, "j": 20})
    assert lowered_shares(shares, 201) is None
    assert lowered_shares([OwedShare("i", 7, 0)], 7) == Shares(0, {"i": 7})

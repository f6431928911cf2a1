"""Issuing an invoice by itself: who owes it, the entry, and the status that follows from what is settled."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from ledger.chart import LedgerAccount as L
from ledger.invoice import Invoice, PayerShare
from ledger.invoice_issue import Shares, issue_entry, payers_of, settle, share_problems, shares_of, unsettle
from ledger.invoice_totals import totals_of
from ledger.journal import JournalEntry, Posting
from ledger.payer import Payer
from tests.unit.ledger.invoices import component, invoice, line, money
from tests.unit.ledger.refusals import said

DAY = date(2026, 3, 1)
INSURER = Payer("Organization/i")
PLACE = "Invoice.extension"


def share(amount: int | None, payer: str | None = "Organization/i", currency: str = "AFN", **more: Any) -> PayerShare:
    return PayerShare(payer=payer, amount=money(amount, currency), **more)


def test_without_shares_all_is_owed_by_the_recipient() -> None:
    assert shares_of(invoice(), 900, None) == Shares(900, {})
    assert shares_of(invoice(), 900, INSURER) == Shares(0, {"Organization/i": 900})
    assert shares_of(invoice(), 0, INSURER) == Shares(0, {})
    assert payers_of(invoice(), None) == []
    assert payers_of(invoice(), INSURER) == [INSURER]


def test_shares_of_one_payer_are_added_up_and_the_patient_owes_the_rest() -> None:
    shares = [
        share(300),
        share(100),
        share(50, None, payer_system="urn:p", payer_value="7"),
        share(0, "Organization/z"),
    ]
    split = invoice(shares=shares)
    assert shares_of(split, 900, INSURER) == Shares(450, {"Organization/i": 400, "urn:p|7": 50})
    assert payers_of(split, None)[2] == Payer(None, "urn:p", "7")


def test_a_share_without_an_amount_counts_as_nothing() -> None:
    assert shares_of(invoice(shares=[share(None)]), 900, None) == Shares(900, {})


@pytest.mark.parametrize("wrong", [share(None), share(-1), share(5, currency="AED")])
def test_a_share_is_an_amount_in_the_currency_that_is_not_negative(wrong: PayerShare) -> None:
    problems = share_problems(invoice(shares=[share(5), wrong]), 900, "AFN", PLACE)
    text = "A payer's share is an amount in AFN that is not negative."
    assert said(problems) == [("rule_broken", "share-amount", text, f"{PLACE}[1]")]


def test_a_share_names_its_payer() -> None:
    problems = share_problems(invoice(shares=[share(5, None)]), 900, "AFN", PLACE)
    text = "A payer's share names the payer by reference or identifier."
    assert said(problems) == [("rule_broken", "share-payer", text, f"{PLACE}[0]")]


def test_shares_come_to_no_more_than_the_total() -> None:
    assert share_problems(invoice(shares=[share(0), share(900)]), 900, "AFN", PLACE) == []
    by_identifier = share(900, None, payer_system="urn:p", payer_value="7")
    assert share_problems(invoice(shares=[by_identifier]), 900, "AFN", PLACE) == []
    text = "The payers' shares come to more than totalGross."
    problems = share_problems(invoice(shares=[share(400), share(501)]), 900, "AFN", PLACE)
    assert said(problems) == [("rule_broken", "shares-exceed-total", text, PLACE)]


def issued(of: Invoice, shares: Shares) -> JournalEntry | None:
    return issue_entry(of, totals_of(of, "AFN"), shares, account_id="a", currency="AFN", facility="main", on=DAY)


def posting(account: L, amount: int, **more: Any) -> Posting:
    return Posting(account, amount, "a", "v", facility="main", **more)


def test_an_issue_captures_lines_without_a_charge_and_moves_all_to_who_owes_it() -> None:
    taxed = invoice(
        line(
            component("base", 1000),
            component("surcharge", 50),
            component("discount", -30),
            component("tax", 51, code="VAT"),
            charge="c",
        ),
        line(component("base", 200), component("tax", 7)),
    )
    assert issued(taxed, Shares(878, {"Organization/i": 400})) == JournalEntry(
        kind="invoice-issued",
        currency="AFN",
        effective_at=DAY,
        source_type="Invoice",
        source_id="v",
        postings=(
            posting(L.UNBILLED_RECEIVABLE, 250 - 30 - 1220),
            posting(L.PATIENT_REVENUE, -250),
            posting(L.COURTESY_DISCOUNTS, 30),
            posting(L.RECEIVABLE_PATIENT, 878),
            posting(L.RECEIVABLE_PAYER, 400, payer="Organization/i"),
            posting(L.TAX_PAYABLE, -51, detail="VAT"),
            posting(L.TAX_PAYABLE, -7),
        ),
    )


def test_an_invoice_of_what_costs_nothing_books_nothing() -> None:
    assert issued(invoice(line(component("base", 0), charge="c")), Shares(0, {})) is None


@pytest.mark.parametrize(("settled", "due", "status"), [(0, 900, "issued"), (899, 1, "issued"), (900, 0, "balanced")])
def test_the_status_follows_from_what_is_settled(settled: int, due: int, status: str) -> None:
    of = invoice(total_gross=money(900))
    settle(of, settled)
    assert (of.settled_minor, of.due_minor, of.status) == (settled, due, status)


@pytest.mark.parametrize("settled", [-1, 901])
def test_no_more_is_settled_than_the_total_and_no_less_than_nothing(settled: int) -> None:
    with pytest.raises(AssertionError):
        settle(invoice(total_gross=money(900)), settled)


def test_what_is_void_settles_nothing_and_has_nothing_due() -> None:
    of = invoice(total_gross=money(900), settled_minor=5, due_minor=6, settlement_currency="AFN")
    unsettle(of)
    assert (of.settled_minor, of.due_minor, of.settlement_currency) == (None, None, None)

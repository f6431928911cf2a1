"""The entries that money makes: received, put, taken off, transferred, given back, cleared."""

from __future__ import annotations

from datetime import date

import pytest

from ledger.chart import LedgerAccount as L
from ledger.journal import JournalEntry, Posting
from ledger.payment import (
    Allocated,
    Owner,
    ShareOfInvoice,
    allocated_by,
    allocated_entry,
    cleared_entry,
    fee_entry,
    received_entry,
    reversed_entry,
    transferred_entry,
)

DAY = date(2026, 3, 1)
PATIENT, PAYER = Owner("a"), Owner(None, "Organization/i")
OPEN_PATIENT = ShareOfInvoice(L.RECEIVABLE_PATIENT, None, 70)
OPEN_PAYER = ShareOfInvoice(L.RECEIVABLE_PAYER, "Organization/i", 30)


def entry(kind: str, *postings: Posting, reason: str | None = None) -> JournalEntry:
    return JournalEntry(
        kind=kind,
        currency="AED",
        effective_at=DAY,
        source_type="PaymentReconciliation",
        source_id="p",
        postings=postings,
        reason=reason,
    )


def test_a_receipt_lies_with_its_asset_and_belongs_to_its_owners() -> None:
    owned = [(PATIENT, 70), (PAYER, 30)]
    made = received_entry("p", asset=L.CASH, drawer="main", owned=owned, currency="AED", on=DAY)
    assert made == entry(
        "payment-received",
        Posting(L.CASH, 100, payment_id="p", detail="main"),
        Posting(L.UNAPPLIED_PATIENT, -70, "a", payment_id="p"),
        Posting(L.UNAPPLIED_PAYER, -30, payment_id="p", payer="Organization/i"),
    )


@pytest.mark.parametrize(
    ("owner", "unapplied"),
    [
        (PATIENT, Posting(L.UNAPPLIED_PATIENT, 0, "a", "v", payment_id="p")),
        (PAYER, Posting(L.UNAPPLIED_PAYER, 0, None, "v", payment_id="p", payer="Organization/i")),
    ],
)
def test_an_allocation_moves_money_to_shares_and_says_so_when_it_is_read(owner: Owner, unapplied: Posting) -> None:
    parts = [(OPEN_PAYER, 30), (OPEN_PATIENT, 7)]
    made = allocated_entry("p", "v", "a", parts, owner=owner, currency="AED", on=DAY)
    assert made == entry(
        "payment-allocated",
        unapplied._replace(amount_minor=37),
        Posting(L.RECEIVABLE_PAYER, -30, "a", "v", payment_id="p", payer="Organization/i"),
        Posting(L.RECEIVABLE_PATIENT, -7, "a", "v", payment_id="p"),
    )
    read = tuple((ShareOfInvoice(share.ledger_account, share.payer, 0), part) for share, part in parts)
    assert allocated_by(made) == Allocated("p", "v", "a", owner, read)
    one = allocated_entry("p", "v", "a", parts[:1], owner=owner, currency="AED", on=DAY)
    assert allocated_by(one) == Allocated("p", "v", "a", owner, read[:1])


def test_what_was_put_last_is_taken_off_first() -> None:
    of = Allocated("p", "v", "a", PAYER, ((OPEN_PAYER, 30), (OPEN_PATIENT, 7)))
    assert of.latest(None) == [(OPEN_PATIENT, 7), (OPEN_PAYER, 30)]
    assert of.latest(10) == [(OPEN_PATIENT, 7), (OPEN_PAYER, 3)]
    assert of.latest(7) == [(OPEN_PATIENT, 7)]
    assert of.latest(10, OPEN_PAYER.key) == [(OPEN_PAYER, 10)]
    assert of.latest(0) == []
    assert of.without([(OPEN_PATIENT, 7), (OPEN_PAYER, 3)]) == [(OPEN_PAYER, 27)]
    assert of.without([]) == list(of.parts)


def test_a_transfer_takes_from_each_owner_what_was_taken_of_it() -> None:
    made = transferred_entry(
        "p", {Owner("a"): 60, Owner("b"): 40}, Owner("c"), currency="AED", on=DAY, reason="a mistake"
    )
    assert made == entry(
        "money-transferred",
        Posting(L.UNAPPLIED_PATIENT, 60, "a", payment_id="p"),
        Posting(L.UNAPPLIED_PATIENT, 40, "b", payment_id="p"),
        Posting(L.UNAPPLIED_PATIENT, -100, "c", payment_id="p"),
        reason="a mistake",
    )


def test_what_comes_back_leaves_where_it_lies_and_the_fee_is_the_houses() -> None:
    held = [Posting(L.UNAPPLIED_PATIENT, -100, "a", payment_id="p"), Posting(L.BANK, 100, payment_id="p")]
    assert reversed_entry("p", held, "AED", DAY, "bounced") == entry(
        "payment-reversed",
        Posting(L.UNAPPLIED_PATIENT, 100, "a", payment_id="p"),
        Posting(L.BANK, -100, payment_id="p"),
        reason="bounced",
    )
    assert fee_entry("p", L.CLEARING, 5, "AED", DAY) == entry(
        "bank-fee", Posting(L.BANK_FEES, 5), Posting(L.CLEARING, -5)
    )


def test_what_is_cleared_is_with_the_bank() -> None:
    assert cleared_entry("n", "p", 100, "AED", DAY) == JournalEntry(
        kind="payment-cleared",
        currency="AED",
        effective_at=DAY,
        source_type="PaymentNotice",
        source_id="n",
        postings=(Posting(L.BANK, 100, payment_id="p"), Posting(L.CLEARING, -100, payment_id="p")),
    )

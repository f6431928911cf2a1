"""Postings by themselves: both sides of a transfer are about the same, and each balance is counted once."""

from __future__ import annotations

from dataclasses import fields
from datetime import date

from ledger.chart import LedgerAccount as L
from ledger.journal import JournalEntry, Posting, balance_changes, merged, reversal, transfer

ABOUT = {
    "account_id": "a",
    "invoice_id": "v",
    "charge_item_id": "c",
    "payment_id": "p",
    "payer": "i",
    "facility": "f",
    "detail": "d",
}


def test_both_sides_of_a_transfer_are_about_the_same() -> None:
    assert transfer(L.BANK, L.CASH, 1, **ABOUT) == [Posting(L.BANK, 1, **ABOUT), Posting(L.CASH, -1, **ABOUT)]
    assert transfer(L.BANK, L.CASH, 0, **ABOUT) == []
    assert transfer(L.BANK, L.CASH, -5) == [Posting(L.BANK, -5), Posting(L.CASH, 5)]


def test_what_is_about_the_same_is_added_up_in_its_first_place() -> None:
    lines = [Posting(L.BANK, 5), Posting(L.CASH, 1), Posting(L.BANK, -3), Posting(L.CASH, -1), Posting(L.BANK, 2, "a")]
    assert merged(lines) == (Posting(L.BANK, 2), Posting(L.BANK, 2, "a"))


def test_a_reversal_keeps_all_but_the_sign_the_day_the_kind_and_the_reason() -> None:
    entry = JournalEntry(
        kind="charge-captured",
        currency="KWD",
        effective_at=date(2026, 3, 1),
        source_type="ChargeItem",
        source_id="c",
        postings=(Posting(L.BANK, 5, **ABOUT), Posting(L.CASH, -5)),
        service_date=date(2026, 2, 1),
        reason="first",
    )
    back = reversal(entry, "7", effective_at=date(2026, 3, 2), kind="charge-reversed")
    assert {field.name: getattr(back, field.name) for field in fields(back)} == {
        "kind": "charge-reversed",
        "currency": "KWD",
        "effective_at": date(2026, 3, 2),
        "source_type": "ChargeItem",
        "source_id": "c",
        "postings": (Posting(L.BANK, -5, **ABOUT), Posting(L.CASH, 5)),
        "service_date": date(2026, 2, 1),
        "reverses_entry_id": "7",
        "reason": None,
    }


def test_postings_of_no_patient_account_change_no_balance_and_hide_none_behind_them() -> None:
    lines = [
        Posting(L.CASH, 5, "a"),
        Posting(L.RECEIVABLE_PATIENT, 5),
        Posting(L.RECEIVABLE_PATIENT, 5, "a"),
        Posting(L.RECEIVABLE_PATIENT, 7, "a"),
        Posting(L.REFUNDS_PAYABLE, -3, "a"),
    ]
    assert balance_changes(lines) == {"a": {"billed_patient": 12, "refund_payable": 3}}

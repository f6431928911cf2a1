"""The entries of what a payer says of its share, each with its debit first."""

from __future__ import annotations

from datetime import date

import pytest

from ledger.chart import LedgerAccount as L
from ledger.journal import JournalEntry, Posting
from ledger.remittance import KINDS, remittance_entry

DAY = date(2026, 3, 1)
PAYER = "Organization/i"


def line(account: L, amount: int, account_id: str | None = "a", payer: str | None = PAYER) -> Posting:
    return Posting(account, amount, account_id, "v", payment_id="p", payer=payer)


@pytest.mark.parametrize(
    ("kind", "postings"),
    [
        ("contractual-adjusted", (line(L.CONTRACTUAL_ALLOWANCE, 70), line(L.RECEIVABLE_PAYER, -70))),
        ("patient-responsibility", (line(L.RECEIVABLE_PATIENT, 70, payer=None), line(L.RECEIVABLE_PAYER, -70))),
        ("payment-taken-back", (line(L.RECEIVABLE_PAYER, 70), line(L.UNAPPLIED_PAYER, -70, account_id=None))),
    ],
)
def test_each_kind_is_booked_on_the_share_of_the_payer(kind: str, postings: tuple[Posting, ...]) -> None:
    assert kind in KINDS
    assert remittance_entry(kind, "p", "v", "a", 70, payer=PAYER, currency="AED", on=DAY) == JournalEntry(
        kind=kind,
        currency="AED",
        effective_at=DAY,
        source_type="PaymentReconciliation",
        source_id="p",
        postings=postings,
    )


def test_there_is_no_other_kind() -> None:
    with pytest.raises(AssertionError):
        remittance_entry("other", "p", "v", "a", 70, payer=PAYER, currency="AED", on=DAY)

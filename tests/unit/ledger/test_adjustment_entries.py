"""The entries of adjustments, provisions and recoveries."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from ledger.adjustment import Adjustment, applied_entry, provision_entry, recovery_entry, take
from ledger.approval import Limits
from ledger.chart import LedgerAccount as L
from ledger.journal import JournalEntry, Posting
from ledger.payment import ShareOfInvoice

DAY = date(2026, 3, 1)
ADJUSTMENT = Adjustment(
    id="d",
    currency="AED",
    amount_minor=100,
    reason="poor",
    requested_by="ann",
    requested_at=datetime(2026, 3, 1, tzinfo=UTC),
    approvals_needed=0,
    counted_minor=100,
    limits=Limits(0, None),
    window_days=30,
    type="write-off",
    account_id="a",
    payment_id="p",
)
PATIENT = ShareOfInvoice(L.RECEIVABLE_PATIENT, None, 70)
PAYER = ShareOfInvoice(L.RECEIVABLE_PAYER, "Organization/i", 30)


def entry(kind: str, *postings: Posting) -> JournalEntry:
    return JournalEntry(
        kind=kind,
        currency="AED",
        effective_at=DAY,
        source_type="Adjustment",
        source_id="d",
        postings=postings,
        reason="poor",
    )


@pytest.mark.parametrize(("allowance", "used"), [(0, 0), (-5, 0), (40, 40), (100, 100), (101, 100)])
def test_a_write_off_uses_up_the_allowance_first(allowance: int, used: int) -> None:
    made = applied_entry(ADJUSTMENT, [("v", [(PATIENT, 70), (PAYER, 20)]), ("w", [(PATIENT, 10)])], allowance, DAY)
    against = [Posting(L.LOSS_ALLOWANCE, used, "a"), Posting(L.IMPAIRMENT, 100 - used, "a")]
    assert made == entry(
        "adjustment-applied",
        *(posting for posting in against if posting.amount_minor),
        Posting(L.RECEIVABLE_PATIENT, -70, "a", "v"),
        Posting(L.RECEIVABLE_PAYER, -20, "a", "v", payer="Organization/i"),
        Posting(L.RECEIVABLE_PATIENT, -10, "a", "w"),
    )


def test_a_contractual_adjustment_leaves_the_allowance_alone() -> None:
    made = applied_entry(replace(ADJUSTMENT, type="contractual"), [("v", [(PAYER, 100)])], 50, DAY)
    assert made == entry(
        "adjustment-applied",
        Posting(L.CONTRACTUAL_ALLOWANCE, 100, "a"),
        Posting(L.RECEIVABLE_PAYER, -100, "a", "v", payer="Organization/i"),
    )


def test_a_provision_makes_the_allowance_and_a_recovery_takes_money_of_a_payment() -> None:
    assert provision_entry(ADJUSTMENT, DAY) == entry(
        "loss-provided", Posting(L.IMPAIRMENT, 100, "a"), Posting(L.LOSS_ALLOWANCE, -100, "a")
    )
    assert recovery_entry(ADJUSTMENT, DAY) == entry(
        "debt-recovered",
        Posting(L.UNAPPLIED_PATIENT, 100, "a", payment_id="p"),
        Posting(L.IMPAIRMENT, -100, "a", payment_id="p"),
    )


def test_what_is_taken_comes_off_the_patients_share_first_and_a_contractual_one_off_the_payers_only() -> None:
    shares = [PAYER, replace(PATIENT, amount_minor=-5), PATIENT]
    assert take("write-off", shares, 85) == [(PATIENT, 70), (PAYER, 15)]
    assert take("contractual", [*shares, replace(PAYER, payer="Organization/j")], 35) == [
        (PAYER, 30),
        (replace(PAYER, payer="Organization/j"), 5),
    ]

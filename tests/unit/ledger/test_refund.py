"""The entries of refunds: owed back once approved, paid from where it is paid."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from ledger.approval import Limits
from ledger.chart import LedgerAccount as L
from ledger.journal import JournalEntry, Posting
from ledger.payment import Owner
from ledger.refund import Refund, approved_entry, paid_entry

DAY = date(2026, 3, 1)


def refund(owner: Owner) -> Refund:
    return Refund(
        id="r",
        currency="AED",
        amount_minor=250,
        reason="not needed",
        requested_by="ann",
        requested_at=datetime(2026, 3, 1, tzinfo=UTC),
        approvals_needed=0,
        counted_minor=250,
        limits=Limits(0, None),
        window_days=30,
        payment_id="p",
        owner=owner,
        method=None,
        deallocates=False,
    )


@pytest.mark.parametrize(
    ("owner", "unapplied"),
    [(Owner("a"), L.UNAPPLIED_PATIENT), (Owner(None, "Organization/i"), L.UNAPPLIED_PAYER)],
)
def test_what_is_approved_is_owed_to_who_owns_it(owner: Owner, unapplied: L) -> None:
    about = {"account_id": owner.account_id, "payment_id": "p", "payer": owner.payer}
    assert approved_entry(refund(owner), DAY) == JournalEntry(
        kind="refund-approved",
        currency="AED",
        effective_at=DAY,
        source_type="Refund",
        source_id="r",
        postings=(Posting(unapplied, 250, **about), Posting(L.REFUNDS_PAYABLE, -250, **about)),
        reason="not needed",
    )
    assert paid_entry(refund(owner), L.CASH, "main", DAY) == JournalEntry(
        kind="refund-paid",
        currency="AED",
        effective_at=DAY,
        source_type="Refund",
        source_id="r",
        postings=(Posting(L.REFUNDS_PAYABLE, 250, **about), Posting(L.CASH, -250, detail="main")),
        reason="not needed",
    )

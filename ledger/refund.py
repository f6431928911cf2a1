"""Refunds: money that is owed back (2300) once it is approved, and leaves the house when it is paid.

Until then the request holds the money: it stays the owner's, and cannot be put to anything else.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from ledger.approval import APPROVED, Request
from ledger.chart import LedgerAccount
from ledger.journal import JournalEntry, Posting
from ledger.payment import Owner

KIND_APPROVED = "refund-approved"
KIND_PAID = "refund-paid"
KIND_FAILED = "refund-failed"
SOURCE = "Refund"

WHEN_APPROVED = APPROVED


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund(Request):
    """A refund of a payment's unapplied money to who owns it: an account's (2100) or a payer's (2110).

    `method` is how it is to be paid, where that was said; `deallocates`: money was taken off invoices for it.
    """

    payment_id: str
    owner: Owner
    method: str | None
    deallocates: bool


def approved_entry(refund: Refund, on: date) -> JournalEntry:
    """2100 or 2110 -> 2300: it is owed back."""
    owner = refund.owner
    return _entry(
        KIND_APPROVED,
        refund,
        on,
        Posting(
            owner.ledger_account,
            refund.amount_minor,
            owner.account_id,
            payment_id=refund.payment_id,
            payer=owner.payer,
        ),
        _payable(refund, -refund.amount_minor),
    )


def paid_entry(refund: Refund, asset: LedgerAccount, drawer: str | None, on: date) -> JournalEntry:
    """2300 -> the asset account that it is paid from: the house's money by then, not that payment's."""
    paid = Posting(asset, -refund.amount_minor, detail=drawer)
    return _entry(KIND_PAID, refund, on, _payable(refund, refund.amount_minor), paid)


def _payable(refund: Refund, amount_minor: int) -> Posting:
    return Posting(
        LedgerAccount.REFUNDS_PAYABLE,
        amount_minor,
        refund.owner.account_id,
        payment_id=refund.payment_id,
        payer=refund.owner.payer,
    )


def _entry(kind: str, refund: Refund, on: date, *postings: Posting) -> JournalEntry:
    return JournalEntry(
        kind=kind,
        currency=refund.currency,
        effective_at=on,
        source_type=SOURCE,
        source_id=refund.id,
        postings=postings,
        reason=refund.reason,
    )

"""Adjustments: what is owed and will not be paid, and what is expected not to be.

A write-off takes what the patient or a payer owes against the loss allowance of the account (1190), as far as one was
made, and against impairment (5100); a contractual adjustment takes what a payer owes against 4100. Courtesy, charity
and corrections are credit notes. A provision makes the allowance; a recovery is money for what was written off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from ledger.approval import Request
from ledger.chart import LedgerAccount
from ledger.journal import JournalEntry, Posting, merged, transfer
from ledger.payment import ShareOfInvoice

WRITE_OFF, CONTRACTUAL, COURTESY, CHARITY, CORRECTION = "write-off", "contractual", "courtesy", "charity", "correction"
TYPES = (WRITE_OFF, COURTESY, CHARITY, CONTRACTUAL, CORRECTION)
BY_CREDIT_NOTE = (COURTESY, CHARITY, CORRECTION)

PROVISION, RECOVERY = "provision", "recovery"
"""Made by finance staff for an account; nobody approves them."""

KIND = "adjustment-applied"
KIND_PROVISION = "loss-provided"
KIND_RECOVERY = "debt-recovered"
SOURCE = "Adjustment"

WHEN_APPROVED = "applied"

PartsOfInvoice = tuple[str, Sequence[tuple[ShareOfInvoice, int]]]
"""An invoice, and what is taken of each of its shares."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjustment(Request):
    """An adjustment of an account, of one invoice of it where that was said. A recovery takes money of a payment."""

    type: str
    account_id: str
    invoice_id: str | None = None
    payment_id: str | None = None


def take(kind: str, shares: Sequence[ShareOfInvoice], amount_minor: int) -> list[tuple[ShareOfInvoice, int]]:
    """How an adjustment goes to the open shares of an invoice, as far as it reaches.

    The patient's share first, then the payers' in order; a contractual one goes to the payers' only.
    """
    ordered = sorted(shares, key=lambda share: share.payer is not None)
    parts = []
    for share in ordered:
        if kind == CONTRACTUAL and share.payer is None:
            continue
        part = min(max(share.amount_minor, 0), amount_minor)
        if part:
            parts.append((share, part))
            amount_minor -= part
    return parts


def applied_entry(
    adjustment: Adjustment, taken: Sequence[PartsOfInvoice], allowance_minor: int, on: date
) -> JournalEntry:
    """The entry of a write-off or a contractual adjustment. `allowance_minor`: what is left of the allowance."""
    account_id, amount = adjustment.account_id, adjustment.amount_minor
    from_allowance = min(max(allowance_minor, 0), amount) if adjustment.type == WRITE_OFF else 0
    against = LedgerAccount.IMPAIRMENT if adjustment.type == WRITE_OFF else LedgerAccount.CONTRACTUAL_ALLOWANCE
    postings = [
        Posting(LedgerAccount.LOSS_ALLOWANCE, from_allowance, account_id),
        Posting(against, amount - from_allowance, account_id),
        *(
            Posting(share.ledger_account, -part, account_id, invoice_id, payer=share.payer)
            for invoice_id, parts in taken
            for share, part in parts
        ),
    ]
    return _entry(KIND, adjustment, on, merged(postings))


def provision_entry(adjustment: Adjustment, on: date) -> JournalEntry:
    """5100 -> 1190: that so much of the account will not be paid is expected."""
    postings = transfer(
        LedgerAccount.IMPAIRMENT,
        LedgerAccount.LOSS_ALLOWANCE,
        adjustment.amount_minor,
        account_id=adjustment.account_id,
    )
    return _entry(KIND_PROVISION, adjustment, on, tuple(postings))


def recovery_entry(adjustment: Adjustment, on: date) -> JournalEntry:
    """2100 -> 5100: money of a payment that is for what was written off."""
    account_id, amount = adjustment.account_id, adjustment.amount_minor
    postings = (
        Posting(LedgerAccount.UNAPPLIED_PATIENT, amount, account_id, payment_id=adjustment.payment_id),
        Posting(LedgerAccount.IMPAIRMENT, -amount, account_id, payment_id=adjustment.payment_id),
    )
    return _entry(KIND_RECOVERY, adjustment, on, postings)


def _entry(kind: str, adjustment: Adjustment, on: date, postings: tuple[Posting, ...]) -> JournalEntry:
    return JournalEntry(
        kind=kind,
        currency=adjustment.currency,
        effective_at=on,
        source_type=SOURCE,
        source_id=adjustment.id,
        postings=postings,
        reason=adjustment.reason,
    )

"""Money that comes in: the entry of the receipt, and how it is put to what is owed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from ledger.chart import LedgerAccount
from ledger.journal import JournalEntry, Posting, merged, transfer

RECEIVED = "payment-received"
ALLOCATED = "payment-allocated"
DEALLOCATED = "payment-deallocated"
CLEARED = "payment-cleared"
UNCLEARED = "payment-uncleared"

REVERSED = "payment-reversed"
TRANSFERRED = "money-transferred"
FEE = "bank-fee"

UNAPPLIED = (LedgerAccount.UNAPPLIED_PATIENT, LedgerAccount.UNAPPLIED_PAYER)


@dataclass(frozen=True, slots=True)
class Owner:
    """Who owns money that is not allocated: a patient account (2100), or a payer (2110)."""

    account_id: str | None
    payer: str | None = None

    @property
    def ledger_account(self) -> LedgerAccount:
        return LedgerAccount.UNAPPLIED_PAYER if self.account_id is None else LedgerAccount.UNAPPLIED_PATIENT


def received_entry(
    payment_id: str,
    *,
    asset: LedgerAccount,
    drawer: str | None,
    owned: Sequence[tuple[Owner, int]],
    currency: str,
    on: date,
) -> JournalEntry:
    """The receipt: asset -> unapplied of each owner."""
    received = sum(amount for _, amount in owned)
    postings = [Posting(asset, received, payment_id=payment_id, detail=drawer)]
    postings += [
        Posting(owner.ledger_account, -amount, owner.account_id, payment_id=payment_id, payer=owner.payer)
        for owner, amount in owned
    ]
    return _entry(RECEIVED, payment_id, currency, on, postings)


ShareKey = tuple[LedgerAccount, str | None]
"""Which share of an invoice: 1100 and None for the patient's, 1110 and its key for a payer's."""


@dataclass(frozen=True, slots=True)
class ShareOfInvoice:
    """What is open of an invoice: of the patient's share (payer None), or of a payer's."""

    ledger_account: LedgerAccount
    payer: str | None
    amount_minor: int

    @property
    def key(self) -> ShareKey:
        return self.ledger_account, self.payer


def spread(
    shares: Sequence[ShareOfInvoice], amount_minor: int, *, payer: str | None
) -> list[tuple[ShareOfInvoice, int]]:
    """How an amount goes to the shares of an invoice, in order, as far as it reaches.

    Patient money (payer None) pays the patient's share only; a payer's pays the payer's own share, then the patient's.
    """
    own = [share for share in shares if payer is not None and share.payer == payer]
    parts = []
    for share in own + [share for share in shares if share.payer is None]:
        part = min(max(share.amount_minor, 0), amount_minor)
        if part:
            parts.append((share, part))
            amount_minor -= part
    return parts


def allocated_entry(
    payment_id: str,
    invoice_id: str,
    account_id: str,
    parts: Sequence[tuple[ShareOfInvoice, int]],
    *,
    owner: Owner,
    currency: str,
    on: date,
) -> JournalEntry:
    """An allocation: unapplied -> receivable of the invoice, share by share."""
    postings: list[Posting] = []
    for share, amount in parts:
        postings.append(
            Posting(
                owner.ledger_account,
                amount,
                owner.account_id,
                invoice_id,
                payment_id=payment_id,
                payer=owner.payer,
            )
        )
        postings.append(
            Posting(share.ledger_account, -amount, account_id, invoice_id, payment_id=payment_id, payer=share.payer)
        )
    return _entry(ALLOCATED, payment_id, currency, on, postings)


@dataclass(frozen=True, slots=True)
class Allocated:
    """What an entry of `allocated_entry` says: whose money went to which shares of which invoice."""

    payment_id: str
    invoice_id: str
    account_id: str
    owner: Owner
    parts: tuple[tuple[ShareOfInvoice, int], ...]

    def latest(self, amount_minor: int | None, share: ShareKey | None = None) -> list[tuple[ShareOfInvoice, int]]:
        """Which parts are undone first, up to an amount (None: all), of one share or of any: the last put, first."""
        left = sum(part for _, part in self.parts) if amount_minor is None else amount_minor
        undone = []
        for each, part in reversed(self.parts):
            taken = min(part, left) if share in (None, each.key) else 0
            if taken:
                undone.append((each, taken))
                left -= taken
        return undone

    def without(self, undone: Sequence[tuple[ShareOfInvoice, int]]) -> list[tuple[ShareOfInvoice, int]]:
        """What remains put when parts are undone."""
        taken = {each.key: part for each, part in undone}
        kept = [(each, part - taken.get(each.key, 0)) for each, part in self.parts]
        return [(each, part) for each, part in kept if part]


def allocated_by(entry: JournalEntry) -> Allocated:
    money = next(line for line in entry.postings if line.ledger_account in UNAPPLIED)
    put = [line for line in entry.postings if line.ledger_account not in UNAPPLIED]
    assert money.payment_id is not None
    assert money.invoice_id is not None
    assert put[0].account_id is not None
    return Allocated(
        money.payment_id,
        money.invoice_id,
        put[0].account_id,
        Owner(money.account_id, money.payer),
        tuple((ShareOfInvoice(line.ledger_account, line.payer, 0), -line.amount_minor) for line in put),
    )


def transferred_entry(
    payment_id: str, taken: Mapping[Owner, int], to: Owner, *, currency: str, on: date, reason: str
) -> JournalEntry:
    """Unapplied money changes its owner: 2100 of some accounts -> 2100 of another."""
    postings = [
        Posting(owner.ledger_account, amount, owner.account_id, payment_id=payment_id)
        for owner, amount in taken.items()
    ]
    postings.append(Posting(to.ledger_account, -sum(taken.values()), to.account_id, payment_id=payment_id))
    return replace(_entry(TRANSFERRED, payment_id, currency, on, postings), reason=reason)


def reversed_entry(payment_id: str, held: Sequence[Posting], currency: str, on: date, reason: str) -> JournalEntry:
    """The money is not there after all: each unapplied amount -> the asset that holds it now."""
    back = [posting._replace(amount_minor=-posting.amount_minor) for posting in held]
    return replace(_entry(REVERSED, payment_id, currency, on, back), reason=reason)


def fee_entry(payment_id: str, asset: LedgerAccount, amount_minor: int, currency: str, on: date) -> JournalEntry:
    """What the bank or the gateway takes for a payment that came back: the house's, and no money of the payment."""
    return _entry(FEE, payment_id, currency, on, transfer(LedgerAccount.BANK_FEES, asset, amount_minor))


def cleared_entry(notice_id: str, payment_id: str, amount_minor: int, currency: str, on: date) -> JournalEntry:
    """The bank has it: clearing -> bank."""
    return JournalEntry(
        kind=CLEARED,
        currency=currency,
        effective_at=on,
        source_type="PaymentNotice",
        source_id=notice_id,
        postings=tuple(transfer(LedgerAccount.BANK, LedgerAccount.CLEARING, amount_minor, payment_id=payment_id)),
    )


def _entry(kind: str, payment_id: str, currency: str, on: date, postings: list[Posting]) -> JournalEntry:
    return JournalEntry(
        kind=kind,
        currency=currency,
        effective_at=on,
        source_type="PaymentReconciliation",
        source_id=payment_id,
        postings=merged(postings),
    )

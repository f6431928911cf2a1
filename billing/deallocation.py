"""Undo allocations: of a payment or on an invoice, wholly or up to an amount, the latest first.

An allocation is undone by the exact reversal of its entry, once. Where only a part of it is undone, what remains is put
to the invoice anew in the same transaction, and counts as put then. Settled, due and status of the invoice follow, and
the payment's details say what is still allocated.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import date
from typing import NamedTuple

from billing.allocation import Parts, Payable, read_shares, settle_anew
from billing.change import Change
from billing.context import Context
from billing.locked_payment import LockedPayment, allocations_of, locked_payments
from billing.shown_allocations import show_deallocated
from ledger.errors import conflict
from ledger.journal import reversal
from ledger.payment import ALLOCATED, DEALLOCATED, Allocated, ShareKey, allocated_by, allocated_entry
from storage import journal
from storage.journal import StandingEntry
from storage.transaction import Transaction

PAYMENT_DEALLOCATED = "billing.payment.deallocated.v1"

Standing = tuple[StandingEntry, Allocated]


class Undone(NamedTuple):
    """A part of an allocation that is undone."""

    standing: Standing
    parts: Parts

    @property
    def amount_minor(self) -> int:
        return sum(part for _, part in self.parts)


async def undo_allocations(
    tx: Transaction,
    context: Context,
    locked: LockedPayment,
    *,
    invoice_id: str | None = None,
    amount_minor: int | None = None,
    on: date | None = None,
    reason: str | None = None,
) -> int:
    """Undo what a locked payment was put to - one invoice or all -, up to an amount; how much was undone.

    The invoices are settled anew and the payment's details are changed; `locked.record` writes them all.
    """
    of_payment = await allocations_of(tx, [locked.payment.id])
    chosen = [each for each in of_payment if invoice_id in (None, each[1].invoice_id)]
    undone = latest(chosen, amount_minor)
    _book(tx, context, undone, {locked.payment.id: locked}, on=on, reason=reason)
    await _refuse_taken_back(tx, {item.standing[1].invoice_id for item in undone})
    touched = [locked.payables[each] for each in dict.fromkeys(item.standing[1].invoice_id for item in undone)]
    await settle_from_journal(tx, touched)
    return sum(each.amount_minor for each in undone)


async def undo_excess(
    tx: Transaction,
    context: Context,
    payable: Payable,
    *,
    lowered: dict[ShareKey, int] | None = None,
    on: date | None = None,
    reason: str | None = None,
) -> list[Change]:
    """Undo the latest allocations on a locked invoice of which a share is settled beyond what it is; the payments.

    The shares are read from the journal with all that this transaction has appended. `lowered`: what is about to be
    taken off shares beside. The payments are recorded; the invoice is settled anew, and the caller records it. Refused
    where there are not so many allocations: something else settled the share.
    """
    await read_shares(tx, [payable])
    open_minor = {share.key: share.amount_minor for share in payable.shares}
    for key, amount in (lowered or {}).items():
        open_minor[key] = open_minor.get(key, 0) - amount
    excess = {key: -amount for key, amount in open_minor.items() if amount < 0}
    standing = await _on_invoice(tx, payable.invoice.id) if excess else []
    undone: list[Undone] = []
    for key, amount in excess.items():
        of_share = latest(standing, amount, key)
        if sum(each.amount_minor for each in of_share) < amount:
            text = f"Invoice/{payable.invoice.id} was settled by more than payments; take that back first."
            raise conflict("settled-otherwise", text)
        undone += of_share
    undone = _merged(undone)
    payments = await locked_payments(tx, sorted({each.standing[1].payment_id for each in undone}))
    _book(tx, context, undone, payments, on=on, reason=reason)
    if undone:
        await _refuse_taken_back(tx, [payable.invoice.id])
    await settle_from_journal(tx, [payable])
    return [payments[payment_id].record(tx, PAYMENT_DEALLOCATED) for payment_id in sorted(payments)]


async def _refuse_taken_back(tx: Transaction, invoice_ids: Collection[str]) -> None:
    """A payer's money that was taken back in part is there in part only: the taking back is undone first."""
    paid = await journal.paid_of_payer_shares(tx, sorted(invoice_ids)) if invoice_ids else {}
    for (invoice_id, _), amount in paid.items():
        if amount < 0:
            text = f"The payer has taken money back of Invoice/{invoice_id}; reverse that remittance first."
            raise conflict("settled-otherwise", text)


async def settle_from_journal(tx: Transaction, found: Collection[Payable]) -> None:
    """Say what is settled of locked invoices by the journal, with all that this transaction has appended to it."""
    await read_shares(tx, found)
    for payable in found:
        settle_anew(payable)


def latest(standing: Sequence[Standing], amount_minor: int | None, share: ShareKey | None = None) -> list[Undone]:
    """Which parts of allocations are undone, the latest first, up to an amount (None: all), of one share or of any."""
    undone = []
    for each in reversed(standing):
        parts = each[1].latest(amount_minor, share)
        if parts:
            undone.append(Undone(each, parts))
        if amount_minor is not None:
            amount_minor -= sum(part for _, part in parts)
    return undone


async def _on_invoice(tx: Transaction, invoice_id: str) -> list[Standing]:
    entries = await journal.standing_on(tx, [invoice_id], ALLOCATED)
    return [(standing, allocated_by(standing.entry)) for standing in entries]


def _merged(undone: Iterable[Undone]) -> list[Undone]:
    """The same with what is undone of one allocation together: it is reversed once."""
    merged: dict[str, Undone] = {}
    for each in undone:
        entry_id = each.standing[0].entry_id
        before = merged[entry_id].parts if entry_id in merged else []
        merged[entry_id] = Undone(each.standing, [*before, *each.parts])
    return list(merged.values())


def _book(
    tx: Transaction,
    context: Context,
    undone: Sequence[Undone],
    payments: dict[str, LockedPayment],
    *,
    on: date | None,
    reason: str | None,
) -> None:
    for (standing, allocated), parts in undone:
        entry_id, entry = standing
        effective = tx.accounting_date(max(on or context.today(tx.now), entry.effective_at))
        journal.append(tx, reversal(entry, entry_id, effective_at=effective, kind=DEALLOCATED, reason=reason))
        if kept := allocated.without(parts):
            journal.append(
                tx,
                allocated_entry(
                    allocated.payment_id,
                    allocated.invoice_id,
                    allocated.account_id,
                    kept,
                    owner=allocated.owner,
                    currency=entry.currency,
                    on=effective,
                ),
            )
        show_deallocated(
            payments[allocated.payment_id].payment,
            allocated.invoice_id,
            sum(part for _, part in parts),
            account_id=allocated.owner.account_id,
            on=effective,
        )

"""Take money of a payment off invoices again: it is unapplied, and the invoices are due."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from billing.change import Change
from billing.context import Context
from billing.deallocation import PAYMENT_DEALLOCATED, undo_allocations
from billing.locked_payment import LockedPayment, locked_payment, refuse_unposted
from ledger.errors import rule_broken
from ledger.money import Money
from storage.transaction import Transaction


class NamedAllocation(NamedTuple):
    """What a client names of a payment: an invoice, and how much of it (None: all). `place` is where it says so."""

    invoice_id: str
    amount: Money | None
    place: str


async def deallocate_payment(
    tx: Transaction, context: Context, payment_id: str, named: Sequence[NamedAllocation]
) -> Change:
    """Undo the named allocations, or all where none is named, the latest first."""
    locked = await locked_payment(tx, payment_id)
    refuse_unposted(locked.payment)
    for each in named:
        await _undo(tx, context, locked, each)
    if not named:
        await undo_allocations(tx, context, locked)
    return locked.record(tx, PAYMENT_DEALLOCATED)


async def _undo(tx: Transaction, context: Context, locked: LockedPayment, named: NamedAllocation) -> None:
    amount = None if named.amount is None else amount_of(locked, named)
    undone = await undo_allocations(tx, context, locked, invoice_id=named.invoice_id, amount_minor=amount)
    if undone < (amount or 1):
        whole = Money(locked.currency, undone)
        text = f"Of the payment {whole} is allocated to Invoice/{named.invoice_id}; take off no more than that."
        raise rule_broken("not-allocated", text, named.place)


def amount_of(locked: LockedPayment, named: NamedAllocation) -> int:
    """The minor units of an amount that a client names, in the payment's currency and more than nothing."""
    assert named.amount is not None
    if named.amount.currency != locked.currency:
        raise rule_broken("currency-mismatch", f"The payment is in {locked.currency}.", named.place)
    if named.amount.minor_units <= 0:
        raise rule_broken("amount-not-positive", "Say how much, more than nothing.", named.place)
    return named.amount.minor_units

"""Put unapplied money of a payment to invoices, from where it lies: its payer, or the account of the invoice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from billing.allocation import Parts, Payable, allocate
from billing.change import Change
from billing.context import Context
from billing.deallocate_payment import NamedAllocation, amount_of
from billing.locked_payment import LockedPayment, free_money_of, locked_payment, refuse_unposted
from billing.payers import payment_issuer_of
from billing.shown_allocations import show_allocated
from ledger.errors import rule_broken
from ledger.money import Money
from ledger.payer import Payer
from ledger.payment import Owner
from storage import journal
from storage.transaction import Transaction

ALLOCATED = "billing.payment.allocated.v1"


async def allocate_payment(
    tx: Transaction, context: Context, payment_id: str, named: Sequence[NamedAllocation]
) -> Change:
    """Put amounts to invoices: all of them, or none where an invoice has less due or less is unapplied.

    A payer's money pays the payer's share first, then the patient's; an account's pays the patient's share of its own
    invoices.
    """
    locked = await locked_payment(tx, payment_id, invoice_ids={each.invoice_id for each in named})
    refuse_unposted(locked.payment)
    wallet = await open_wallet(tx, locked)
    for each in named:
        payable, amount = _payable(locked, each), amount_of(locked, each)
        _refuse_too_much(wallet, payable, amount, locked.currency, each.place)
        taken = wallet.take(payable, amount)
        if sum(part for _, parts in taken for _, part in parts) < amount:
            text = f"Invoice/{each.invoice_id} has less due than that for this money; allocate what is due."
            raise rule_broken("over-allocated", text, each.place)
        put(tx, context, locked, wallet, payable, taken)
    return locked.record(tx, ALLOCATED)


@dataclass(slots=True)
class Wallet:
    """The money of a payment that is free to go to invoices, by its owner, and since when it is so."""

    free: dict[Owner, int]
    since: dict[Owner, date]
    issuer: Payer | None

    def owners_for(self, account_id: str | None) -> list[Owner]:
        """Whose money may go to invoices of an account: the payer's first."""
        return [owner for owner in self.free if owner.account_id is None] + [
            owner for owner in self.free if owner.account_id is not None and owner.account_id == account_id
        ]

    def take(self, payable: Payable, amount_minor: int) -> list[tuple[Owner, Parts]]:
        """Take up to an amount, as far as it finds something due, of whose money may go there."""
        taken = []
        for owner in self.owners_for(payable.invoice.account_id):
            payer = self.issuer if owner.account_id is None else None
            parts = payable.take(min(amount_minor, self.free[owner]), payer)
            found = sum(part for _, part in parts)
            if found:
                taken.append((owner, parts))
                self.free[owner] -= found
                amount_minor -= found
        return taken


async def open_wallet(tx: Transaction, locked: LockedPayment) -> Wallet:
    since = await journal.free_since(tx, locked.payment.id)
    return Wallet(
        await free_money_of(tx, locked.payment.id),
        {Owner(account_id, payer): day for (account_id, payer), day in since.items()},
        payment_issuer_of(locked.payment),
    )


def put(
    tx: Transaction,
    context: Context,
    locked: LockedPayment,
    wallet: Wallet,
    payable: Payable,
    taken: Iterable[tuple[Owner, Parts]],
) -> None:
    """Book what was taken, and show it in the payment; the invoice is changed, and the caller records it."""
    for owner, parts in taken:
        on = allocate(
            tx,
            context,
            locked.payment.id,
            payable,
            parts,
            owner=owner,
            currency=locked.currency,
            on=wallet.since[owner],
        )
        amount = sum(part for _, part in parts)
        show_allocated(locked.payment, payable.invoice.id, amount, account_id=owner.account_id, on=on)


def _payable(locked: LockedPayment, named: NamedAllocation) -> Payable:
    payable = locked.payables.get(named.invoice_id)
    if payable is None:
        raise rule_broken(
            "reference-not-found", f"Invoice/{named.invoice_id} does not exist.", named.place, "not-found"
        )
    if payable.invoice.status not in ("issued", "balanced"):
        text = f"Invoice/{named.invoice_id} is {payable.invoice.status}; money goes to an issued one."
        raise rule_broken("invoice-not-issued", text, named.place)
    if payable.invoice.settlement_currency != locked.currency:
        text = (
            f"Invoice/{named.invoice_id} is in {payable.invoice.settlement_currency}, the payment in another currency."
        )
        raise rule_broken("currency-mismatch", text, named.place)
    return payable


def _refuse_too_much(wallet: Wallet, payable: Payable, amount: int, currency: str, place: str) -> None:
    free = sum(wallet.free[owner] for owner in wallet.owners_for(payable.invoice.account_id))
    if amount <= free:
        return
    if not free and any(wallet.free.values()):
        text = f"Invoice/{payable.invoice.id} is on another account than the money; transfer the money first."
        raise rule_broken("invoice-other-account", text, place)
    text = f"Of the payment {Money(currency, free)} is unapplied and not held; allocate no more than that."
    raise rule_broken("not-unapplied", text, place)

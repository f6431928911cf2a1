"""A payment that a command is about to change: every account and invoice of its money is locked, then its row."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from copy import deepcopy
from dataclasses import dataclass, field

from billing.allocation import Payable, payables, record_settlement
from billing.change import Change
from billing.receive_payment import posts
from billing.record_change import record_update
from ledger.errors import conflict, not_found
from ledger.payment import ALLOCATED, UNAPPLIED, Allocated, Owner, allocated_by
from ledger.payment_reconciliation import PaymentReconciliation
from storage import account_balances, account_lookups, journal, refunds
from storage.journal import StandingEntry
from storage.resource_rows import lock_and_load
from storage.transaction import Transaction


@dataclass(slots=True)
class LockedPayment:
    """A payment to change, the same as it is stored, and the invoices that are locked with it."""

    payment: PaymentReconciliation
    previous: PaymentReconciliation
    payables: dict[str, Payable] = field(default_factory=dict)

    @property
    def currency(self) -> str:
        assert self.payment.payment_amount.currency is not None
        return self.payment.payment_amount.currency

    def record(self, tx: Transaction, *events: str) -> Change:
        """Write the new version of each invoice, and its own; what changed nothing makes none."""
        for payable in self.payables.values():
            record_settlement(tx, payable)
        return record_update(tx, self.payment, self.previous, events=events)


async def locked_payment(
    tx: Transaction, payment_id: str, *, invoice_ids: Collection[str] = (), account_ids: Collection[str] = ()
) -> LockedPayment:
    """Lock a payment, all that its money is on, and further invoices and accounts. Refused where it is not there."""
    seen = await account_lookups.accounts_named_by(tx, {"PaymentReconciliation": [payment_id]})
    if not seen:
        raise not_found("not-found", f"There is no PaymentReconciliation/{payment_id}.")
    on = await journal.invoices_of_payments(tx, [payment_id]) | set(invoice_ids)
    accounts = set(account_ids).union(*seen.values()) | await account_lookups.accounts_of_invoices(tx, on)
    await account_balances.lock(tx, accounts | await journal.accounts_of_payments(tx, [payment_id]))
    found = await payables(tx, sorted(on))
    locked = (await locked_payments(tx, [payment_id])).get(payment_id)
    if locked is None:
        raise not_found("not-found", f"There is no PaymentReconciliation/{payment_id}.")
    # It may have gone to another invoice or account while the locks were waited for: then all is begun again.
    await account_balances.lock(tx, await journal.accounts_of_payments(tx, [payment_id]))
    more = await journal.invoices_of_payments(tx, [payment_id]) - found.keys()
    locked.payables = {**found, **await payables(tx, sorted(more))}
    return locked


async def locked_payments(tx: Transaction, payment_ids: Sequence[str]) -> dict[str, LockedPayment]:
    """Lock the rows of payments; the accounts of all that they touch are locked already."""
    found = await lock_and_load(tx, "PaymentReconciliation", sorted(payment_ids))
    return {
        payment_id: LockedPayment(payment, deepcopy(payment))
        for payment_id, payment in found.items()
        if isinstance(payment, PaymentReconciliation)
    }


async def allocations_of(tx: Transaction, payment_ids: Sequence[str]) -> list[tuple[StandingEntry, Allocated]]:
    """The allocations of payments that stand, oldest first."""
    entries = await journal.standing(tx, "PaymentReconciliation", payment_ids, ALLOCATED)
    return [(standing, allocated_by(standing.entry)) for standing in entries]


async def free_money_of(tx: Transaction, payment_id: str) -> dict[Owner, int]:
    """What of a locked payment is neither allocated nor held by a refund, by who owns it."""
    held = await refunds.held_of(tx, payment_id)
    return {
        (owner := Owner(holding.account_id, holding.payer)): -holding.amount_minor - held.get(owner, 0)
        for holding in await journal.holdings(tx, payment_id)
        if holding.ledger_account in UNAPPLIED
    }


def refuse_unposted(payment: PaymentReconciliation) -> None:
    """Refuse what is done with money only, where there is none."""
    if not posts(payment):
        text = f"The payment is {payment.status}, and no money of it is here."
        raise conflict("invalid-state", text, "PaymentReconciliation.status")

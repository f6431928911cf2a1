"""Putting money of a payment to invoices: what it finds open, the entry, and what it makes of each invoice's status."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import date

from billing.change import Change
from billing.context import Context
from billing.payers import recipient_of
from billing.record_change import record_update
from ledger.chart import LedgerAccount
from ledger.dates import date_of
from ledger.errors import conflict
from ledger.invoice import Invoice
from ledger.invoice_issue import payers_of, settle
from ledger.payer import Payer, same_as
from ledger.payment import Owner, ShareKey, ShareOfInvoice, allocated_entry, spread
from ledger.remittance import RESPONSIBILITY, TAKEN_BACK
from storage import journal
from storage.resource_rows import lock_and_load
from storage.transaction import Transaction

BALANCED = "billing.invoice.balanced.v1"

Parts = list[tuple[ShareOfInvoice, int]]


@dataclass(slots=True)
class Payable:
    """A locked invoice that money may go to, what is open of each of its shares, and since when."""

    invoice: Invoice
    previous: Invoice
    shares: list[ShareOfInvoice]
    since: date | None = None

    def take(self, amount_minor: int, payer: Payer | None) -> Parts:
        """Take up to an amount of what is open; what money of a payer, or of the patient (None), may pay of it."""
        parts = spread(self.shares, amount_minor, payer=None if payer is None else self.key_of(payer))
        taken = dict(parts)
        self.shares = [
            ShareOfInvoice(share.ledger_account, share.payer, share.amount_minor - taken.get(share, 0))
            for share in self.shares
        ]
        return parts

    def open_of(self, account: LedgerAccount, payer: str | None) -> int:
        return sum(share.amount_minor for share in self.shares if share.key == (account, payer))

    def move(self, kind: str, payer: str, amount_minor: int) -> None:
        """Change what is open by an entry of `ledger.remittance` about a payer's share."""
        own, patient = (LedgerAccount.RECEIVABLE_PAYER, payer), (LedgerAccount.RECEIVABLE_PATIENT, None)
        changes: dict[ShareKey, int] = {own: amount_minor if kind == TAKEN_BACK else -amount_minor}
        if kind == RESPONSIBILITY:
            changes[patient] = amount_minor
        opened = {share.key: share.amount_minor for share in self.shares}
        for key, change in changes.items():
            opened[key] = opened.get(key, 0) + change
        self.shares = [ShareOfInvoice(*key, amount) for key, amount in opened.items()]

    def key_of(self, payer: Payer) -> str:
        """How this invoice names a payer, which another reference or its identifier may name elsewhere."""
        return (same_as(payer, payers_of(self.invoice, recipient_of(self.invoice))) or payer).key


async def payables(tx: Transaction, invoice_ids: Sequence[str]) -> dict[str, Payable]:
    """Lock invoices and see what is open of each. Money goes only to those the accounts of which are locked."""
    found = await lock_and_load(tx, "Invoice", invoice_ids)
    invoices = {invoice_id: invoice for invoice_id, invoice in found.items() if isinstance(invoice, Invoice)}
    found_payables = {invoice_id: Payable(invoice, deepcopy(invoice), []) for invoice_id, invoice in invoices.items()}
    await read_shares(tx, found_payables.values())
    return found_payables


async def read_shares(tx: Transaction, found: Collection[Payable]) -> None:
    """See in the journal, with what this transaction has added to it, what is open of locked invoices."""
    shares = await journal.open_shares(tx, [each.invoice.id for each in found]) if found else {}
    for payable in found:
        opened = shares.get(payable.invoice.id, [])
        payable.shares = [ShareOfInvoice(share.ledger_account, share.payer, share.amount_minor) for share in opened]
        payable.since = max((share.since for share in opened if share.since), default=None)


def allocate(
    tx: Transaction,
    context: Context,
    payment_id: str,
    payable: Payable,
    parts: Parts,
    *,
    owner: Owner,
    currency: str,
    on: date,
) -> date:
    """Put what was taken of an invoice to it, effective on the day given back: when money and debt are both there."""
    invoice = payable.invoice
    assert invoice.account_id is not None
    assert invoice.date is not None
    effective = tx.accounting_date(max(on, date_of(invoice.date, context.tenant.timezone), payable.since or on))
    journal.append(
        tx,
        allocated_entry(
            payment_id, invoice.id, invoice.account_id, parts, owner=owner, currency=currency, on=effective
        ),
    )
    settle(invoice, (invoice.settled_minor or 0) + sum(part for _, part in parts))
    return effective


def settle_anew(payable: Payable) -> None:
    """Say what is settled of an issued invoice by what its shares have open.

    Refused where more would be owed than it was issued for: what a payer took back of it stands against it.
    """
    total = payable.invoice.total_gross.minor_units or 0
    open_minor = sum(share.amount_minor for share in payable.shares)
    if open_minor > total:
        text = f"A payer has taken money back of Invoice/{payable.invoice.id}; reverse that remittance first."
        raise conflict("settled-otherwise", text)
    settle(payable.invoice, total - open_minor)


def record_settlement(tx: Transaction, payable: Payable, *events: str) -> Change:
    """Write an invoice whose settlement changed; `events`: what that means beside."""
    balanced = payable.invoice.status == "balanced" and payable.previous.status != "balanced"
    return record_update(tx, payable.invoice, payable.previous, events=(*events, BALANCED) if balanced else events)

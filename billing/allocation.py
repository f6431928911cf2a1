"""Putting money of a payment to invoices: the entry, and what it makes of each invoice's status."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import date

from billing.change import Change
from billing.issue_invoice import BALANCED
from billing.record_change import record_update
from ledger.capture import date_of
from ledger.invoice import Invoice
from ledger.invoice_issue import settle
from ledger.payment import Owner, ShareOfInvoice, allocated_entry, spread
from storage import journal
from storage.resource_rows import lock_and_load
from storage.transaction import Transaction


@dataclass(slots=True)
class Payable:
    """A locked invoice that money may go to, and what is open of each of its shares."""

    invoice: Invoice
    previous: Invoice
    shares: list[ShareOfInvoice]

    @property
    def due(self) -> int:
        return sum(share.amount_minor for share in self.shares)


async def payables(tx: Transaction, invoice_ids: Sequence[str]) -> dict[str, Payable]:
    """Lock invoices, the accounts of which are locked, and see what is open of each."""
    invoices = await lock_and_load(tx, "Invoice", invoice_ids)
    shares = await journal.open_shares(tx, list(invoices)) if invoices else {}
    return {
        invoice_id: Payable(
            invoice,
            deepcopy(invoice),
            [ShareOfInvoice(*share) for share in shares.get(invoice_id, [])],
        )
        for invoice_id, invoice in invoices.items()
        if isinstance(invoice, Invoice)
    }


def allocate(
    tx: Transaction, payment_id: str, payable: Payable, amount_minor: int, *, owner: Owner, currency: str, on: date
) -> int:
    """Put up to an amount to an invoice; how much of it found something open. Effective when both are there."""
    parts = spread(payable.shares, amount_minor, owner=owner)
    allocated = sum(part for _, part in parts)
    if allocated == 0:
        return 0
    invoice = payable.invoice
    assert invoice.account_id is not None
    assert invoice.date is not None
    effective = max(on, date_of(invoice.date[:10], "UTC"))
    journal.append(
        tx,
        allocated_entry(
            payment_id, invoice.id, invoice.account_id, parts, owner=owner, currency=currency, on=effective
        ),
    )
    settle(invoice, (invoice.settled_minor or 0) + allocated)
    paid = dict(parts)
    payable.shares = [
        ShareOfInvoice(share.ledger_account, share.payer, share.amount_minor - paid.get(share, 0))
        for share in payable.shares
    ]
    return allocated


def record_settlement(tx: Transaction, payable: Payable) -> Change:
    """Write an invoice whose settlement changed."""
    balanced = payable.invoice.status == "balanced" and payable.previous.status != "balanced"
    return record_update(tx, payable.invoice, payable.previous, events=(BALANCED,) if balanced else ())

"""Book what a payer's remittance says of its share of an invoice beside the money."""

from __future__ import annotations

from datetime import date

from billing.payment_details import Remitted
from ledger.invoice_issue import settle
from ledger.remittance import CONTRACTUAL, TAKEN_BACK, remittance_entry
from storage import journal
from storage.transaction import Transaction

_SETTLES = {CONTRACTUAL: 1, TAKEN_BACK: -1}


def remit(tx: Transaction, payment_id: str, said: Remitted, *, currency: str, on: date) -> None:
    """The entry, effective when the debt is there too, and what it makes of the invoice's settlement."""
    invoice = said.payable.invoice
    assert invoice.account_id is not None
    entry = remittance_entry(
        said.kind,
        payment_id,
        invoice.id,
        invoice.account_id,
        said.amount_minor,
        payer=said.payer,
        currency=currency,
        on=max(on, said.payable.since or on),
    )
    journal.append(tx, entry)
    settle(invoice, (invoice.settled_minor or 0) + _SETTLES.get(said.kind, 0) * said.amount_minor)

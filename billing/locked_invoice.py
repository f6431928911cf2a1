"""An invoice that a command is about to change: its account locked first, then its row."""

from __future__ import annotations

from copy import deepcopy

from ledger.errors import not_found
from ledger.invoice import Invoice
from storage import account_balances
from storage.resource_rows import load, lock_and_load
from storage.transaction import Transaction

_ATTEMPTS = 3


async def locked_invoice(tx: Transaction, invoice_id: str) -> tuple[Invoice, Invoice]:
    """(the invoice to change, the same as it is stored). Refused as not found where this tenant has no such invoice."""
    for _ in range(_ATTEMPTS):
        seen = (await load(tx, "Invoice", [invoice_id])).get(invoice_id)
        if not isinstance(seen, Invoice):
            break
        if seen.account_id is not None:
            await account_balances.lock(tx, [seen.account_id])
        await tx.read_clock()
        invoice = (await lock_and_load(tx, "Invoice", [invoice_id])).get(invoice_id)
        if not isinstance(invoice, Invoice):
            break
        # A draft may have moved to another account while its first one was waited for.
        if invoice.account_id is None or invoice.account_id in tx.balances:
            return invoice, deepcopy(invoice)
    raise not_found("not-found", f"There is no Invoice/{invoice_id}.")

"""An invoice that a command is about to change: its account locked first, then its row."""

from __future__ import annotations

from copy import deepcopy

from billing.touched_accounts import accounts_named_by
from ledger.errors import not_found
from ledger.invoice import Invoice
from storage import account_balances, account_lookups
from storage.resource_rows import lock_and_load
from storage.transaction import Transaction


async def locked_invoice(tx: Transaction, invoice_id: str) -> tuple[Invoice, Invoice]:
    """(the invoice to change, the same as it is stored). Refused as not found where this tenant has no such invoice."""
    seen = await account_lookups.accounts_named_by(tx, {"Invoice": [invoice_id]})
    if seen:
        await account_balances.lock(tx, seen["Invoice", invoice_id])
        invoice = (await lock_and_load(tx, "Invoice", [invoice_id])).get(invoice_id)
        if isinstance(invoice, Invoice):
            # A draft may have moved to another account while its first one was waited for.
            await account_balances.lock(tx, accounts_named_by(invoice))
            return invoice, deepcopy(invoice)
    raise not_found("not-found", f"There is no Invoice/{invoice_id}.")

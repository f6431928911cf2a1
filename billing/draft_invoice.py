"""Draft an invoice: find its account, take its charges, fill in what the client leaves to the server."""

from __future__ import annotations

from billing.auto_allocation import allocate_on_issue
from billing.change import Change
from billing.context import Context
from billing.invoice_lines import fill
from billing.invoice_numbers import carry_numbers
from billing.issue_invoice import date_sent, issue, record_charges
from billing.record_change import record_creation
from billing.server_owned import check_status
from billing.status_rules import NEW
from ledger.invoice import Invoice
from storage import invoiced_charges
from storage.transaction import Transaction


async def draft_invoice(tx: Transaction, context: Context, invoice: Invoice, *, base_version: int = 0) -> Change:
    """Create an invoice. Sent with status issued it is drafted and issued at once, on its date."""
    await check_status(tx, invoice, NEW, invoice.status)
    carry_numbers(invoice, Invoice(id=invoice.id, status="draft"))
    if invoice.status not in ("draft", "issued"):
        # Void from the start: kept, but it books nothing and holds no charge.
        return record_creation(tx, invoice, base_version=base_version)
    is_issued, invoice.status = invoice.status == "issued", "draft"
    on = (date_sent(context, invoice) or context.today(tx.now)) if is_issued else None
    charges = await fill(tx, context, invoice, on=on)
    events: tuple[str, ...] = ()
    if is_issued:
        events = await issue(tx, context, invoice, charges, on=on)
    change = record_creation(tx, invoice, base_version=base_version, events=events)
    invoiced_charges.hold(tx, invoice.id, list(charges))
    if is_issued:
        record_charges(tx, charges, "billed")
        return await allocate_on_issue(tx, context, change)
    return change

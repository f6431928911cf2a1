"""Draft an invoice: find its account, take its charges, fill in what the client leaves to the server."""

from __future__ import annotations

from billing.change import Change
from billing.context import Context
from billing.invoice_lines import fill
from billing.issue_invoice import issue, record_charges
from billing.record_change import record_creation
from ledger.capture import date_of
from ledger.errors import rule_broken
from ledger.invoice import Invoice
from mappers.extensions import INVOICE_NUMBER_SYSTEM
from storage import invoiced_charges
from storage.transaction import Transaction


async def draft_invoice(tx: Transaction, context: Context, invoice: Invoice, *, base_version: int = 0) -> Change:
    """Create an invoice. Sent with status issued it is drafted and issued at once, on its date."""
    refuse_made_up(invoice)
    if invoice.status not in ("draft", "issued"):
        # Void from the start: kept, but it books nothing and holds no charge.
        return record_creation(tx, invoice, base_version=base_version)
    charges = await fill(tx, context, invoice)
    if invoice.status == "draft":
        change = record_creation(tx, invoice, base_version=base_version)
        invoiced_charges.hold(tx, invoice.id, list(charges))
        return change
    invoice.status = "draft"
    on = date_of(invoice.date, context.tenant.timezone) if invoice.date else None
    events = await issue(tx, context, invoice, charges, on=on)
    change = record_creation(tx, invoice, base_version=base_version, events=events)
    invoiced_charges.hold(tx, invoice.id, list(charges))
    record_charges(tx, charges, "billed")
    return change


def refuse_made_up(invoice: Invoice) -> None:
    """Refuse what only the ledger may say: that it is paid, and its legal number."""
    if invoice.status == "balanced":
        raise rule_broken(
            "server-owned", "An invoice is balanced when it is settled; post the payments.", "Invoice.status"
        )
    for row in invoice.indexed("identifier"):
        if (row.system or "").startswith(INVOICE_NUMBER_SYSTEM):
            raise rule_broken(
                "server-owned",
                "Legal numbers are given by the server at issue; use a system of your own for yours.",
                f"Invoice.identifier[{row.position[0]}]",
            )

"""Cancel an invoice on which nothing is settled: an exact reversal, and its charges are billable again."""

from __future__ import annotations

from dataclasses import replace

from billing.change import Change
from billing.context import Context
from billing.issue_invoice import record_charges
from billing.locked_invoice import locked_invoice
from billing.recognition import defer_again
from billing.record_change import record_update
from billing.status_rules import rule_for
from ledger.charge_item import ChargeItem
from ledger.errors import conflict, rule_broken
from ledger.invoice import Invoice
from ledger.invoice_issue import KIND, unsettle
from ledger.journal import reversal
from storage import credited_lines, invoiced_charges, journal
from storage.resource_rows import load
from storage.transaction import Transaction

CANCELLED = "billing.invoice.cancelled.v1"
REVERSED = "invoice-cancelled"


async def cancel_invoice(tx: Transaction, context: Context, invoice_id: str, *, reason: str) -> Change:
    """Void a draft, or an issued invoice that nobody has paid anything of."""
    invoice, previous = await locked_invoice(tx, invoice_id)
    return await cancel(tx, context, invoice, previous, reason=reason)


async def cancel(
    tx: Transaction, context: Context, invoice: Invoice, previous: Invoice, *, reason: str | None
) -> Change:
    """Void a locked invoice; `invoice` may carry new notes beside the stored content."""
    if previous.status in ("cancelled", "entered-in-error"):
        raise conflict("invalid-state", f"The invoice is {previous.status} already.", "Invoice.status")
    if not reason:
        raise rule_broken("reason-required", "Say why the invoice is cancelled.", "Invoice.cancelledReason", "required")
    if previous.credit_of_id is not None:
        raise conflict("invalid-state", "A credit note is not cancelled; charge again instead.", "Invoice.status")
    rule = rule_for("Invoice", previous.status, "cancelled")
    # Of an invoice of nothing nothing can be settled, but it may be credited to be billed again; and what payments put
    # to it and take off it again may come to nothing.
    is_settled = (
        previous.settled_minor
        or (previous.status == "balanced" and await credited_lines.of_invoice(tx, previous.id))
        or (rule.refusal is not None and await journal.is_put_to(tx, previous.id))
    )
    if is_settled and rule.refusal is not None:
        raise rule.refusal.at("Invoice.status")
    invoice.status, invoice.cancelled_reason = "cancelled", reason
    if previous.status == "draft":
        change = record_update(tx, invoice, previous)
        invoiced_charges.release(tx, invoice.id)
        return change
    standing = await journal.standing(tx, "Invoice", [invoice.id], KIND)
    unsettle(invoice)
    change = record_update(tx, invoice, previous, events=(CANCELLED,))
    for entry_id, entry in standing:
        today = max(context.today(tx.now), entry.effective_at)
        journal.append(tx, reversal(entry, entry_id, effective_at=today, kind=REVERSED, reason=reason))
    charges = await _charges(tx, invoice)
    await defer_again(tx, charges, on=context.today(tx.now), reason=reason)
    invoiced_charges.release(tx, invoice.id)
    record_charges(tx, charges, "billable")
    return change


async def _charges(tx: Transaction, invoice: Invoice) -> dict[str, ChargeItem]:
    ids = [line.charge_item_id for line in invoice.lines if line.charge_item_id]
    found = await load(tx, "ChargeItem", ids)
    return {
        charge_id: replace(charge)
        for charge_id, charge in found.items()
        if isinstance(charge, ChargeItem) and charge.status == "billed"
    }

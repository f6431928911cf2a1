"""Change an invoice. A change of status is the command that it means; what is issued is frozen but for notes."""

from __future__ import annotations

from billing.auto_allocation import allocate_on_issue
from billing.cancel_invoice import cancel
from billing.change import Change
from billing.context import Context
from billing.frozen_content import NOTES, refuse_changes, with_free_elements
from billing.invoice_lines import fill
from billing.invoice_numbers import carry_numbers
from billing.issue_invoice import date_sent, issue, record_charges
from billing.record_change import record_update
from billing.server_owned import carry_over, check_status
from billing.status_rules import rule_for
from ledger.invoice import Invoice
from storage import invoiced_charges
from storage.transaction import Transaction

# An invoice that is issued may get notes, and the numbers that other systems give it.
FREE_AFTER_ISSUE = (*NOTES, "note", "identifier")


async def change_invoice(tx: Transaction, context: Context, invoice: Invoice, previous: Invoice) -> Change:
    await carry_over(tx, invoice, previous)
    await check_status(tx, invoice, previous.status, invoice.status)
    carry_numbers(invoice, previous)
    if previous.status == "draft":
        return await _change_draft(tx, context, invoice, previous)
    status, reason = invoice.status, invoice.cancelled_reason
    if status != previous.status:
        invoice.cancelled_reason = previous.cancelled_reason
    invoice.due_date = invoice.due_date or previous.due_date
    frozen = rule_for("Invoice", previous.status, previous.status).refusal
    assert frozen is not None
    refuse_changes(invoice, previous, free=FREE_AFTER_ISSUE, refusal=frozen)
    changed = with_free_elements(invoice, previous, free=FREE_AFTER_ISSUE, base_url=context.base_url)
    if status == previous.status:
        return record_update(tx, changed, previous)
    return await cancel(tx, context, changed, previous, reason=reason)


async def _change_draft(tx: Transaction, context: Context, invoice: Invoice, previous: Invoice) -> Change:
    if invoice.status == "cancelled":
        return await cancel(tx, context, invoice, previous, reason=invoice.cancelled_reason)
    if invoice.status == "entered-in-error":
        change = record_update(tx, invoice, previous)
        invoiced_charges.release(tx, invoice.id)
        return change
    becomes_issued, invoice.status = invoice.status == "issued", "draft"
    on = (date_sent(context, invoice) or context.today(tx.now)) if becomes_issued else None
    charges = await fill(tx, context, invoice, on=on)
    events: tuple[str, ...] = ()
    if becomes_issued:
        events = await issue(tx, context, invoice, charges, on=on)
    change = record_update(tx, invoice, previous, events=events)
    before = {line.charge_item_id for line in previous.lines if line.charge_item_id}
    if before != set(charges):
        invoiced_charges.release(tx, invoice.id)
        invoiced_charges.hold(tx, invoice.id, list(charges))
    if becomes_issued:
        record_charges(tx, charges, "billed")
        return await allocate_on_issue(tx, context, change)
    return change

"""Change an invoice. A change of status is the command that it means; what is issued is frozen but for notes."""

from __future__ import annotations

from typing import Any

from billing.cancel_invoice import cancel
from billing.change import Change
from billing.context import Context
from billing.draft_invoice import refuse_made_up
from billing.invoice_lines import fill
from billing.issue_invoice import issue, record_charges
from billing.record_change import record_update
from billing.server_owned import carry_over, stale
from ledger.capture import date_of
from ledger.errors import Category, Problem, Refusal, conflict, rule_broken
from ledger.invoice import Invoice
from ledger.resource import IndexRow
from mappers import mapper_for
from mappers.extensions import INVOICE_NUMBER_SYSTEM
from storage import invoiced_charges
from storage.transaction import Transaction

# What says nothing about money: it may change for ever.
_NOTES = ("note", "text", "meta", "language", "id", "status", "cancelledReason")


async def change_invoice(tx: Transaction, context: Context, invoice: Invoice, previous: Invoice) -> Change:
    if previous.status == "draft":
        return await _change_draft(tx, context, invoice, previous)
    await carry_over(tx, invoice, previous)
    _carry_numbers(invoice, previous)
    if invoice.due_date is None:
        invoice.due_date = previous.due_date
    _refuse_financial_edit(invoice, previous)
    if invoice.status == previous.status:
        return record_update(tx, invoice, previous)
    if invoice.status == "cancelled" and previous.status in ("issued", "balanced"):
        return await cancel(tx, context, invoice, previous, reason=invoice.cancelled_reason)
    if invoice.status == "issued" and previous.status == "balanced":
        raise stale("Invoice.status")
    if invoice.status == "balanced":
        raise rule_broken(
            "server-owned", "An invoice is balanced when it is settled; post the payments.", "Invoice.status"
        )
    raise conflict(
        "invalid-state", f"The invoice is {previous.status}; it cannot become {invoice.status}.", "Invoice.status"
    )


async def _change_draft(tx: Transaction, context: Context, invoice: Invoice, previous: Invoice) -> Change:
    await carry_over(tx, invoice, previous)
    refuse_made_up(invoice)
    if invoice.status == "cancelled":
        return await cancel(tx, context, invoice, previous, reason=invoice.cancelled_reason)
    if invoice.status == "entered-in-error":
        change = record_update(tx, invoice, previous)
        invoiced_charges.release(tx, invoice.id)
        return change
    becomes_issued, invoice.status = invoice.status == "issued", "draft"
    charges = await fill(tx, context, invoice)
    events: tuple[str, ...] = ()
    if becomes_issued:
        on = date_of(invoice.date, context.tenant.timezone) if invoice.date else None
        events = await issue(tx, context, invoice, charges, on=on)
    change = record_update(tx, invoice, previous, events=events)
    before = {line.charge_item_id for line in previous.lines if line.charge_item_id}
    if before != set(charges):
        invoiced_charges.release(tx, invoice.id)
        invoiced_charges.hold(tx, invoice.id, list(charges))
    if becomes_issued:
        record_charges(tx, charges, "billed")
    return change


def _carry_numbers(invoice: Invoice, previous: Invoice) -> None:
    """The legal number stays, also where a client leaves it out."""
    sent = {(row.system, row.value) for row in invoice.indexed("identifier")}
    count = len(mapper_for("Invoice").render_document(invoice).get("identifier", ()))
    kept = []
    for row in previous.indexed("identifier"):
        if (row.system or "").startswith(INVOICE_NUMBER_SYSTEM) and (row.system, row.value) not in sent:
            kept.append(IndexRow("identifier", (count,), row.system, row.value))
            count += 1
    invoice.index = tuple(sorted((*invoice.index, *kept), key=lambda row: (row.parameter, row.position)))


def _refuse_financial_edit(invoice: Invoice, previous: Invoice) -> None:
    before, after = _content(previous), _content(invoice)
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    if names:
        raise Refusal(
            Problem(
                Category.RULE_BROKEN,
                "invoice-immutable",
                f"The invoice is issued; its {name} does not change. Cancel or credit it instead.",
                f"Invoice.{name}",
                "business-rule",
            )
            for name in names
        )


def _content(invoice: Invoice) -> dict[str, Any]:
    document = mapper_for("Invoice").render_document(invoice)
    return {name: value for name, value in document.items() if name.lstrip("_") not in _NOTES}

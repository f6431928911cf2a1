"""Apply an adjustment that needs no approval more: its entry or its credit notes, and the invoices it settles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from billing.allocation import Payable, record_settlement
from billing.change import Change
from billing.context import Context
from billing.credit_invoice import credit
from billing.deallocation import settle_from_journal
from billing.places import parameter_place
from ledger.adjustment import (
    BY_CREDIT_NOTE,
    CHARITY,
    CONTRACTUAL,
    COURTESY,
    WHEN_APPROVED,
    Adjustment,
    applied_entry,
    take,
)
from ledger.approval import Decision, status_of
from ledger.chart import LedgerAccount
from ledger.errors import rule_broken
from ledger.money import Money
from ledger.payment import ShareOfInvoice
from storage import adjustments, journal
from storage.adjustments import Part
from storage.transaction import Transaction

ADJUSTED = "billing.adjustment.applied.v1"

# What a credit note of each type is against; a correction is of revenue that never was.
_AGAINST = {COURTESY: LedgerAccount.COURTESY_DISCOUNTS, CHARITY: LedgerAccount.CHARITY}

Parts = list[tuple[Payable, list[tuple[ShareOfInvoice, int]]]]


@dataclass(frozen=True, slots=True)
class AppliedAdjustment:
    """An adjustment as it is now. `parts` and `credit_notes` are there once it is applied."""

    adjustment: Adjustment
    decisions: list[Decision]
    parts: list[Part]
    credit_notes: tuple[Change, ...]

    @property
    def status(self) -> str:
        return status_of(self.adjustment, self.decisions, WHEN_APPROVED)


async def apply_adjustment(
    tx: Transaction,
    context: Context,
    adjustment: Adjustment,
    decisions: list[Decision],
    found: Sequence[Payable],
) -> AppliedAdjustment:
    """`found`: the locked invoices that it may go to, in order. Refused where they have less due than it is of."""
    taken = open_parts(adjustment.type, found, Money(adjustment.currency, adjustment.amount_minor))
    if adjustment.type in BY_CREDIT_NOTE:
        parts, notes = await _credit(tx, context, adjustment, taken)
    else:
        parts, notes = await _write_off(tx, context, adjustment, taken), ()
    for part in parts:
        adjustments.insert_part(tx, adjustment.id, part)
    return AppliedAdjustment(adjustment, decisions, parts, notes)


def open_parts(kind: str, found: Sequence[Payable], amount: Money) -> Parts:
    """What an adjustment takes of each invoice in turn; refused where they have not so much due."""
    left, taken = amount.minor_units, []
    for payable in found:
        parts = take(kind, payable.shares, left)
        if parts:
            taken.append((payable, parts))
            left -= sum(part for _, part in parts)
    if left:
        of_whom = "payers owe" if kind == CONTRACTUAL else "is due"
        text = f"Only {Money(amount.currency, amount.minor_units - left)} {of_whom} on the account's issued invoices."
        raise rule_broken("adjustment-exceeds-due", text, parameter_place("amount"))
    return taken


async def _write_off(tx: Transaction, context: Context, adjustment: Adjustment, taken: Parts) -> list[Part]:
    account_id = adjustment.account_id
    sums = await journal.sums_as_of(tx, account_id, [LedgerAccount.LOSS_ALLOWANCE], effective=None, recorded=None)
    allowance = -sums.get(LedgerAccount.LOSS_ALLOWANCE, 0)
    of_invoices = [(payable.invoice.id, parts) for payable, parts in taken]
    on = max([context.today(tx.now), *(payable.since for payable, _ in taken if payable.since)])
    journal.append(tx, applied_entry(adjustment, of_invoices, allowance, on))
    await settle_from_journal(tx, [payable for payable, _ in taken])
    for payable, _ in taken:
        record_settlement(tx, payable, ADJUSTED)
    return [Part(invoice_id, sum(part for _, part in parts), None) for invoice_id, parts in of_invoices]


async def _credit(
    tx: Transaction, context: Context, adjustment: Adjustment, taken: Parts
) -> tuple[list[Part], tuple[Change, ...]]:
    against = _AGAINST.get(adjustment.type, LedgerAccount.PATIENT_REVENUE)
    parts, notes = [], []
    for payable, of_shares in taken:
        amount = sum(part for _, part in of_shares)
        credited = await credit(
            tx,
            context,
            payable.invoice.id,
            reason=adjustment.reason,
            amount_minor=amount,
            against=against,
            events=(ADJUSTED,),
        )
        parts.append(Part(payable.invoice.id, amount, credited.note.id))
        notes.append(credited.note)
    return parts, tuple(notes)

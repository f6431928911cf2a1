"""Approve an adjustment: somebody else than who requested it, and where two are needed, two different people."""

from __future__ import annotations

from billing.adjust_account import adjustable
from billing.apply_adjustment import AppliedAdjustment, apply_adjustment
from billing.context import Context
from billing.locked_adjustment import decide, locked_adjustment
from ledger.adjustment import WHEN_APPROVED
from ledger.approval import APPROVED, PENDING, refuse_approver, refuse_unless, status_after_approval
from storage.transaction import Transaction


async def approve_adjustment(tx: Transaction, context: Context, adjustment_id: str) -> AppliedAdjustment:
    """With the last approval that is needed it is applied, if there is still so much due; else it is refused."""
    locked = await locked_adjustment(tx, adjustment_id)
    adjustment = locked.adjustment
    refuse_approver(adjustment, locked.decisions, context.actor)
    refuse_unless(locked.status, PENDING, "adjustment")
    status = status_after_approval(adjustment, locked.decisions, WHEN_APPROVED)
    decided = decide(tx, locked, context.actor, APPROVED, status)
    if status != WHEN_APPROVED:
        return AppliedAdjustment(adjustment, decided, [], ())
    found = await adjustable(tx, adjustment.account_id, adjustment.invoice_id)
    return await apply_adjustment(tx, context, adjustment, decided, found)

"""Reject an adjustment that waits for approval."""

from __future__ import annotations

from billing.apply_adjustment import AppliedAdjustment
from billing.context import Context
from billing.locked_adjustment import decide, locked_adjustment
from ledger.approval import PENDING, REJECTED, refuse_unless
from storage.transaction import Transaction


async def reject_adjustment(tx: Transaction, context: Context, adjustment_id: str, *, reason: str) -> AppliedAdjustment:
    locked = await locked_adjustment(tx, adjustment_id)
    refuse_unless(locked.status, PENDING, "adjustment")
    decided = decide(tx, locked, context.actor, REJECTED, REJECTED, reason=reason)
    return AppliedAdjustment(locked.adjustment, decided, [], ())

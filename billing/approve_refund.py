"""Approve a refund: somebody else than who requested it, and where two are needed, two different people."""

from __future__ import annotations

from billing.context import Context
from billing.locked_refund import LockedRefund, hold, locked_refund
from billing.request_refund import issue
from ledger.approval import APPROVED, PENDING, refuse_approver, refuse_unless, status_after_approval
from ledger.refund import WHEN_APPROVED
from storage.transaction import Transaction


async def approve_refund(tx: Transaction, context: Context, refund_id: str) -> LockedRefund:
    """With the last approval that is needed, the money is owed back."""
    locked = await locked_refund(tx, refund_id)
    refuse_approver(locked.refund, locked.decisions, context.actor)
    refuse_unless(locked.status, PENDING, "refund")
    status = status_after_approval(locked.refund, locked.decisions, WHEN_APPROVED)
    locked.decide(tx, context.actor, APPROVED, status)
    if status == WHEN_APPROVED:
        hold(tx, locked.refund, -locked.refund.amount_minor)
        issue(tx, context, locked)
    return locked

"""Reject a refund that waits for approval: what it held is free again."""

from __future__ import annotations

from billing.context import Context
from billing.locked_refund import LockedRefund, hold, locked_refund
from ledger.approval import PENDING, REJECTED, refuse_unless
from storage.transaction import Transaction


async def reject_refund(tx: Transaction, context: Context, refund_id: str, *, reason: str) -> LockedRefund:
    locked = await locked_refund(tx, refund_id)
    refuse_unless(locked.status, PENDING, "refund")
    locked.decide(tx, context.actor, REJECTED, REJECTED, reason=reason)
    hold(tx, locked.refund, -locked.refund.amount_minor)
    return locked

"""Say that an approved refund could not be paid: the money is unapplied again, and its owner's."""

from __future__ import annotations

from billing.context import Context
from billing.locked_refund import LockedRefund, locked_refund
from ledger.approval import APPROVED, FAILED, refuse_unless
from ledger.journal import reversal
from ledger.refund import KIND_APPROVED, KIND_FAILED, SOURCE
from storage import journal
from storage.transaction import Transaction

REFUND_FAILED = "billing.refund.failed.v1"


async def fail_refund(tx: Transaction, context: Context, refund_id: str, *, reason: str) -> LockedRefund:
    locked = await locked_refund(tx, refund_id)
    refuse_unless(locked.status, APPROVED, "refund")
    for entry_id, entry in await journal.standing(tx, SOURCE, [refund_id], KIND_APPROVED):
        on = max(context.today(tx.now), entry.effective_at)
        journal.append(tx, reversal(entry, entry_id, effective_at=on, kind=KIND_FAILED, reason=reason))
    locked.decide(tx, context.actor, FAILED, FAILED, reason=reason)
    locked.show_refunded(-locked.refund.amount_minor)
    locked.payment.record(tx, REFUND_FAILED)
    return locked

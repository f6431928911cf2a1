"""An adjustment that is about to be decided: its account is locked, which nobody can decide around."""

from __future__ import annotations

from billing.adjust_account import locked_account
from billing.apply_adjustment import AppliedAdjustment
from ledger.approval import Decision
from ledger.errors import not_found
from storage import adjustments, decisions
from storage.transaction import Transaction


async def locked_adjustment(tx: Transaction, adjustment_id: str) -> AppliedAdjustment:
    seen = await adjustments.read(tx, tx.tenant_id, adjustment_id)
    if seen is None:
        raise not_found("not-found", f"There is no adjustment {adjustment_id}.")
    await locked_account(tx, seen.adjustment.account_id)
    found = await adjustments.read(tx, tx.tenant_id, adjustment_id)
    assert found is not None, "an adjustment is never deleted"
    return AppliedAdjustment(found.adjustment, found.decisions, found.parts, ())


def decide(
    tx: Transaction, locked: AppliedAdjustment, actor: str, decision: str, status: str, *, reason: str | None = None
) -> list[Decision]:
    """Write down what somebody has decided; all that is decided of it by now."""
    made = Decision(decision, status, actor, tx.next_instant(), reason)
    decisions.insert(tx, adjustments.SUBJECT, locked.adjustment.id, len(locked.decisions) + 1, made)
    return [*locked.decisions, made]

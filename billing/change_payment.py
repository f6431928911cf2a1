"""Change a payment. What is posted keeps its amount, date, issuer and allocations; notes and identifiers may change."""

from __future__ import annotations

from billing.change import Change
from billing.context import Context
from billing.frozen_content import NOTES, refuse_changes, with_free_elements
from billing.receive_payment import post_stored, posts
from billing.record_change import record_update
from billing.server_owned import carry_over, check_status
from billing.status_rules import POSTED, REVERSED
from ledger.payment_reconciliation import PaymentReconciliation
from storage.journal import is_posted_to
from storage.transaction import Transaction

FREE_AFTER_POSTING = (*NOTES, "processNote", "disposition", "formCode", "identifier")


async def change_payment(
    tx: Transaction, context: Context, payment: PaymentReconciliation, previous: PaymentReconciliation
) -> Change:
    await carry_over(tx, payment, previous)
    before = await _status(tx, previous)
    rule = await check_status(tx, payment, before, payment.status)
    if before not in (POSTED, REVERSED):
        return await post_stored(tx, context, payment, previous)
    assert rule.refusal is not None
    refuse_changes(payment, previous, free=FREE_AFTER_POSTING, refusal=rule.refusal)
    kept = with_free_elements(payment, previous, free=FREE_AFTER_POSTING, base_url=context.base_url)
    return record_update(tx, kept, previous)


async def _status(tx: Transaction, previous: PaymentReconciliation) -> str:
    """The status as the rules know it: with what the journal has of it."""
    if posts(previous):
        return POSTED
    is_reversed = previous.status == "cancelled" and await is_posted_to(tx, "PaymentReconciliation", previous.id)
    return REVERSED if is_reversed else previous.status

"""Change a payment. What is posted keeps its amount, date, issuer and allocations; notes and identifiers may change."""

from __future__ import annotations

from billing.change import Change
from billing.context import Context
from billing.frozen_content import NOTES, refuse_changes, with_free_elements
from billing.receive_payment import post_stored, posts
from billing.record_change import record_update
from billing.server_owned import carry_over, check_status
from billing.status_rules import POSTED
from ledger.payment_reconciliation import PaymentReconciliation
from storage.transaction import Transaction

FREE_AFTER_POSTING = (*NOTES, "processNote", "disposition", "formCode", "identifier")


async def change_payment(
    tx: Transaction, context: Context, payment: PaymentReconciliation, previous: PaymentReconciliation
) -> Change:
    await carry_over(tx, payment, previous)
    is_posted = posts(previous)
    rule = await check_status(tx, payment, POSTED if is_posted else previous.status, payment.status)
    if not is_posted:
        return await post_stored(tx, context, payment, previous)
    assert rule.refusal is not None
    refuse_changes(payment, previous, free=FREE_AFTER_POSTING, refusal=rule.refusal)
    kept = with_free_elements(payment, previous, free=FREE_AFTER_POSTING, base_url=context.base_url)
    return record_update(tx, kept, previous)

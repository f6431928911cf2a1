"""Change a payment. What is posted keeps its amount, date, issuer and allocations; notes and identifiers may change."""

from __future__ import annotations

from typing import Any

from billing.change import Change
from billing.context import Context
from billing.receive_payment import post_stored, posts
from billing.record_change import record_update
from billing.server_owned import carry_over
from ledger.errors import Category, Problem, Refusal, conflict
from ledger.payment_reconciliation import PaymentReconciliation
from mappers import mapper_for
from storage.transaction import Transaction

_NOTES = ("processNote", "text", "meta", "language", "id", "disposition", "formCode", "identifier", "status")


async def change_payment(
    tx: Transaction, context: Context, payment: PaymentReconciliation, previous: PaymentReconciliation
) -> Change:
    await carry_over(tx, payment, previous)
    if not posts(previous):
        if previous.status == "entered-in-error" and payment.status != previous.status:
            raise conflict("invalid-state", "entered-in-error is final.", "PaymentReconciliation.status")
        return await post_stored(tx, context, payment, previous)
    before, after = _content(previous), _content(payment)
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    if names:
        raise Refusal(
            Problem(
                Category.RULE_BROKEN,
                "payment-immutable",
                f"The payment is posted; its {name} does not change. Reverse it and post it again.",
                f"PaymentReconciliation.{name}",
                "business-rule",
            )
            for name in names
        )
    if payment.status != previous.status:
        raise conflict(
            "posted",
            "The payment is posted; money that was received is taken back by a reversal, not by a status.",
            "PaymentReconciliation.status",
        )
    return record_update(tx, payment, previous)


def _content(payment: PaymentReconciliation) -> dict[str, Any]:
    document = mapper_for("PaymentReconciliation").render_document(payment)
    return {name: value for name, value in document.items() if name.lstrip("_") not in _NOTES}

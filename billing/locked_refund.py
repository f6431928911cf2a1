"""A refund that is about to be decided: everything of its payment is locked, which nobody can decide around."""

from __future__ import annotations

from dataclasses import dataclass

from billing.locked_payment import LockedPayment, locked_payment
from ledger.approval import Decision, status_of
from ledger.errors import not_found
from ledger.refund import WHEN_APPROVED, Refund
from storage import account_balances, decisions, refunds
from storage.transaction import Transaction


@dataclass(slots=True)
class LockedRefund:
    refund: Refund
    decisions: list[Decision]
    payment: LockedPayment

    @property
    def status(self) -> str:
        return status_of(self.refund, self.decisions, WHEN_APPROVED)

    def decide(
        self,
        tx: Transaction,
        actor: str,
        decision: str,
        status: str,
        *,
        reason: str | None = None,
        method: str | None = None,
    ) -> None:
        """Write down what somebody has decided."""
        made = Decision(decision, status, actor, tx.next_instant(), reason, method)
        self.decisions.append(made)
        decisions.insert(tx, refunds.SUBJECT, self.refund.id, len(self.decisions), made)

    def show_refunded(self, change_minor: int) -> None:
        """Say in the payment how much of it is refunded."""
        payment = self.payment.payment
        refunded = (payment.refunded_minor or 0) + change_minor
        payment.refunded_minor = refunded or None
        payment.refunded_currency = self.refund.currency if refunded else None


async def locked_refund(tx: Transaction, refund_id: str) -> LockedRefund:
    seen = await refunds.read(tx, tx.tenant_id, refund_id)
    if seen is None:
        raise not_found("not-found", f"There is no refund {refund_id}.")
    payment = await locked_payment(tx, seen.refund.payment_id)
    found = await refunds.read(tx, tx.tenant_id, refund_id)
    assert found is not None, "a refund is never deleted"
    return LockedRefund(found.refund, found.decisions, payment)


def hold(tx: Transaction, refund: Refund, change_minor: int) -> None:
    """Hold so much more of the account's unapplied money, or less. A payer's is held by the request alone."""
    account_id = refund.owner.account_id
    if account_id is not None:
        tx.balances[account_id].held += change_minor
        account_balances.mark_changed(tx, account_id)

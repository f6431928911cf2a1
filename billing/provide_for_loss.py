"""Provide for loss: an allowance for what an account is not expected to pay, which a later write-off uses up."""

from __future__ import annotations

from billing.adjust_account import locked_account, refuse_amount
from billing.apply_adjustment import AppliedAdjustment
from billing.context import Context
from ledger.adjustment import PROVISION, Adjustment, provision_entry
from ledger.approval import Limits
from ledger.money import Money
from storage import adjustments, journal
from storage.resource_ids import new_id
from storage.transaction import Transaction

UNLIMITED = Limits(0, None)
"""Finance staff make provisions and recoveries, and nobody approves them."""


async def provide_for_loss(
    tx: Transaction, context: Context, account_id: str, *, amount: Money, reason: str
) -> AppliedAdjustment:
    balance = await locked_account(tx, account_id)
    refuse_amount(amount, balance.currency)
    made = unapproved(tx, context, PROVISION, account_id, amount, reason)
    adjustments.insert(tx, made)
    journal.append(tx, provision_entry(made, context.today(tx.now)))
    return AppliedAdjustment(made, [], [], ())


def unapproved(
    tx: Transaction,
    context: Context,
    kind: str,
    account_id: str,
    amount: Money,
    reason: str,
    payment_id: str | None = None,
) -> Adjustment:
    """An adjustment that is applied when it is made, and counts towards nothing."""
    return Adjustment(
        id=new_id(),
        currency=amount.currency,
        amount_minor=amount.minor_units,
        reason=reason,
        requested_by=context.actor,
        requested_at=tx.next_instant(),
        approvals_needed=0,
        counted_minor=0,
        limits=UNLIMITED,
        window_days=0,
        type=kind,
        account_id=account_id,
        payment_id=payment_id,
    )

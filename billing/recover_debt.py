"""Recover a debt that was written off: unapplied money of the account is taken for it."""

from __future__ import annotations

from billing.adjust_account import locked_account, refuse_amount
from billing.apply_adjustment import AppliedAdjustment
from billing.context import Context
from billing.locked_payment import free_money_of, locked_payment, refuse_unposted
from billing.places import parameter_place
from billing.provide_for_loss import unapproved
from billing.shown_allocations import hide_advance
from ledger.adjustment import RECOVERY, recovery_entry
from ledger.errors import rule_broken
from ledger.money import Money
from ledger.payment import Owner
from storage import adjustments, journal
from storage.transaction import Transaction

RECOVERED = "billing.debt.recovered.v1"


async def recover_debt(
    tx: Transaction, context: Context, payment_id: str, account_id: str, *, amount: Money, reason: str
) -> AppliedAdjustment:
    """Refused where not so much of the payment is the account's and free, or not so much was written off."""
    locked = await locked_payment(tx, payment_id)
    refuse_unposted(locked.payment)
    balance = await locked_account(tx, account_id)
    refuse_amount(amount, balance.currency)
    free = (await free_money_of(tx, payment_id)).get(Owner(account_id), 0)
    if free < amount.minor_units:
        text = f"Of the payment {Money(amount.currency, max(free, 0))} is unapplied on the account, and not held."
        raise rule_broken("not-unapplied", text, parameter_place("amount"))
    written_off = await adjustments.written_off(tx, account_id)
    if written_off < amount.minor_units:
        text = f"Of what was written off on the account {Money(amount.currency, written_off)} is not recovered yet."
        raise rule_broken("nothing-written-off", text, parameter_place("amount"))
    made = unapproved(tx, context, RECOVERY, account_id, amount, reason, payment_id)
    adjustments.insert(tx, made)
    journal.append(tx, recovery_entry(made, context.today(tx.now)))
    hide_advance(locked.payment, account_id, amount.minor_units)
    locked.record(tx, RECOVERED)
    return AppliedAdjustment(made, [], [], ())

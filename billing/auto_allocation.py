"""Put unapplied money of an account to its next invoice by itself, where the tenant wants that.

With the setting `auto_allocate=on-issue` an invoice that is issued takes what is open of its patient's share, from the
money that was there first. Payments at the counter on an account need no setting: they pay what is oldest due.
"""

from __future__ import annotations

from dataclasses import replace

from billing.allocate_payment import ALLOCATED, open_wallet, put
from billing.allocation import Payable, payables, record_settlement
from billing.change import Change
from billing.context import Context
from billing.locked_payment import LockedPayment, locked_payments
from storage import journal
from storage.transaction import Transaction

SETTING = "auto_allocate"
ON_ISSUE = "on-issue"


async def allocate_on_issue(tx: Transaction, context: Context, issued: Change) -> Change:
    """The invoice as it is after what is unapplied on its account was put to it; `issued` was written just now."""
    if context.tenant.setting(SETTING) != ON_ISSUE:
        return issued
    (payable,) = (await payables(tx, [issued.id])).values()
    account_id = payable.invoice.account_id
    if account_id is None or not payable.invoice.due_minor:
        return issued
    payment_ids = await journal.payments_with_money_of(tx, account_id)
    locked = await locked_payments(tx, payment_ids) if payment_ids else {}
    for payment_id in payment_ids:
        await _put(tx, context, locked[payment_id], payable)
    settled = record_settlement(tx, payable)
    return issued if settled.outcome == "unchanged" else replace(settled, outcome=issued.outcome)


async def _put(tx: Transaction, context: Context, locked: LockedPayment, payable: Payable) -> None:
    """Take what one payment has for the patient's share; a payer's money waits for a decision."""
    wallet = await open_wallet(tx, locked)
    wallet.free = {owner: free for owner, free in wallet.free.items() if owner.account_id is not None and free > 0}
    taken = wallet.take(payable, sum(wallet.free.values()))
    if taken:
        put(tx, context, locked, wallet, payable, taken)
        locked.record(tx, ALLOCATED)

"""Transfer unapplied money of a payment from the accounts that own it to another account."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from billing.change import Change
from billing.context import Context
from billing.locked_payment import free_money_of, locked_payment, refuse_unposted
from billing.payment_details import account_problems
from billing.shown_allocations import hide_advance, show_advance
from ledger.errors import Refusal, rule_broken
from ledger.money import Money
from ledger.payment import Owner, transferred_entry
from storage import journal
from storage.transaction import Transaction

TRANSFERRED = "billing.payment.transferred.v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """What was transferred. `id` is that of the entry; `from_accounts`: account -> minor units."""

    id: str
    amount: Money
    from_accounts: dict[str, int]
    change: Change
    at: datetime


async def transfer_money(
    tx: Transaction, context: Context, payment_id: str, *, to_account: str, amount: Money | None, reason: str
) -> Transfer:
    """Take an amount (None: all) from the other accounts that own unapplied money of a payment, in order of their ids.

    A payer's money has no account, and is not transferred: it goes to invoices of any.
    """
    locked = await locked_payment(tx, payment_id, account_ids={to_account})
    refuse_unposted(locked.payment)
    problems = list(account_problems(tx, to_account, locked.currency, "/to_account"))
    if problems:
        raise Refusal(problems)
    if amount is not None and amount.currency != locked.currency:
        raise rule_broken("currency-mismatch", f"The payment is in {locked.currency}.", "/amount/currency")
    found = await free_money_of(tx, payment_id)
    free = {
        owner.account_id: there
        for owner, there in found.items()
        if owner.account_id is not None and owner.account_id != to_account and there > 0
    }
    whole = sum(free.values())
    wanted = whole if amount is None else amount.minor_units
    if not 0 < wanted <= whole:
        text = (
            f"Of the payment {Money(locked.currency, whole)} is other accounts' and free; transfer no more than that."
        )
        raise rule_broken("not-unapplied", text, "/amount" if amount is not None else "/payment")
    taken = _taken(free, wanted)
    since = await journal.free_since(tx, payment_id)
    on = tx.accounting_date(max(context.today(tx.now), *(since[account_id, None] for account_id in taken)))
    entry = transferred_entry(
        payment_id,
        {Owner(account_id): part for account_id, part in taken.items()},
        Owner(to_account),
        currency=locked.currency,
        on=on,
        reason=reason,
    )
    entry_id = journal.append(tx, entry)
    for account_id, part in taken.items():
        hide_advance(locked.payment, account_id, part)
    show_advance(locked.payment, to_account, wanted, on=on)
    change = locked.record(tx, TRANSFERRED)
    moved = Money(locked.currency, wanted)
    return Transfer(id=entry_id, amount=moved, from_accounts=taken, change=change, at=change.last_updated)


def _taken(free: dict[str, int], wanted: int) -> dict[str, int]:
    taken: dict[str, int] = {}
    for account_id in sorted(free):
        part = min(free[account_id], wanted - sum(taken.values()))
        if part:
            taken[account_id] = part
    return taken

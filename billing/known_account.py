"""An account to be asked about the past: locked, so that who is posting now is waited for."""

from __future__ import annotations

from datetime import datetime

from billing.places import parameter_place
from ledger.account import AccountBalance
from ledger.errors import not_found, rule_broken
from storage import account_balances
from storage.transaction import Transaction


async def known_account(tx: Transaction, account_id: str, recorded: datetime | None) -> AccountBalance:
    """The balances of an account. Refused where there is none, or `recorded` has not come yet.

    All that is recorded on it after this comes later than its `recorded_at`: what is answered for a moment that is past
    never changes.
    """
    balance = (await account_balances.lock(tx, [account_id])).get(account_id)
    if balance is None:
        raise not_found("not-found", f"There is no Account/{account_id}.")
    if recorded is not None and recorded > tx.now:
        raise rule_broken("recorded-in-future", "What will be known is not known yet.", parameter_place("recorded"))
    return balance

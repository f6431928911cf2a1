"""Open an account: one currency for life."""

from __future__ import annotations

from billing.change import Change
from billing.context import Context
from billing.record_change import record_creation
from ledger.account import Account
from ledger.money import exponent_of
from storage import account_balances
from storage.transaction import Transaction


async def open_account(tx: Transaction, context: Context, account: Account, *, base_version: int = 0) -> Change:
    """The currency is the tenant's where the account does not say another."""
    account.currency = account.currency or context.tenant.currency
    exponent_of(account.currency)
    change = record_creation(tx, account, base_version=base_version)
    account_balances.open_balance(tx, account)
    return change

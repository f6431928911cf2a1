"""Change an account. Its currency stays, and what has postings cannot be called an error."""

from __future__ import annotations

from billing.change import Change
from billing.context import Context
from billing.record_change import record_update
from ledger.account import Account
from ledger.errors import conflict, rule_broken
from storage import journal
from storage.transaction import Transaction


async def change_account(tx: Transaction, context: Context, account: Account, previous: Account) -> Change:
    del context
    account.currency = account.currency or previous.currency
    if account.currency != previous.currency:
        raise rule_broken(
            "currency-fixed",
            f"The account is in {previous.currency} for life; open another account for {account.currency}.",
            "Account.extension('extension-Account.currency')",
        )
    if account.status != previous.status:
        if previous.status == "entered-in-error":
            raise conflict("invalid-state", "entered-in-error is final; open another account.", "Account.status")
        if account.status == "entered-in-error" and await journal.is_posted_to(tx, "Account", account.id):
            raise conflict(
                "posted", "The account has postings and cannot be an error; set it inactive.", "Account.status"
            )
    change = record_update(tx, account, previous)
    tx.balances[account.id].status = account.status
    return change

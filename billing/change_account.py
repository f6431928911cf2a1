"""Change an account. Its currency stays, and what has postings cannot be called an error."""

from __future__ import annotations

from billing.change import Change
from billing.context import Context
from billing.places import extension_place
from billing.record_change import record_update
from billing.server_owned import check_status
from ledger.account import Account
from ledger.errors import conflict, rule_broken
from mappers.extensions import ACCOUNT_CURRENCY
from storage import gateway_payments, journal
from storage.transaction import Transaction


async def change_account(tx: Transaction, context: Context, account: Account, previous: Account) -> Change:
    del context
    account.currency = account.currency or previous.currency
    if account.currency != previous.currency:
        raise rule_broken(
            "currency-fixed",
            f"The account is in {previous.currency} for life; open another account for {account.currency}.",
            extension_place("Account", ACCOUNT_CURRENCY),
        )
    rule = await check_status(tx, account, previous.status, account.status)
    if rule.refusal is not None and await journal.is_posted_to(tx, "Account", account.id):
        raise rule.refusal.at("Account.status")
    if account.status == "entered-in-error" and await gateway_payments.is_asked_for(tx, account.id):
        text = "A payment gateway was asked for money on this account and has not said what became of it."
        raise conflict("gateway-payment-unresolved", text, "Account.status")
    change = record_update(tx, account, previous)
    tx.balances[account.id].status = account.status
    return change

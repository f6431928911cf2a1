"""Which accounts a resource touches: they are locked before anything is read that is to be changed."""

from __future__ import annotations

from collections.abc import Iterable

from billing.own_references import OwnReference
from ledger.account import Account
from ledger.charge_item import ChargeItem
from ledger.invoice import Invoice
from ledger.payment_reconciliation import PaymentReconciliation
from ledger.resource import Resource
from storage import account_lookups
from storage.transaction import Transaction


async def accounts_touched_by(tx: Transaction, resource_type: str, references: Iterable[OwnReference]) -> set[str]:
    """The accounts that a document of a type touches by what it refers to: money also touches those of its invoices."""
    named = list(references)
    accounts = {item.id for item in named if item.resource_type == "Account"}
    if resource_type == "PaymentReconciliation":
        invoices = {item.id for item in named if item.resource_type == "Invoice"}
        accounts |= await account_lookups.accounts_of_invoices(tx, invoices)
    return accounts


def accounts_named_by(record: Resource) -> set[str]:
    """The accounts that the resource itself names."""
    match record:
        case Account():
            return {record.id}
        case ChargeItem() | Invoice():
            return {record.account_id} if record.account_id else set()
        case PaymentReconciliation():
            named = {detail.request for detail in record.details if detail.request}
            accounts = {request.removeprefix("Account/") for request in named if request.startswith("Account/")}
            return accounts | ({record.payment_account_id} if record.payment_account_id else set())
        case _:
            return set()

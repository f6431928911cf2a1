"""The locks of a bundle: every account that any of its entries touches, taken at once and in one order.

The prices and the codes of its charges are asked for at the same time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from billing.context import Context
from billing.own_references import OwnReference
from billing.price_charge import ask_prices_of_documents
from billing.validate_codes import ask_codes_of_documents
from storage import account_balances, account_lookups
from storage.resource_rows import RESOURCE_TYPES
from storage.transaction import Transaction


class Touched(NamedTuple):
    """A resource as an entry names it: the document that it sends, if any, and what that refers to."""

    resource_type: str
    id: str | None
    document: dict[str, Any] | None = None
    references: Sequence[OwnReference] = ()


async def lock_for(tx: Transaction, context: Context, resources: Sequence[Touched]) -> None:
    """Lock the accounts of resources: those that their documents name, and those of what is there now."""
    documents = [each.document for each in resources if each.document is not None]
    ask_codes_of_documents(tx, context, documents)
    ask_prices_of_documents(tx, context, documents)
    ids: dict[str, set[str]] = {resource_type: set() for resource_type in RESOURCE_TYPES}
    for each in resources:
        if each.id is not None and each.resource_type in ids:
            ids[each.resource_type].add(each.id)
        for item in each.references:
            # Of what is yet to be made, nothing is there to be read; its own document says its accounts.
            if item.resource_type == "Account" or (item.resource_type, item.id) not in tx.to_create:
                ids[item.resource_type].add(item.id)
    accounts = ids.pop("Account")
    await account_balances.lock(tx, accounts.union(*(await account_lookups.accounts_named_by(tx, ids)).values()))

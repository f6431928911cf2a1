"""The locks of a bundle: every account that any of its entries touches, taken at once and in one order.

The prices and the codes of its charges are asked for at the same time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from billing.context import Context
from billing.own_references import own_references
from billing.price_charge import ask_prices_of_documents
from billing.touched_accounts import accounts_named_by
from billing.validate_codes import ask_codes_of_documents
from storage import account_balances
from storage.resource_rows import RESOURCE_TYPES, load
from storage.transaction import Transaction

Touched = tuple[str, str | None, dict[str, Any] | None]


async def lock_for(tx: Transaction, context: Context, resources: Sequence[Touched]) -> None:
    """Lock the accounts of (type, id, document): those that documents name, and those of what the ids are now."""
    documents = [document for _, _, document in resources if document is not None]
    ask_codes_of_documents(tx, context, documents)
    ask_prices_of_documents(tx, context, documents)
    ids: dict[str, set[str]] = {resource_type: set() for resource_type in RESOURCE_TYPES}
    for resource_type, resource_id, document in resources:
        if resource_id is not None and resource_type in ids:
            ids[resource_type].add(resource_id)
        for item in own_references(document, context.base_url) if document is not None else ():
            ids[item.resource_type].add(item.id)
    accounts = ids.pop("Account")
    for resource_type, wanted in ids.items():
        for record in (await load(tx, resource_type, sorted(wanted))).values():
            accounts |= accounts_named_by(record)
    await account_balances.lock(tx, accounts)

"""Update a resource: the common part of every FHIR update, then the command of its type."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from billing.change import Change
from billing.change_account import change_account
from billing.change_charge import change_charge
from billing.change_invoice import change_invoice
from billing.change_payment import change_payment
from billing.context import Context
from billing.create_resource import create_resource
from billing.note_payment import change_notice
from billing.own_references import own_references, refuse_missing
from billing.subscribe import change_subscription
from billing.touched_accounts import accounts_named_by, accounts_touched_by
from billing.unique_identifiers import keep_keys, key_is_of, keys_of, may_have_keys
from ledger.errors import Category, refuse
from ledger.resource import Resource
from ledger.subscription import Subscription
from mappers import mapper_for
from storage import account_balances, account_lookups
from storage.resource_rows import lock_and_load
from storage.transaction import Transaction

Update = Callable[..., Awaitable[Change]]

_UPDATE: dict[str, Update] = {
    "Account": change_account,
    "ChargeItem": change_charge,
    "Invoice": change_invoice,
    "PaymentReconciliation": change_payment,
    "PaymentNotice": change_notice,
}


async def update_resource(
    tx: Transaction,
    context: Context,
    resource_type: str,
    resource_id: str,
    document: dict[str, Any],
    *,
    if_match: frozenset[int] | None = None,
) -> Change:
    """Update a resource from a valid document; creates it where it is not there.

    `if_match`: the versions of which the current one must be one, else refused as precondition.
    """
    previous = await locked(tx, resource_type, resource_id, naming=document, context=context)
    if previous is None:
        if if_match is not None:
            raise version_differs(resource_type, resource_id)
        created = await create_resource(tx, context, resource_type, document, resource_id=resource_id)
        if created.id != resource_id:
            raise key_is_of(created, document)
        return created
    if if_match is not None and previous.version not in if_match:
        raise version_differs(resource_type, resource_id)
    references = own_references(document, context.base_url)
    if isinstance(previous, Subscription):
        await refuse_missing(tx, references)
        return await change_subscription(tx, context, document, previous)
    keys = keys_of(context, document)
    record = mapper_for(resource_type).parse(document, id=resource_id, base_url=context.base_url)
    await refuse_missing(tx, references)
    change = await _UPDATE[resource_type](tx, context, record, previous)
    if change.outcome == "updated" and may_have_keys(context, resource_type):
        await keep_keys(tx, resource_type, resource_id, document, keys)
    return change


def version_differs(resource_type: str, resource_id: str) -> Exception:
    return refuse(
        Category.PRECONDITION,
        "version-mismatch",
        f"{resource_type}/{resource_id} is not at the version of If-Match; read it again and repeat the change.",
    )


async def locked(
    tx: Transaction, resource_type: str, resource_id: str, *, naming: dict[str, Any] | None, context: Context
) -> Resource | None:
    """The resource as it is stored, its accounts and those that a document names locked, then its row."""
    named: set[str] = set()
    if naming is not None:
        named = await accounts_touched_by(tx, resource_type, own_references(naming, context.base_url))
    if tx.holds_locks:
        # A Bundle has locked already what its entries touch.
        await account_balances.lock(tx, named)
    else:
        seen = await account_lookups.accounts_named_by(tx, {resource_type: [resource_id]})
        if not seen:
            await tx.read_clock()
            return None
        await account_balances.lock(tx, named.union(*seen.values()))
    current = (await lock_and_load(tx, resource_type, [resource_id])).get(resource_id)
    if current is None:
        await tx.read_clock()
        return None
    # It may have moved to another account while its first one was waited for.
    await account_balances.lock(tx, accounts_named_by(current))
    return current

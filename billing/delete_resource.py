"""Delete a resource that the journal does not know. Its versions stay."""

from __future__ import annotations

from billing.change import Change
from billing.context import Context
from billing.invoice_numbers import numbers_of
from billing.record_change import record_deletion
from billing.status_rules import deletion_refused
from billing.update_resource import locked, version_differs
from ledger.invoice import Invoice
from storage import account_balances, business_keys, invoiced_charges, journal, subscriptions
from storage.transaction import Transaction


async def delete_resource(
    tx: Transaction,
    context: Context,
    resource_type: str,
    resource_id: str,
    *,
    if_match: frozenset[int] | None = None,
) -> Change | None:
    """The deletion, or None where there is nothing (any more). What was ever posted is refused as a conflict."""
    current = await locked(tx, resource_type, resource_id, naming=None, context=context)
    if current is None:
        return None
    if if_match is not None and current.version not in if_match:
        raise version_differs(resource_type, resource_id)
    was_issued = isinstance(current, Invoice) and bool(numbers_of(current))
    if was_issued or await journal.is_posted_to(tx, resource_type, resource_id):
        raise deletion_refused(resource_type).at("")
    business_keys.forget(tx, resource_type, resource_id)
    if resource_type == "Account":
        account_balances.close_balance(tx, resource_id)
    if resource_type == "Invoice":
        invoiced_charges.release(tx, resource_id)
    if resource_type == "Subscription":
        await subscriptions.register(tx)
    return record_deletion(tx, current)

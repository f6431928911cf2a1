"""Create a resource: the common part of every FHIR create, then the command of its type."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from billing.capture_charge import capture_charge
from billing.change import Change
from billing.context import Context
from billing.draft_invoice import draft_invoice
from billing.note_payment import note_payment
from billing.open_account import open_account
from billing.own_references import OwnReference, own_references, refuse_missing
from billing.price_charge import ask_prices
from billing.receive_payment import receive_payment
from billing.server_owned import refuse_on_creation
from billing.subscribe import subscribe
from billing.touched_accounts import accounts_named_by, accounts_touched_by
from billing.unique_identifiers import content_hash, existing_with, keys_of
from billing.validate_codes import ask_codes
from ledger.charge_item import ChargeItem
from ledger.errors import conflict
from mappers import mapper_for
from storage import account_balances, business_keys, gateway_payments, resource_versions
from storage.resource_ids import new_id
from storage.transaction import Transaction

Creation = Callable[..., Awaitable[Change]]

_CREATE: dict[str, Creation] = {
    "Account": open_account,
    "ChargeItem": capture_charge,
    "Invoice": draft_invoice,
    "PaymentReconciliation": receive_payment,
    "PaymentNotice": note_payment,
}


async def create_resource(
    tx: Transaction,
    context: Context,
    resource_type: str,
    document: dict[str, Any],
    *,
    resource_id: str | None = None,
    is_new_id: bool = False,
    references: list[OwnReference] | None = None,
) -> Change:
    """Create a resource from a valid document. `resource_id`: the id that the client chose.

    `is_new_id` says that a Bundle chose it by `new_id`, so that nothing can ever have had it. `references` are those
    of the document to what is kept here, where somebody has looked for them.
    """
    if resource_type == "Subscription":
        return await _subscribe(tx, context, document, resource_id, is_new_id=is_new_id)
    if references is None:
        references = own_references(document, context.base_url)
    keys = keys_of(context, document)
    hash_of_content = content_hash(document) if keys else ""
    record = mapper_for(resource_type).parse(document, id=resource_id or new_id(), base_url=context.base_url)
    refuse_on_creation(record)
    if isinstance(record, ChargeItem) and not tx.holds_locks:
        # So that it travels with the lock. A Bundle has locked and asked for all of its charges.
        ask_prices(tx, context, [record])
        ask_codes(tx, context, [record])
    await account_balances.lock(
        tx, accounts_named_by(record) | await accounts_touched_by(tx, resource_type, references)
    )
    if keys and (existing := await existing_with(tx, resource_type, keys, hash_of_content)) is not None:
        return existing
    await refuse_missing(tx, references)
    has_past = resource_id is not None and not is_new_id
    base_version = await _base_version(tx, resource_type, record.id) if has_past else 0
    change = await _CREATE[resource_type](tx, context, record, base_version=base_version)
    business_keys.insert(tx, resource_type, record.id, keys, hash_of_content)
    return change


async def _subscribe(
    tx: Transaction, context: Context, document: dict[str, Any], resource_id: str | None, *, is_new_id: bool
) -> Change:
    """A subscription touches no account, and nothing in it names one thing of a source system."""
    await refuse_missing(tx, own_references(document, context.base_url))
    has_past = resource_id is not None and not is_new_id
    base_version = await _base_version(tx, "Subscription", resource_id) if has_past and resource_id else 0
    return await subscribe(tx, context, resource_id or new_id(), document, base_version=base_version)


async def _base_version(tx: Transaction, resource_type: str, resource_id: str) -> int:
    if resource_type == "PaymentReconciliation" and await gateway_payments.read(tx, tx.tenant_id, resource_id):
        # It is posted under this id once the gateway says that it captured it.
        text = f"{resource_id} is the id of a payment that the gateway was asked for; take another."
        raise conflict("already-exists", text, "", "duplicate")
    latest = await resource_versions.latest(tx, resource_type, resource_id)
    if latest is None:
        return 0
    if latest.content is not None:
        raise conflict("already-exists", f"{resource_type}/{resource_id} exists already.", "", "duplicate")
    return latest.version

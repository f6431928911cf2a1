"""Identifiers that name one thing only: the same key twice is answered with what is there.

For charges, accounts and invoices a tenant names the identifier systems (settings business_keys.*). For money received, every
identifier and the paymentIdentifier are keys: nobody posts the same money twice.
"""

from __future__ import annotations

import hashlib
from typing import Any

from billing.change import Change
from billing.context import Context
from billing.record_change import unchanged
from ledger.errors import conflict
from mappers.r4.json_text import canonical
from storage import business_keys
from storage.resource_rows import load
from storage.transaction import Transaction

Key = tuple[str, str]


def keys_of(context: Context, document: dict[str, Any]) -> list[Key]:
    """The keys (system, value) of a resource as it was sent."""
    resource_type = document["resourceType"]
    identifiers = [item for item in document.get("identifier", []) if item.get("use") != "old"]
    if resource_type == "PaymentReconciliation":
        if not posts(document):
            return []
        identifiers.append(document.get("paymentIdentifier", {}))
        found = [(item.get("system"), item.get("value")) for item in identifiers]
        return _unique([(system, value) for system, value in found if system and value])
    systems = context.tenant.business_key_systems(resource_type)
    found = [(item.get("system"), item.get("value")) for item in identifiers]
    return _unique([(system, value) for system, value in found if system in systems and value])


def posts(payment_document: dict[str, Any]) -> bool:
    """Whether a PaymentReconciliation says that money was received."""
    return payment_document.get("status") == "active" and payment_document.get("outcome", "complete") in (
        "complete",
        "partial",
    )


def _unique(keys: list[Key]) -> list[Key]:
    return list(dict.fromkeys(keys))


def content_hash(document: dict[str, Any]) -> str:
    """The hash of what a client says, not of what the server adds to it."""
    said = {name: value for name, value in document.items() if name not in ("id", "meta")}
    return hashlib.sha256(canonical(said)).hexdigest()


async def existing_with(tx: Transaction, resource_type: str, keys: list[Key], hash_of_content: str) -> Change | None:
    """The resource that has the keys already, where it was created from the same content; else a conflict."""
    owners = await business_keys.owners(tx, resource_type, keys)
    if not owners:
        return None
    owner = owners[0]
    if len({item.id for item in owners}) > 1 or owner.content_hash != hash_of_content:
        raise conflict(
            "business-key-conflict",
            f"{resource_type}/{owner.id} has the identifier {owner.system}|{owner.value} and says something else.",
            f"{resource_type}.identifier",
            "duplicate",
        )
    record = (await load(tx, resource_type, [owner.id]))[owner.id]
    return unchanged(record, "existing")

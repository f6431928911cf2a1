"""Identifiers that name one thing only: the same key twice is answered with what is there.

A tenant names the identifier systems of its source systems (settings business_keys.*). For money received, every
identifier and the paymentIdentifier are keys: nobody posts the same money twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from billing.change import Change
from billing.context import Context
from billing.record_change import unchanged
from ledger.errors import conflict
from mappers.r4.json_text import canonical
from storage import business_keys
from storage.business_keys import Owner
from storage.resource_rows import load
from storage.transaction import Transaction

Key = tuple[str, str]


def keys_of(context: Context, document: dict[str, Any]) -> list[Key]:
    """The keys (system, value) of a resource as it was sent."""
    identifiers = document.get("identifier", [])
    if document["resourceType"] == "PaymentReconciliation":
        if not posts(document):
            return []
        return _complete([*identifiers, document.get("paymentIdentifier", {})])
    systems = context.tenant.business_key_systems(document["resourceType"])
    if not systems:
        return []
    current = [item for item in identifiers if item.get("use") != "old" and item.get("system") in systems]
    return _complete(current)


def may_have_keys(context: Context, resource_type: str) -> bool:
    """Whether resources of a type can have keys, in a tenant."""
    return resource_type == "PaymentReconciliation" or bool(context.tenant.business_key_systems(resource_type))


def posts(payment_document: dict[str, Any]) -> bool:
    """Whether a PaymentReconciliation says that money was received."""
    return payment_document.get("status") == "active" and payment_document.get("outcome", "complete") in (
        "complete",
        "partial",
    )


def _complete(identifiers: list[dict[str, Any]]) -> list[Key]:
    found = ((item.get("system"), item.get("value")) for item in identifiers)
    return list(dict.fromkeys((system, value) for system, value in found if system and value))


def content_hash(document: dict[str, Any]) -> str:
    """The hash of what a client says, not of what the server adds to it."""
    said = {name: value for name, value in document.items() if name not in ("id", "meta")}
    return hashlib.sha256(canonical(said)).hexdigest()


async def existing_with(tx: Transaction, resource_type: str, keys: list[Key], hash_of_content: str) -> Change | None:
    """The resource that has the keys already, where it was sent with the same content; else a conflict."""
    owners = await business_keys.owners(tx, resource_type, keys)
    if not owners:
        return None
    if len({owner.id for owner in owners}) > 1 or owners[0].content_hash != hash_of_content:
        raise _taken(resource_type, owners[0])
    record = (await load(tx, resource_type, [owners[0].id])).get(owners[0].id)
    # None: it is deleted at this moment, and the key is free again.
    return None if record is None else unchanged(record, "existing")


async def owners_of(
    tx: Transaction, context: Context, documents: Mapping[int, Mapping[str, Any]]
) -> dict[int, tuple[str, str]]:
    """(type, id) of what has the keys of documents already, each by its place; read at once for each type."""
    wanted: dict[str, dict[Key, list[int]]] = {}
    for place, document in documents.items():
        for key in keys_of(context, dict(document)):
            wanted.setdefault(document["resourceType"], {}).setdefault(key, []).append(place)
    found: dict[int, tuple[str, str]] = {}
    for resource_type, places in wanted.items():
        for owner in await business_keys.owners(tx, resource_type, list(places)):
            for place in places[owner.system, owner.value]:
                found.setdefault(place, (resource_type, owner.id))
    return found


async def keep_keys(
    tx: Transaction, resource_type: str, resource_id: str, document: dict[str, Any], keys: list[Key]
) -> None:
    """Give an updated resource the keys that it is sent with; it keeps those that it had, unless they are called old.

    What came once under a key is not to come again because an update left the key out. Money keeps all of them.
    """
    owners = await business_keys.owners(tx, resource_type, keys) if keys else []
    for owner in owners:
        if owner.id != resource_id:
            raise _taken(resource_type, owner)
    had = await business_keys.of(tx, resource_type, resource_id)
    identifiers = document.get("identifier", [])
    old = {(item.get("system"), item.get("value")) for item in identifiers if item.get("use") == "old"}
    kept = [key for key in had if key not in old or resource_type == "PaymentReconciliation"]
    if had or keys:
        business_keys.forget(tx, resource_type, resource_id)
        wanted = list(dict.fromkeys([*kept, *keys]))
        business_keys.insert(tx, resource_type, resource_id, wanted, content_hash(document))


def key_is_of(existing: Change, document: dict[str, Any]) -> Exception:
    """The refusal of a new resource under an id of the client's, the key of which another resource has."""
    resource_type = document["resourceType"]
    return conflict(
        "business-key-conflict",
        f"{resource_type}/{existing.id} is the same by its identifier; update that one.",
        f"{resource_type}.identifier",
        "duplicate",
    )


def _taken(resource_type: str, owner: Owner) -> Exception:
    return conflict(
        "business-key-conflict",
        f"{resource_type}/{owner.id} has the identifier {owner.system}|{owner.value} and says something else.",
        f"{resource_type}.identifier",
        "duplicate",
    )

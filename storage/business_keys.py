"""Identifiers that name one thing only: which resource has which, and the hash of what it was created from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from storage.array_insert import ArrayInsert
from storage.pipeline import Statement
from storage.tables import business_key
from storage.transaction import Transaction

_INSERT = ArrayInsert(business_key, 910, in_key_order=True)
_FIND = Statement(
    "SELECT b.id, b.content_hash, b.system, b.value FROM billing.business_key AS b"
    " JOIN unnest($3::text[], $4::text[]) AS k(system, value) ON k.system = b.system AND k.value = b.value"
    " WHERE b.tenant_id = $1 AND b.resource_type = $2 ORDER BY b.id"
)
_OF = Statement(
    "SELECT system, value FROM billing.business_key WHERE tenant_id = $1 AND resource_type = $2 AND id = $3"
    " ORDER BY system, value"
)
_FORGET = Statement("DELETE FROM billing.business_key WHERE tenant_id = $1 AND resource_type = $2 AND id = $3")


class Owner(NamedTuple):
    id: str
    content_hash: str
    system: str
    value: str


async def owners(tx: Transaction, resource_type: str, keys: Sequence[tuple[str, str]]) -> list[Owner]:
    """Who has any of the keys (system, value)."""
    rows = await tx.fetch(_FIND, tx.tenant_id, resource_type, [key[0] for key in keys], [key[1] for key in keys])
    return [Owner(*row) for row in rows]


async def of(tx: Transaction, resource_type: str, resource_id: str) -> list[tuple[str, str]]:
    """The keys (system, value) that a resource has."""
    return [(row[0], row[1]) for row in await tx.fetch(_OF, tx.tenant_id, resource_type, resource_id)]


def insert(
    tx: Transaction, resource_type: str, resource_id: str, keys: Sequence[tuple[str, str]], content_hash: str
) -> None:
    for system, value in keys:
        tx.add(_INSERT, (tx.tenant_id, resource_type, system, value, resource_id, content_hash))


def forget(tx: Transaction, resource_type: str, resource_id: str) -> None:
    tx.send(_FORGET, tx.tenant_id, resource_type, resource_id)

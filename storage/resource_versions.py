"""The versions of resources as they were rendered, and the outbox row of each change.

Only `billing.record_change` writes them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from storage.array_insert import ArrayInsert
from storage.pipeline import Statement
from storage.tables import outbox, outbox_queue, resource_versions
from storage.transaction import Reader, Transaction

_INSERT_VERSION = ArrayInsert(resource_versions, 900)
_INSERT_OUTBOX = ArrayInsert(outbox, 901)
_INSERT_QUEUE = ArrayInsert(outbox_queue, 902)

_LATEST = Statement(
    "SELECT version, last_updated, content FROM billing.resource_versions"
    " WHERE tenant_id = $1 AND resource_type = $2 AND id = $3 ORDER BY version DESC LIMIT 1"
)
_VERSION = Statement(
    "SELECT version, last_updated, content FROM billing.resource_versions"
    " WHERE tenant_id = $1 AND resource_type = $2 AND id = $3 AND version = $4::int"
)
# A version is named by its number as it is written: 01 names none.
_KNOWN = Statement(
    "SELECT asked.* FROM billing.resource_versions AS kept"
    " JOIN unnest($2::text[], $3::text[], $4::text[]) AS asked (resource_type, id, version)"
    " ON kept.resource_type = asked.resource_type AND kept.id = asked.id AND kept.version::text = asked.version"
    " WHERE kept.tenant_id = $1 AND kept.content IS NOT NULL"
)
_CONTENTS = Statement(
    "SELECT content FROM billing.resource_versions"
    " WHERE tenant_id = $1 AND resource_type = $2 AND id = $3 AND content IS NOT NULL ORDER BY version DESC LIMIT 100"
)


class StoredVersion(NamedTuple):
    """One version of a resource; `content` is None where the version is the deletion."""

    version: int
    last_updated: datetime
    content: str | None


def append(
    tx: Transaction,
    resource_type: str,
    resource_id: str,
    version: int,
    last_updated: datetime,
    *,
    interaction: str,
    content: bytes | None,
    mapper_version: int,
    events: Sequence[str],
) -> None:
    """Add a version and its outbox row, and queue it for the subscriptions, which are not told of one another."""
    key = (tx.tenant_id, resource_type, resource_id, version)
    named = "{" + ",".join(events) + "}"
    tx.add(_INSERT_VERSION, (*key, last_updated, interaction, content, mapper_version, tx.actor))
    announce(tx, resource_type, resource_id, version, last_updated, events=events)
    if resource_type != "Subscription":
        tx.add(_INSERT_QUEUE, (*key, named, last_updated))
        tx.tells_subscribers = True


def announce(
    tx: Transaction, resource_type: str, resource_id: str, version: int, at: datetime, *, events: Sequence[str]
) -> None:
    """Add an outbox row: that of a version, or of a sealed block, which has no version."""
    tx.add(_INSERT_OUTBOX, (tx.tenant_id, resource_type, resource_id, version, "{" + ",".join(events) + "}", at))


async def read_latest(reader: Reader, tenant_id: str, resource_type: str, resource_id: str) -> StoredVersion | None:
    rows = await reader.read(tenant_id, _LATEST, tenant_id, resource_type, resource_id)
    return StoredVersion(*rows[0]) if rows else None


async def read_version(
    reader: Reader, tenant_id: str, resource_type: str, resource_id: str, version: int
) -> StoredVersion | None:
    rows = await reader.read(tenant_id, _VERSION, tenant_id, resource_type, resource_id, version)
    return StoredVersion(*rows[0]) if rows else None


async def latest(tx: Transaction, resource_type: str, resource_id: str) -> StoredVersion | None:
    rows = await tx.fetch(_LATEST, tx.tenant_id, resource_type, resource_id)
    return StoredVersion(*rows[0]) if rows else None


async def known(tx: Transaction, versions: Iterable[tuple[str, str, str]]) -> set[tuple[str, str, str]]:
    """Those (type, id, version) that exist and are no deletion."""
    asked = sorted(set(versions))
    types, ids, numbers = ([each[column] for each in asked] for column in range(3))
    return {(row[0], row[1], row[2]) for row in await tx.fetch(_KNOWN, tx.tenant_id, types, ids, numbers)}


async def contents(tx: Transaction, resource_type: str, resource_id: str) -> list[str]:
    """What the versions of a resource said, newest first (at most a hundred)."""
    return [row[0] for row in await tx.fetch(_CONTENTS, tx.tenant_id, resource_type, resource_id)]

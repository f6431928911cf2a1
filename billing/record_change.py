"""The one way to write a resource: its rows, its rendered version and its outbox row, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy

from billing.change import Change
from ledger.resource import Resource
from mappers import MAPPER_VERSION, mapper_for
from storage import resource_versions
from storage.resource_rows import rows_of
from storage.transaction import Transaction


def record_creation(tx: Transaction, record: Resource, *, base_version: int = 0, events: Sequence[str] = ()) -> Change:
    """Write a resource that is not there; `base_version` is the last version it had before it was deleted."""
    _next_version(tx, record, base_version, None)
    rows_of(type(record).__name__).insert(tx, record)
    tx.created.add((type(record).__name__, record.id))
    return _append(tx, record, "created", "create", events)


def record_update(tx: Transaction, record: Resource, previous: Resource, *, events: Sequence[str] = ()) -> Change:
    """Write a changed resource, the row of which is locked. What changed nothing makes no version."""
    record.version, record.last_updated = previous.version, previous.last_updated
    if record == previous and _rendered(record) == _rendered(previous):
        return unchanged(record)
    _next_version(tx, record, previous.version, previous)
    rows_of(type(record).__name__).update(tx, record, previous)
    return _append(tx, record, "updated", "update", events)


def record_deletion(tx: Transaction, previous: Resource, *, events: Sequence[str] = ()) -> Change:
    """Take a resource away. Its versions stay, and one more says that it is gone."""
    resource_type = type(previous).__name__
    version, at = previous.version + 1, tx.next_instant(previous.last_updated)
    resource_versions.append(
        tx,
        resource_type,
        previous.id,
        version,
        at,
        interaction="delete",
        content=None,
        mapper_version=MAPPER_VERSION,
        events=events,
    )
    rows_of(resource_type).delete(tx, previous.id)
    tx.created.discard((resource_type, previous.id))
    return Change(resource_type, previous.id, version, at, None, "deleted")


def _rendered(record: Resource) -> bytes:
    # Records are equal also where a decimal has other zeros, and those are kept too.
    return mapper_for(type(record).__name__).render(record)


def record_rendering(tx: Transaction, record: Resource) -> Change:
    """Render a resource anew, the row of which is locked: a version of its own, though nothing in it changed."""
    previous = copy(record)
    _next_version(tx, record, previous.version, previous)
    rows_of(type(record).__name__).update(tx, record, previous)
    return _append(tx, record, "updated", "update", ())


def unchanged(record: Resource, outcome: str = "unchanged") -> Change:
    """The resource as it is."""
    assert record.last_updated is not None
    resource_type = type(record).__name__
    content = mapper_for(resource_type).render(record)
    return Change(resource_type, record.id, record.version, record.last_updated, content, outcome)


def _next_version(tx: Transaction, record: Resource, version: int, previous: Resource | None) -> None:
    record.version = version + 1
    record.last_updated = tx.next_instant(previous.last_updated if previous else None)


def _append(tx: Transaction, record: Resource, outcome: str, interaction: str, events: Sequence[str]) -> Change:
    change = unchanged(record, outcome)
    resource_versions.append(
        tx,
        change.resource_type,
        record.id,
        record.version,
        change.last_updated,
        interaction=interaction,
        content=change.content,
        mapper_version=MAPPER_VERSION,
        events=events,
    )
    return change

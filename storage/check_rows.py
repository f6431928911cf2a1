"""The current resources of a tenant, a stretch of ids at a time, read for `./run check`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import NamedTuple

from ledger.resource import Resource
from storage.check_snapshot import Snapshot, sql
from storage.pipeline import Row, Statement
from storage.resource_rows import RESOURCE_TYPES, ResourceRows, rows_of

AT_ONCE = 300


class Stretch(NamedTuple):
    """The ids behind `after`, up to and with `through`; without that, up to the last."""

    after: str = ""
    through: str | None = None


class Head(NamedTuple):
    """Which version of a resource its row is of."""

    id: str
    version: int
    last_updated: datetime


async def stretches(snapshot: Snapshot, tenant_id: str, resource_type: str, size: int) -> list[Stretch]:
    """All ids there are or ever were of a type, in stretches of about so many resources; one if there are none."""
    if resource_type not in RESOURCE_TYPES:
        return [Stretch()]
    ends: list[str | None] = [row[0] for row in await snapshot.rows(_ends(resource_type), tenant_id, size)]
    return [Stretch(after or "", through) for after, through in zip([None, *ends], [*ends, None], strict=True)]


async def heads(snapshot: Snapshot, tenant_id: str, resource_type: str, stretch: Stretch) -> list[Head]:
    """The first resources of a stretch: `AT_ONCE`, or all that there are in it."""
    if resource_type not in RESOURCE_TYPES:
        return []
    return [Head(*row) for row in await snapshot.rows(_heads(resource_type), tenant_id, *stretch)]


async def records(
    snapshot: Snapshot, tenant_id: str, resource_type: str, ids: Sequence[str]
) -> tuple[dict[str, Resource], list[str]]:
    """Resources by their ids, and the ids of rows that make no record."""
    rows = rows_of(resource_type)
    return _records(rows, ids, await snapshot.rows_of_all(rows.queries(tenant_id, ids)))


def _records(rows: ResourceRows, ids: Sequence[str], results: list[list[Row]]) -> tuple[dict[str, Resource], list[str]]:
    try:
        return rows.records(results), []
    except (LookupError, ValueError, TypeError, AssertionError):
        # One of them is damaged: read each by itself.
        found: dict[str, Resource] = {}
        unreadable = []
        for resource_id in ids:
            own = [[row for row in result if row[0] == resource_id] for result in results]
            try:
                found |= rows.records(own)
            except (LookupError, ValueError, TypeError, AssertionError):
                unreadable.append(resource_id)
        return found, unreadable


@cache
def _ends(resource_type: str) -> Statement:
    return sql(
        "SELECT r.id FROM (SELECT id, row_number() OVER (ORDER BY id) AS place"
        f" FROM {rows_of(resource_type).table.fullname} WHERE tenant_id = $1) AS r"
        " WHERE mod(r.place, $2::int) = 0 ORDER BY 1"
    )


@cache
def _heads(resource_type: str) -> Statement:
    return sql(
        f"SELECT id, version, last_updated FROM {rows_of(resource_type).table.fullname} WHERE tenant_id = $1"
        f" AND id > $2 AND ($3::text IS NULL OR id <= $3::text) ORDER BY id LIMIT {AT_ONCE}"
    )

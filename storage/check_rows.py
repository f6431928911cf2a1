"""The current resources of a tenant in batches, each with its newest version, read for `./run check`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from ledger.resource import Resource
from storage.check_snapshot import Snapshot, sql
from storage.pipeline import Row, Statement
from storage.resource_rows import ResourceRows, rows_of

_BATCH = 300

_NEWEST = Statement(
    "SELECT w.id, v.version, v.last_updated, v.content, v.mapper_version FROM unnest($3::text[]) AS w(id)"
    " CROSS JOIN LATERAL (SELECT * FROM billing.resource_versions WHERE tenant_id = $1 AND resource_type = $2"
    " AND id = w.id ORDER BY version DESC LIMIT 1) AS v"
)


class NewestVersion(NamedTuple):
    version: int
    last_updated: datetime
    content: str | None
    mapper_version: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Some current resources of one type by id. `unreadable`: the ids of rows that make no record."""

    records: dict[str, Resource]
    newest: dict[str, NewestVersion]
    unreadable: list[str]


async def batches(snapshot: Snapshot, tenant_id: str, resource_type: str) -> AsyncIterator[Batch]:
    """All current resources of a type, in the order of their ids."""
    rows = rows_of(resource_type)
    after_statement = sql(
        f"SELECT id FROM {rows.table.fullname} WHERE tenant_id = $1 AND id > $2 ORDER BY id LIMIT {_BATCH}"
    )
    after = ""
    while ids := [row[0] for row in await snapshot.rows(after_statement, tenant_id, after)]:
        newest, *results = await snapshot.rows_of_all(
            [(_NEWEST, (tenant_id, resource_type, ids)), *rows.queries(tenant_id, ids)]
        )
        records, unreadable = _records(rows, ids, results)
        yield Batch(records, {row[0]: NewestVersion(*row[1:]) for row in newest}, unreadable)
        if len(ids) < _BATCH:
            return
        after = ids[-1]


def _records(rows: ResourceRows, ids: Sequence[str], results: list[list[Row]]) -> tuple[dict[str, Resource], list[str]]:
    try:
        return rows.records(results), []
    except (LookupError, ValueError, TypeError, AssertionError):
        # One of them is damaged: read each by itself.
        records: dict[str, Resource] = {}
        unreadable = []
        for resource_id in ids:
            own = [[row for row in result if row[0] == resource_id] for result in results]
            try:
                records |= rows.records(own)
            except (LookupError, ValueError, TypeError, AssertionError):
                unreadable.append(resource_id)
        return records, unreadable

"""The history of one resource, of types or of all: versions in the order in which they were made, page by page.

A page begins behind the last version of the one before, told by its place in the order. Of types and of all it stops
before the oldest change that may still be on its way (see `storage.search_horizon`), so that nobody who goes on from
the last change that was seen misses one that is committed late.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple, cast

from storage.pipeline import Statement
from storage.search_horizon import HORIZON, read_settled
from storage.transaction import Reader

STATEMENTS_KEPT = 256

Query = tuple[Statement, Sequence[Any]]


class Position(NamedTuple):
    """The place of a version in the order; two resources may have changed in the same microsecond."""

    last_updated: datetime
    resource_type: str
    id: str
    version: int


class HistoryEntry(NamedTuple):
    """A version; `content` is None where it is the deletion."""

    last_updated: datetime
    resource_type: str
    id: str
    version: int
    interaction: str
    content: str | None

    @property
    def position(self) -> Position:
        return Position(*self[:4])


@dataclass(frozen=True, slots=True)
class HistoryWanted:
    """`count` versions of `types`, or of the one resource of the one type that `id` names.

    `since`: made at this moment or later. `at`: the first and the last moment of a time in which they were current.
    """

    types: tuple[str, ...]
    id: str | None
    count: int
    since: datetime | None = None
    at: tuple[datetime, datetime] | None = None
    oldest_first: bool = False
    after: Position | None = None


class HistoryPage(NamedTuple):
    """`total` counts what is asked for, over all pages; None where nobody counted. `is_known`: there is any version."""

    entries: list[HistoryEntry]
    more: bool
    total: int | None
    is_known: bool = True


async def read_history(reader: Reader, tenant_id: str, wanted: HistoryWanted) -> HistoryPage:
    """A page. All are counted only for one resource, or where no version is wanted."""
    queries: list[Query] = []
    if wanted.count:
        queries.append(page_query(tenant_id, wanted))
    if wanted.id is not None or not wanted.count:
        queries.append((_count_statement(_shape_of(wanted)), _values(tenant_id, wanted)))
    if wanted.id is not None:
        # One resource changes only when the change before is committed.
        results = await reader.read_all(tenant_id, queries)
    else:
        results = await read_settled(reader, tenant_id, queries)
    rows = results[0] if wanted.count else []
    total, all_versions = results[-1][0] if len(results) > bool(wanted.count) else (None, None)
    entries = [HistoryEntry(*row) for row in rows[: wanted.count]]
    return HistoryPage(entries, len(rows) > wanted.count > 0, total, all_versions != 0)


def page_query(tenant_id: str, wanted: HistoryWanted) -> Query:
    """What reads a page, and one version more, which says that there is another page."""
    statement = _page_statement(_shape_of(wanted), wanted.count + 1)
    return statement, (*_values(tenant_id, wanted), *(wanted.after or ()))


def _values(tenant_id: str, wanted: HistoryWanted) -> tuple[Any, ...]:
    filters = [wanted.id, wanted.since, *(wanted.at or ())]
    return (tenant_id, *(value for value in filters if value is not None))


class _Shape(NamedTuple):
    types: tuple[str, ...]
    has_id: bool
    has_since: bool
    has_at: bool
    oldest_first: bool
    has_after: bool


def _shape_of(wanted: HistoryWanted) -> _Shape:
    return _Shape(
        wanted.types,
        wanted.id is not None,
        wanted.since is not None,
        wanted.at is not None,
        wanted.oldest_first,
        wanted.after is not None,
    )


@lru_cache(maxsize=STATEMENTS_KEPT)
def _page_statement(shape: _Shape, limit: int) -> Statement:
    direction = "" if shape.oldest_first else " DESC"
    conditions = _conditions(shape)
    if shape.has_after:
        first = 2 + _filters(shape)
        operator = ">" if shape.oldest_first else "<"
        after = f"${first}::timestamptz, ${first + 1}::text, ${first + 2}::text, ${first + 3}::int"
        conditions += [
            # It follows from the next one; said for itself it is where the index may begin.
            f"v.last_updated {operator}= ${first}::timestamptz",
            f"(v.last_updated, v.resource_type, v.id, v.version) {operator} ({after})",
        ]
    order = ", ".join(f"{{0}}{name}{direction}" for name in Position._fields)
    sections = [
        "(SELECT v.last_updated, v.resource_type, v.id, v.version, v.interaction, v.content"
        f" FROM billing.resource_versions AS v WHERE v.tenant_id = $1 AND v.resource_type = '{name}'"
        f"{''.join(f' AND {condition}' for condition in conditions)}"
        f" ORDER BY {order.format('v.')} LIMIT {limit})"
        for name in shape.types
    ]
    if len(sections) == 1:
        return _statement(sections[0][1:-1])
    return _statement(
        f"SELECT * FROM ({' UNION ALL '.join(sections)}) AS p ORDER BY {order.format('p.')} LIMIT {limit}"
    )


@lru_cache(maxsize=STATEMENTS_KEPT)
def _count_statement(shape: _Shape) -> Statement:
    """How many are asked for; and of one resource, how many versions it has at all."""
    types = ", ".join(f"'{name}'" for name in shape.types)
    start = f"FROM billing.resource_versions AS v WHERE v.tenant_id = $1 AND v.resource_type = ANY (ARRAY[{types}])"
    conditions = " AND ".join(_conditions(shape)) or "TRUE"
    if shape.has_id:
        return _statement(f"SELECT count(*) FILTER (WHERE {conditions}), count(*) {start} AND v.id = $2")
    return _statement(f"SELECT count(*), NULL {start} AND {conditions}")


def _filters(shape: _Shape) -> int:
    """How many parameters the conditions have."""
    return shape.has_id + shape.has_since + 2 * shape.has_at


def _conditions(shape: _Shape) -> list[str]:
    conditions = ["v.id = $2"] if shape.has_id else [f"v.last_updated < {HORIZON}"]
    if shape.has_since:
        conditions.append(f"v.last_updated >= ${2 + shape.has_id}::timestamptz")
    if shape.has_at:
        start = 2 + shape.has_id + shape.has_since
        # Current until the next version, and a deletion only at the moment at which it happened.
        successor = (
            "EXISTS (SELECT FROM billing.resource_versions AS n WHERE n.tenant_id = v.tenant_id"
            " AND n.resource_type = v.resource_type AND n.id = v.id AND n.version = v.version + 1"
            f" AND n.last_updated <= ${start}::timestamptz)"
        )
        conditions += [
            f"v.last_updated <= ${start + 1}::timestamptz",
            f"(v.last_updated >= ${start}::timestamptz OR (v.interaction <> 'delete' AND NOT {successor}))",
        ]
    return conditions


def _statement(text: str) -> Statement:
    return Statement(cast(Any, text))

"""Searches: one statement finds the rows of a page, in order, and their rendered versions with them.

A statement is made once for each shape of search (columns and operators, not values) and remembered; PostgreSQL plans
it once a connection. Which page follows is told by the values of the last row, never by an offset.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, NamedTuple, cast

from storage.pipeline import Row, Statement
from storage.search_criteria import Criterion, Every, Shape, is_pointed
from storage.search_horizon import asks_for_changes, read_settled, settled
from storage.search_paging import Key, ordering, sections_after
from storage.search_sql import Conditions, SortKey
from storage.transaction import Reader

STATEMENTS_KEPT = 512


class Anchor(NamedTuple):
    """The row next to which a page begins: its values in the columns of the sort, and its id."""

    values: tuple[str | None, ...]
    id: str


class Match(NamedTuple):
    anchor: Anchor
    content: str


@dataclass(frozen=True, slots=True)
class PageWanted:
    """`count` matches behind `after` in the order of `sort`, or before it, if `backward`; the first ones without it."""

    resource_type: str
    criterion: Criterion
    sort: tuple[SortKey, ...]
    count: int
    after: Anchor | None = None
    backward: bool = False
    with_total: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """`more`: there are further matches in the direction of reading. `total` is None where nobody counted."""

    matches: list[Match]
    more: bool
    total: int | None


async def read_page(reader: Reader, tenant_id: str, wanted: PageWanted) -> Page:
    """The page, and the number of all matches where it is asked for, in one round trip."""
    return (await read_pages(reader, tenant_id, [wanted]))[0]


async def read_pages(reader: Reader, tenant_id: str, wanted: Sequence[PageWanted]) -> list[Page]:
    """The same of several searches, in one round trip as well."""
    wanted = [_settled(each) for each in wanted]
    queries = [_queries(tenant_id, each) for each in wanted]
    shape = Every(tuple(each.criterion.shape for each in wanted))
    pointed = all(is_pointed(each.criterion.shape) for each in wanted)
    results = await _read(reader, tenant_id, [query for each in queries for query in each], shape, pointed=pointed)
    pages = []
    for each, its_queries in zip(wanted, queries, strict=True):
        pages.append(_page(each, results[: len(its_queries)]))
        results = results[len(its_queries) :]
    return pages


def queries_of(tenant_id: str, wanted: PageWanted) -> list[tuple[Statement, Sequence[Any]]]:
    """The statements of a page and of its total, with their parameters."""
    return _queries(tenant_id, _settled(wanted))


def _settled(wanted: PageWanted) -> PageWanted:
    if not asks_for_changes(wanted.criterion.shape):
        return wanted
    return replace(wanted, criterion=settled(wanted.criterion))


def _queries(tenant_id: str, wanted: PageWanted) -> list[tuple[Statement, Sequence[Any]]]:
    queries: list[tuple[Statement, Sequence[Any]]] = []
    if wanted.count:
        queries.append(page_query(tenant_id, wanted))
    if wanted.with_total or not wanted.count:
        statement = _count_statement(wanted.resource_type, wanted.criterion.shape)
        queries.append((statement, (tenant_id, *wanted.criterion.values)))
    return queries


def _page(wanted: PageWanted, results: list[list[Row]]) -> Page:
    rows = results[0] if wanted.count else []
    total = results[-1][0][0] if len(results) > bool(wanted.count) else None
    matches = [_match(row) for row in rows[: wanted.count]]
    if wanted.backward:
        matches.reverse()
    more = len(rows) > wanted.count if wanted.count else False
    if total is None and wanted.after is None and not more:
        total = len(matches)
    return Page(matches, more, total)


async def read_linked(reader: Reader, tenant_id: str, wanted: Sequence[PageWanted]) -> list[list[Match]]:
    """The matches of several searches that start at ids, in one round trip; one more each, if there are more."""
    results = await reader.read_all(tenant_id, [page_query(tenant_id, each) for each in wanted])
    return [[_match(row) for row in rows] for rows in results]


async def read_ids(
    reader: Reader, tenant_id: str, resource_type: str, criterion: Criterion, *, limit: int
) -> list[str]:
    """The ids of the first matches, in their order."""
    query = _ids_statement(resource_type, criterion.shape, limit), (tenant_id, *criterion.values)
    [rows] = await _read(reader, tenant_id, [query], criterion.shape, pointed=is_pointed(criterion.shape))
    return [row[0] for row in rows]


# Connections plan each statement once, for any values. Where it depends on the values which index is best, such as for
# a range of dates, PostgreSQL is to plan for those at hand.
_PLAN_FOR_VALUES = Statement("SELECT set_config('plan_cache_mode', 'force_custom_plan', true)")
_PLAN_ONCE = Statement("SELECT set_config('plan_cache_mode', 'force_generic_plan', true)")


async def _read(
    reader: Reader, tenant_id: str, queries: list[tuple[Statement, Sequence[Any]]], shape: Shape, *, pointed: bool
) -> list[list[Row]]:
    if not pointed:
        queries = [(_PLAN_FOR_VALUES, ()), *queries, (_PLAN_ONCE, ())]
    if asks_for_changes(shape):
        results = await read_settled(reader, tenant_id, queries)
    else:
        results = await reader.read_all(tenant_id, queries)
    return results if pointed else results[1:-1]


def _match(row: Row) -> Match:
    content, resource_id, *values = row
    return Match(Anchor(tuple(values), resource_id), content)


def page_query(tenant_id: str, wanted: PageWanted) -> tuple[Statement, Sequence[Any]]:
    sort = tuple(key.reversed for key in wanted.sort) if wanted.backward else wanted.sort
    nulls: tuple[bool, ...] | None = None
    after: list[str] = []
    if wanted.after is not None:
        nulls = tuple(value is None for value in wanted.after.values)
        after = [*(value for value in wanted.after.values if value is not None), wanted.after.id]
    id_descending = wanted.backward if not sort else sort[-1].descending
    statement = _page_statement(
        wanted.resource_type, wanted.criterion.shape, (*sort, SortKey("id", id_descending)), nulls, wanted.count + 1
    )
    return statement, (tenant_id, *wanted.criterion.values, *after)


@lru_cache(maxsize=STATEMENTS_KEPT)
def _page_statement(
    resource_type: str, shape: Shape, sort: tuple[SortKey, ...], nulls: tuple[bool, ...] | None, limit: int
) -> Statement:
    # The limit is written out: for one that it does not know PostgreSQL plans as if hardly any rows were wanted.
    conditions = Conditions(resource_type)
    wheres = conditions.write_arms(shape)
    keys = _keys(conditions, sort, nulls)
    sections = [""] if nulls is None else [f" AND {section}" for section in sections_after(keys)]
    names = [f"k{number}" for number in range(1, len(sort))]
    selected = ", ".join(
        ["r.id", "r.version", *(f"{key.column} AS {name}" for key, name in zip(keys, names, strict=False))]
    )
    joined = "".join(conditions.joined(key.column, number) for number, key in enumerate(sort))
    found = [
        f"(SELECT {selected} FROM {conditions.table.fullname} AS r{joined}"
        f" WHERE r.tenant_id = $1 AND {where}{section}"
        f" ORDER BY {ordering(keys)} LIMIT {limit})"
        for where in wheres
        for section in sections
    ]
    order = ordering(
        [Key(f"p.{name}", key.descending, key.nullable) for key, name in zip(keys, [*names, "id"], strict=True)]
    )
    text = (
        "SELECT (SELECT v.content FROM billing.resource_versions AS v WHERE v.tenant_id = $1"
        f" AND v.resource_type = '{resource_type}' AND v.id = p.id AND v.version = p.version)"
        f"{''.join(f', p.{name}::text' for name in ['id', *names])}"
        f" FROM ({' UNION ALL '.join(found)}) AS p ORDER BY {order} LIMIT {limit}"
    )
    return _statement(text)


def _keys(conditions: Conditions, sort: tuple[SortKey, ...], nulls: tuple[bool, ...] | None) -> list[Key]:
    keys = []
    for number, key in enumerate(sort):
        is_null = nulls is None or (number < len(nulls) and nulls[number])
        value = None if is_null else conditions.parameter(conditions.type_of(key.column))
        nullable = conditions.is_nullable(key.column) and not key.is_end
        keys.append(Key(conditions.sorted_by(key.column, number), key.descending, nullable, value))
    return keys


@lru_cache(maxsize=STATEMENTS_KEPT)
def _count_statement(resource_type: str, shape: Shape) -> Statement:
    conditions = Conditions(resource_type)
    where = conditions.write(shape)
    return _statement(f"SELECT count(*) FROM {conditions.table.fullname} AS r WHERE r.tenant_id = $1 AND {where}")


@lru_cache(maxsize=STATEMENTS_KEPT)
def _ids_statement(resource_type: str, shape: Shape, limit: int) -> Statement:
    conditions = Conditions(resource_type)
    where = conditions.write(shape)
    return _statement(
        f"SELECT r.id FROM {conditions.table.fullname} AS r WHERE r.tenant_id = $1 AND {where}"
        f" ORDER BY r.id LIMIT {limit}"
    )


def _statement(text: str) -> Statement:
    return Statement(cast(Any, text))

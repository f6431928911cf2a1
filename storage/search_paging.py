"""Keyset paging in SQL: which rows come after a given one, under any sort, some of whose values are NULL.

A NULL sorts behind every value, as PostgreSQL has it, so that an index in order serves both directions. The id comes
last in every sort: no two rows are equal. https://use-the-index-luke.com/no-offset
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Key:
    """One column of a sort as SQL text. `value` is the placeholder of the row to continue after, None for its NULL.

    `nullable`: it may be NULL in rows that are equal up to here.
    """

    column: str
    descending: bool
    nullable: bool
    value: str | None = None


def ordering(keys: Sequence[Key]) -> str:
    return ", ".join(f"{key.column} DESC" if key.descending else key.column for key in keys)


def sections_after(keys: Sequence[Key]) -> list[str]:
    """Conditions that, one after the other, give the rows behind the given one.

    There are two where the rest lies in two ranges of an index: the values that follow, and the NULLs. Asked as one
    condition with OR, the index would be read from its start.
    """
    first, *others = keys
    is_null, is_not_null = f"{first.column} IS NULL", f"{first.column} IS NOT NULL"
    if first.value is None:
        rest = f"{is_null} AND {_after(others)}"
        return [rest, is_not_null] if first.descending else [rest]
    if first.nullable and not first.descending:
        return [_after([_never_null(first), *others]), is_null]
    return [_after(keys)]


def _never_null(key: Key) -> Key:
    return Key(key.column, key.descending, nullable=False, value=key.value)


def _after(keys: Sequence[Key]) -> str:
    row = _row_comparison(keys)
    if row is not None:
        return row
    first = keys[0]
    ways = []
    for number, key in enumerate(keys):
        beyond = _beyond(key)
        if beyond is not None:
            ways.append(" AND ".join([*map(_same, keys[:number]), beyond]))
    condition = f"({' OR '.join(f'({way})' for way in ways)})"
    if first.value is not None and (first.descending or not first.nullable):
        # It follows from the condition; said for itself it is where an index may begin.
        condition = f"{first.column} {'<=' if first.descending else '>='} {first.value} AND {condition}"
    return condition


def _row_comparison(keys: Sequence[Key]) -> str | None:
    """`(a, b, id) > (...)`: one range of an index, where all columns go one way and NULLs cannot lie ahead."""
    descending = keys[0].descending
    for key in keys:
        if key.value is None or key.descending != descending or (key.nullable and not descending):
            return None
    columns = ", ".join(key.column for key in keys)
    values = ", ".join(key.value for key in keys if key.value is not None)
    return f"({columns}) {'<' if descending else '>'} ({values})"


def _same(key: Key) -> str:
    return f"{key.column} IS NULL" if key.value is None else f"{key.column} = {key.value}"


def _beyond(key: Key) -> str | None:
    if key.value is None:
        return f"{key.column} IS NOT NULL" if key.descending and key.nullable else None
    if key.descending:
        return f"{key.column} < {key.value}"
    return f"({key.column} > {key.value} OR {key.column} IS NULL)" if key.nullable else f"{key.column} > {key.value}"

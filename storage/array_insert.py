"""Adding rows as arrays: one statement a table, however many rows.

`INSERT INTO t (a, b) SELECT * FROM unnest($1::text[], $2::int[])`: made once from the table's columns. A few rows go as
VALUES: arrays of one or two cost more to write and to read than they save.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any, LiteralString

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from storage.pipeline import Statement

_FEW = 4

JOURNAL_ORDER = 800
"""`ArrayInsert.order` from which on rows tell of what happened to resources: the journal, the versions, the outbox."""


class ArrayInsert:
    """The statements that add rows to a table. `order`: parents before children, as `storage.tables` lists them.

    `in_key_order`: rows that two transactions may both want go in the order of their keys, however many commands of the
    transaction add them. Who comes second then waits for the first, and neither waits for the other.
    """

    __slots__ = ("_few", "_in_key_order", "_many", "columns", "order")

    def __init__(self, table: sa.Table, order: int, *, in_key_order: bool = False) -> None:
        self.columns = written_columns(table)
        self.order = order
        self._in_key_order = in_key_order
        types = [sql_type(column) for column in self.columns]
        names = ", ".join(f'"{column.name}"' for column in self.columns)
        into = f"INSERT INTO {table.fullname} ({names})"
        # An array of arrays has to be rectangular, so an array column travels as its text.
        arrays = ", ".join(
            f"${number}::{'text' if type_.endswith('[]') else type_}[]" for number, type_ in enumerate(types, 1)
        )
        values = ", ".join(
            f"c{number}::{type_}" if type_.endswith("[]") else f"c{number}" for number, type_ in enumerate(types, 1)
        )
        aliases = ", ".join(f"c{number}" for number in range(1, len(types) + 1))
        self._many = Statement(made_of_tables(f"{into} SELECT {values} FROM unnest({arrays}) AS added({aliases})"))
        self._few = [
            Statement(made_of_tables(f"{into} VALUES {_values(types, count)}")) for count in range(1, _FEW + 1)
        ]

    def query(self, rows: Sequence[Sequence[Any]]) -> tuple[Statement, Sequence[Any]]:
        """The statement that adds the rows, with its parameters."""
        if self._in_key_order:
            rows = sorted(rows, key=tuple)
        if len(rows) <= _FEW:
            return self._few[len(rows) - 1], list(chain.from_iterable(rows))
        return self._many, [_column(values) for values in zip(*rows, strict=True)]


def _column(values: tuple[Any, ...]) -> list[Any] | None:
    """What travels of a column: nothing where it holds nothing, for unnest fills up what is shorter than the others.

    Most columns of most resources are so, and each would be an array of NULLs to write and to read.
    """
    return None if values.count(None) == len(values) else list(values)


def _values(types: Sequence[str], count: int) -> str:
    """`($1::text, $2::int), ($3::text, $4::int)` for two rows of two columns."""
    rows = (
        ", ".join(f"${row * len(types) + number}::{type_}" for number, type_ in enumerate(types, 1))
        for row in range(count)
    )
    return ", ".join(f"({row})" for row in rows)


def made_of_tables(sql: str) -> LiteralString:
    """SQL that is put together from our own table definitions, never from input."""
    return sql


def written_columns(table: sa.Table) -> list[sa.Column[Any]]:
    """The columns that we write: not those that the database computes."""
    return [column for column in table.columns if column.computed is None and column.identity is None]


def sql_type(column: sa.Column[Any]) -> str:
    """The type of a column as PostgreSQL names it, without its collation."""
    if isinstance(column.type, sa.Text):
        return "text"
    return column.type.compile(dialect=pg.dialect()).lower()  # type: ignore[no-untyped-call]

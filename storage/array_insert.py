"""Adding rows as arrays: one statement a table, however many rows.

`INSERT INTO t (a, b) SELECT * FROM unnest($1::text[], $2::int[])`: made once from the table's columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, LiteralString

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from storage.pipeline import Statement


class ArrayInsert:
    """The statements that add rows to a table. `order`: parents before children, as `storage.tables` lists them."""

    __slots__ = ("_many", "_one", "columns", "order")

    def __init__(self, table: sa.Table, order: int) -> None:
        self.columns = written_columns(table)
        self.order = order
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
        parameters = ", ".join(f"${number}::{type_}" for number, type_ in enumerate(types, 1))
        self._one = Statement(made_of_tables(f"{into} VALUES ({parameters})"))

    def query(self, rows: Sequence[Sequence[Any]]) -> tuple[Statement, Sequence[Any]]:
        """The statement that adds the rows, with its parameters; a single row goes without the arrays' detour."""
        if len(rows) == 1:
            return self._one, rows[0]
        return self._many, [list(values) for values in zip(*rows, strict=True)]


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

"""Adding rows as arrays: one statement a table, however many rows.

`INSERT INTO t (a, b) SELECT * FROM unnest($1::text[], $2::int[])`: made once from the table's columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from storage.pipeline import Statement


class ArrayInsert:
    """The statement that adds rows to a table. `order`: parents before children, as `storage.tables` lists them."""

    __slots__ = ("columns", "order", "statement")

    def __init__(self, table: sa.Table, order: int) -> None:
        self.columns = written_columns(table)
        self.order = order
        # An array of arrays has to be rectangular, so an array column travels as its text.
        types = [sql_type(column) for column in self.columns]
        arrays = ", ".join(
            f"${number}::{'text' if type_.endswith('[]') else type_}[]" for number, type_ in enumerate(types, 1)
        )
        names = ", ".join(f'"{column.name}"' for column in self.columns)
        values = ", ".join(
            f"c{number}::{type_}" if type_.endswith("[]") else f"c{number}" for number, type_ in enumerate(types, 1)
        )
        aliases = ", ".join(f"c{number}" for number in range(1, len(types) + 1))
        self.statement = Statement(
            # Built from our own table definitions, never from input.
            f"INSERT INTO {table.fullname} ({names}) SELECT {values} FROM unnest({arrays}) AS added({aliases})"  # type: ignore[arg-type]
        )

    def parameters(self, rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
        """The rows turned into one array a column."""
        return [list(values) for values in zip(*rows, strict=True)]


def written_columns(table: sa.Table) -> list[sa.Column[Any]]:
    """The columns that we write: not those that the database computes."""
    return [column for column in table.columns if column.computed is None and column.identity is None]


def sql_type(column: sa.Column[Any]) -> str:
    """The type of a column as PostgreSQL names it, without its collation."""
    if isinstance(column.type, sa.Text):
        return "text"
    return column.type.compile(dialect=pg.dialect()).lower()  # type: ignore[no-untyped-call]

"""The text of search statements, made of the shapes of criteria and our own table definitions, never of input.

Under row-level security PostgreSQL uses an index for leakproof operators only: equality and order of text in byte
order, of bigint and of timestamptz. Everything else filters what the others found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

import sqlalchemy as sa

from storage.array_insert import sql_type
from storage.resource_rows import rows_of
from storage.search_criteria import (
    Absent,
    Among,
    AmountCompared,
    Arms,
    BeforeHorizon,
    Compared,
    Either,
    Every,
    InChild,
    InIndex,
    Matched,
    Not,
    OneInstant,
    OneOf,
    Present,
    ReferredBy,
    Refers,
    Shape,
    after_all_with,
    is_pointed,
)
from storage.search_folding import folded_expression
from storage.search_horizon import HORIZON
from storage.search_parameters import ChildColumn, IndexRows, LocalIdColumn, ReferenceColumn
from storage.tables import metadata


@dataclass(frozen=True, slots=True)
class SortKey:
    """A column to sort by. What has no value comes last in ascending order, and first in descending order.

    `is_end`: the other end of what the column before begins, and so NULL only where that is.
    """

    column: str
    descending: bool = False
    is_end: bool = False

    @property
    def reversed(self) -> SortKey:
        return SortKey(self.column, not self.descending, self.is_end)


class Conditions:
    """Writes the conditions on one resource type as SQL, numbering the parameters as it goes."""

    def __init__(self, resource_type: str, alias: str = "r") -> None:
        self.table = rows_of(resource_type).table
        self._alias = alias
        self._numbers = count(2)  # $1 is the tenant
        self._aliases = count(1)

    def parameter(self, type_: str) -> str:
        return f"${next(self._numbers)}::{type_}"

    def write(self, shape: Shape) -> str:
        return self._write(shape, self.table, self._alias)

    def write_arms(self, shape: Shape) -> list[str]:
        """Conditions that exclude one another and together are the shape: the arms of the first part that has any."""
        parts = shape.conditions if isinstance(shape, Every) else (shape,)
        before: list[str] = []
        written: list[str] | None = None
        for part in parts:
            if isinstance(part, Arms) and written is None:
                arms = [self.write(arm) for arm in part.conditions]
                written = [" AND ".join([*before, arm]) for arm in arms]
            elif written is None:
                before.append(self.write(part))
            else:
                condition = self.write(part)
                written = [f"{each} AND {condition}" for each in written]
        return written if written is not None else [" AND ".join(before) or "TRUE"]

    def column(self, name: str) -> str:
        return f'{self._alias}."{self.table.c[name].name}"'

    def of_type(self, name: str) -> str:
        return sql_type(self.table.c[name])

    def is_nullable(self, name: str) -> bool:
        return bool(self.table.c[name].nullable)

    def _write(self, shape: Shape, table: sa.Table, alias: str) -> str:
        match shape:
            case Compared(column, operator):
                return f'{alias}."{column}" {operator} {self.parameter(sql_type(table.c[column]))}'
            case OneOf(column, count):
                texts = ", ".join(self.parameter("text") for _ in range(count))
                return f'{alias}."{column}" = ANY({f"ARRAY[{texts}]" if count else self.parameter("text[]")})'
            case OneInstant(column):
                return f'{alias}."{column}" = ANY({self.parameter("timestamptz[]")})'
            case Present(column):
                return f'{alias}."{table.c[column].name}" IS NOT NULL'
            case Absent(column):
                return f'{alias}."{table.c[column].name}" IS NULL'
            case Matched():
                return self._matched(shape, alias)
            case BeforeHorizon():
                return f"{alias}.last_updated < {HORIZON}"
            case AmountCompared(name, operator):
                return (
                    f'({alias}."{name}_currency" IS NULL AND {alias}."{name}_minor" {operator} '
                    f'{self.parameter("numeric")} * power(10::numeric, coalesce({alias}."{name}_scale", 0)))'
                )
            case InIndex(parameter, condition):
                return self._in_index(parameter, condition, table, alias)
            case InChild(name, condition):
                return self._in_child(metadata.tables[f"{table.schema}.{name}"], condition, alias)
            case Among(conditions):
                return self._among(conditions, table, alias)
            case Refers():
                return self._refers(shape, alias)
            case ReferredBy():
                return self._referred_by(shape, alias)
            case Every(conditions):
                return self._joined(conditions, " AND ", "TRUE", table, alias)
            case Either(conditions) | Arms(conditions):
                return self._joined(conditions, " OR ", "FALSE", table, alias)
            case Not(condition):
                return f"({self._write(condition, table, alias)}) IS NOT TRUE"

    def _joined(self, conditions: Sequence[Shape], word: str, empty: str, table: sa.Table, alias: str) -> str:
        written = [self._write(condition, table, alias) for condition in conditions]
        return f"({word.join(written)})" if written else empty

    def _matched(self, shape: Matched, alias: str) -> str:
        text = f'{alias}."{shape.column}"'
        if shape.folded:
            text = folded_expression(text)
        wanted = self.parameter("text")
        return f"starts_with({text}, {wanted})" if shape.how == "starts" else f"strpos({text}, {wanted}) > 0"

    def _in_index(self, parameter: str, condition: Shape, table: sa.Table, alias: str) -> str:
        index = metadata.tables[f"{table.fullname}_index"]
        inner = self._another_alias()
        name = parameter.replace("'", "''")
        return (
            f"EXISTS (SELECT FROM {index.fullname} AS {inner} WHERE {inner}.tenant_id = $1"
            f" AND {inner}.id = {alias}.id AND {inner}.parameter = '{name}'"
            f" AND {self._write(condition, index, inner)})"
        )

    def _in_child(self, child: sa.Table, condition: Shape, alias: str) -> str:
        inner = self._another_alias()
        return (
            f"EXISTS (SELECT FROM {child.fullname} AS {inner} WHERE {inner}.tenant_id = $1"
            f" AND {inner}.{parent_key(child)} = {alias}.id AND {self._write(condition, child, inner)})"
        )

    def _among(self, conditions: Sequence[Shape], table: sa.Table, alias: str) -> str:
        found = []
        for condition in conditions:
            inner = self._another_alias()
            where = self._write(condition, table, inner)
            found.append(f"SELECT {inner}.id FROM {table.fullname} AS {inner} WHERE {inner}.tenant_id = $1 AND {where}")
        return f"{alias}.id IN ({' UNION ALL '.join(found)})"

    # References between resources. Where they are kept as text, one side has to be computed, and PostgreSQL must not
    # see that, or it would not use an index on the other side: OFFSET 0 is what it does not look through. It then has
    # to be told where to begin: at the other resources where few can meet their condition, else at this one.

    def _refers(self, shape: Refers, alias: str) -> str:
        table, inner = rows_of(shape.type).table, self._another_alias()
        where = f"{inner}.tenant_id = $1 AND {self._write(shape.condition, table, inner)}"
        found, column = f"FROM {table.fullname} AS {inner}", f'{alias}."{shape.column.name}"'
        if isinstance(shape.column, LocalIdColumn):
            return f"{column} IN (SELECT {inner}.id {found} WHERE {where})"
        prefix = f"{shape.type}/"
        if is_pointed(shape.condition):
            written = f"SELECT '{prefix}' || {inner}.id AS reference {found} WHERE {where} OFFSET 0"
            return f"{column} IN (SELECT {inner}w.reference FROM ({written}) AS {inner}w)"
        read = f"SELECT substr({column}, {len(prefix) + 1}) AS id OFFSET 0"
        return (
            f"({_begins_with(column, prefix)} AND EXISTS"
            f" (SELECT {found}, ({read}) AS {inner}w WHERE {inner}.id = {inner}w.id AND {where}))"
        )

    def _referred_by(self, shape: ReferredBy, alias: str) -> str:
        table, inner = rows_of(shape.type).table, self._another_alias()
        found, where, column = f"FROM {table.fullname} AS {inner}", f"{inner}.tenant_id = $1", shape.place
        holder = inner
        if isinstance(column, IndexRows | ChildColumn):
            name = f"{table.name}_index" if isinstance(column, IndexRows) else column.table
            rows = metadata.tables[f"{table.schema}.{name}"]
            holder = self._another_alias()
            found += f" JOIN {rows.fullname} AS {holder} ON {holder}.tenant_id = $1"
            found += f" AND {holder}.{parent_key(rows)} = {inner}.id"
            if isinstance(column, IndexRows):
                where += f" AND {holder}.parameter = '{column.parameter}'"
            column = ReferenceColumn("value") if isinstance(column, IndexRows) else column.column
        where += f" AND {self._write(shape.condition, table, inner)}"
        reference = f'{holder}."{column.name}"'
        if isinstance(column, LocalIdColumn):
            return f"{alias}.id IN (SELECT {reference} {found} WHERE {where})"
        prefix = f"{shape.target}/"
        if is_pointed(shape.condition):
            read = f"SELECT substr({reference}, {len(prefix) + 1}) AS id {found}"
            read += f" WHERE {where} AND {_begins_with(reference, prefix)} OFFSET 0"
            return f"{alias}.id IN (SELECT {inner}w.id FROM ({read}) AS {inner}w)"
        written = f"SELECT '{prefix}' || {alias}.id AS reference OFFSET 0"
        return (
            f"EXISTS (SELECT {found} CROSS JOIN ({written}) AS {inner}w"
            f" WHERE {reference} = {inner}w.reference AND {where})"
        )

    def _another_alias(self) -> str:
        return f"{self._alias}{next(self._aliases)}"


def _begins_with(column: str, prefix: str) -> str:
    """As a range: of text that is ours, which needs no parameter."""
    return f"{column} >= '{prefix}' AND {column} < '{after_all_with(prefix)}'"


def parent_key(child: sa.Table) -> str:
    """The column of a repeating element's table that has the id of its resource."""
    return list(child.columns)[1].name

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
    InIndexTogether,
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
from storage.search_horizon import HORIZON
from storage.search_parameters import ChildColumn, IndexRows, LocalIdColumn, ReferenceColumn
from storage.tables import metadata
from storage.tables.metadata import FOLDED_CHARACTERS, SCHEMA

Place = ReferenceColumn | LocalIdColumn | IndexRows | ChildColumn


@dataclass(frozen=True, slots=True)
class OneOfMany:
    """The least or the greatest of the values that a resource has in places; with types, of references to these."""

    places: tuple[Place, ...]
    greatest: bool
    types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SortKey:
    """A column to sort by, or one of many values. What has none comes last in ascending order, first in descending.

    `is_end`: the other end of what the column before begins, and so NULL only where that is.
    """

    column: str | OneOfMany
    descending: bool = False
    is_end: bool = False

    @property
    def reversed(self) -> SortKey:
        # The same value of many: it is the same order, read from its end.
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

    def sorted_by(self, column: str | OneOfMany, number: int) -> str:
        """What to sort by. One of many values is to be joined as `joined` writes it, under the same number."""
        return f"s{number}.value" if isinstance(column, OneOfMany) else f'{self._alias}."{self.table.c[column].name}"'

    def joined(self, column: str | OneOfMany, number: int) -> str:
        if not isinstance(column, OneOfMany):
            return ""
        values = [self._one_of_many(place, column) for place in column.places]
        value = f"{'greatest' if column.greatest else 'least'}({', '.join(values)})" if len(values) > 1 else values[0]
        # It is worked out once for each row, not wherever it is used.
        return f" CROSS JOIN LATERAL (SELECT {value} AS value OFFSET 0) AS s{number}"

    def _one_of_many(self, place: Place, wanted: OneOfMany) -> str:
        """The value in one place; references to resources of ours as those to others are written."""
        if isinstance(place, ReferenceColumn | LocalIdColumn):
            value = _as_reference(place, self._alias)
            return f"CASE WHEN {_is_to(value, wanted.types)} THEN {value} END" if wanted.types else value
        inner, is_index = self._another_alias(), isinstance(place, IndexRows)
        name = f"{self.table.name}_index" if isinstance(place, IndexRows) else place.table
        rows = metadata.tables[f"{self.table.schema}.{name}"]
        value = f"{inner}.value" if isinstance(place, IndexRows) else _as_reference(place.column, inner)
        where = f"{inner}.tenant_id = $1 AND {inner}.{'id' if is_index else parent_key(rows)} = {self._alias}.id"
        if isinstance(place, IndexRows):
            where += f" AND {inner}.parameter = '{place.parameter}'"
        if wanted.types:
            where += f" AND {_is_to(value, wanted.types)}"
        function = "max" if wanted.greatest else "min"
        return f"(SELECT {function}({value}) FROM {rows.fullname} AS {inner} WHERE {where})"

    def type_of(self, column: str | OneOfMany) -> str:
        return "text" if isinstance(column, OneOfMany) else sql_type(self.table.c[column])

    def is_nullable(self, column: str | OneOfMany) -> bool:
        return isinstance(column, OneOfMany) or bool(self.table.c[column].nullable)

    def _write(self, shape: Shape, table: sa.Table, alias: str) -> str:
        match shape:
            case Compared():
                return self._compared(shape, table, alias)
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
                return self._matched(shape, table, alias)
            case BeforeHorizon():
                return f"{alias}.last_updated < {HORIZON}"
            case AmountCompared(name, operator):
                wanted = self.parameter("numeric")
                near = f"{operator.rstrip('=')}= {SCHEMA}.near({wanted})" if operator != "<>" else "IS NOT NULL"
                return (
                    f'({alias}."{name}_unstated" {near} AND {alias}."{name}_minor" {operator} '
                    f'{wanted} * power(10::numeric, coalesce({alias}."{name}_scale", 0)))'
                )
            case InIndex(parameter, condition):
                return self._in_index(parameter, condition, table, alias)
            case InIndexTogether():
                return self._in_index_together(shape, table, alias)
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

    def _compared(self, shape: Compared, table: sa.Table, alias: str) -> str:
        value = self.parameter(sql_type(table.c[shape.column]))
        written = f'{alias}."{shape.column}" {shape.operator} {value}'
        near = f"{shape.column}_near"
        if near not in table.c or shape.operator == "<>":
            return written
        # Numbers that are equal as floats may still differ, so the ends belong to what the index finds.
        operator = f"{shape.operator.rstrip('=')}="
        return f'({alias}."{near}" {operator} {SCHEMA}.near({value}) AND {written})'

    def _matched(self, shape: Matched, table: sa.Table, alias: str) -> str:
        text, wanted = f'{alias}."{shape.column}"', self.parameter("text")
        if not shape.folded:
            return f"starts_with({text}, {wanted})" if shape.how == "starts" else f"strpos({text}, {wanted}) > 0"
        whole, folded = f"{SCHEMA}.fold({text})", f"{SCHEMA}.fold({wanted})"
        if shape.how == "contains":
            return f"strpos({whole}, {folded}) > 0"
        starts = f"starts_with({whole}, {folded})"
        if f"{shape.column}_folded" not in table.c:
            return starts
        beginning, least = f'{alias}."{shape.column}_folded"', f"left({folded}, {FOLDED_CHARACTERS})"
        # No text has the last of all characters, which means none.
        return f"({beginning} >= {least} AND {beginning} < {least} || U&'\\+10FFFF' AND {starts})"

    def _in_index_together(self, shape: InIndexTogether, table: sa.Table, alias: str) -> str:
        index = metadata.tables[f"{table.fullname}_index"]
        inner, other = self._another_alias(), self._another_alias()
        where = self._write(shape.condition, index, inner)
        return (
            f"EXISTS (SELECT FROM {index.fullname} AS {inner} JOIN {index.fullname} AS {other}"
            f" ON {other}.tenant_id = $1 AND {other}.id = {inner}.id AND {other}.parameter = '{shape.other}'"
            f" AND {other}.position[1] = {inner}.position[1]"
            f" WHERE {inner}.tenant_id = $1 AND {inner}.id = {alias}.id AND {inner}.parameter = '{shape.parameter}'"
            f" AND {where} AND {self._write(shape.other_condition, index, other)})"
        )

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
        return _among_those(f"{alias}.id", " UNION ALL ".join(found), is_few=all(map(is_pointed, conditions)))

    # References between resources. Where they are kept as text, one side has to be computed, and PostgreSQL must not
    # see that, or it would not use an index on the other side: OFFSET 0 is what it does not look through. It then has
    # to be told where to begin: at the other resources where few can meet their condition, else at this one.

    def _refers(self, shape: Refers, alias: str) -> str:
        table, inner = rows_of(shape.type).table, self._another_alias()
        where = f"{inner}.tenant_id = $1 AND {self._write(shape.condition, table, inner)}"
        found, column = f"FROM {table.fullname} AS {inner}", f'{alias}."{shape.column.name}"'
        if isinstance(shape.column, LocalIdColumn):
            return _among_those(column, f"SELECT {inner}.id {found} WHERE {where}", is_few=is_pointed(shape.condition))
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
            return _among_those(
                f"{alias}.id", f"SELECT {reference} {found} WHERE {where}", is_few=is_pointed(shape.condition)
            )
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


def _among_those(column: str, select: str, *, is_few: bool) -> str:
    """Where few can meet the condition they are read first, once: a join is at times planned the other way round, above
    all on tables of which PostgreSQL has no statistics yet, and then reads all of this type.
    """
    return f"{column} = ANY(ARRAY({select}))" if is_few else f"{column} IN ({select})"


def _as_reference(column: ReferenceColumn | LocalIdColumn, alias: str) -> str:
    name = f'{alias}."{column.name}"'
    return f"'{column.type}/' || {name}" if isinstance(column, LocalIdColumn) else name


def _is_to(reference: str, types: Sequence[str]) -> str:
    """Whether a reference is to one of the types, here or on another server."""
    here = [f"({_begins_with(reference, each + '/')})" for each in types]
    elsewhere = [f"strpos({reference}, '/{each}/') > 0" for each in types]
    return f"({' OR '.join([*here, *elsewhere])})"


def _begins_with(column: str, prefix: str) -> str:
    """As a range: of text that is ours, which needs no parameter."""
    return f"{column} >= '{prefix}' AND {column} < '{after_all_with(prefix)}'"


def parent_key(child: sa.Table) -> str:
    """The column of a repeating element's table that has the id of its resource."""
    return list(child.columns)[1].name

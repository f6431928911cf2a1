"""What a search asks of the columns of a resource type: conditions whose shape and values are kept apart.

The shape says which columns, operators and index rows are used, and is what a statement is made of and remembered by.
The values stand beside it in the order in which the shape uses them, and reach PostgreSQL as parameters only.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from storage.search_parameters import ChildColumn, IndexRows, LocalIdColumn, ReferenceColumn

Operator = Literal["=", "<>", "<", "<=", ">", ">="]
Value = str | int | Decimal | datetime | tuple[str, ...] | tuple[datetime, ...]


@dataclass(frozen=True, slots=True)
class Compared:
    """A column against the next value. A column that is NULL is neither equal nor unequal to anything."""

    column: str
    operator: Operator


@dataclass(frozen=True, slots=True)
class OneOf:
    """A text column that has one of the next `count` values, or of the texts of the next value where it is 0.

    That there are few is a part of the shape, for PostgreSQL takes an array that it does not see for ten.
    """

    column: str
    count: int


@dataclass(frozen=True, slots=True)
class OneInstant:
    """An instant that is one of those of the next value."""

    column: str


@dataclass(frozen=True, slots=True)
class Present:
    """A column that is not NULL."""

    column: str


@dataclass(frozen=True, slots=True)
class Absent:
    """A column that is NULL."""

    column: str


@dataclass(frozen=True, slots=True)
class Matched:
    """A text column that starts with the next value, or contains it; `folded`: whatever the case and the accents.

    An index serves it where a column with the folded beginnings of its texts stands beside it.
    """

    column: str
    how: Literal["starts", "contains"]
    folded: bool


@dataclass(frozen=True, slots=True)
class BeforeHorizon:
    """Last updated before the horizon that the transaction has set, if any (see `storage.search_horizon`)."""


@dataclass(frozen=True, slots=True)
class AmountCompared:
    """A money column without a currency (`{name}_minor` counts units of its last decimal) against the next value."""

    name: str
    operator: Operator


@dataclass(frozen=True, slots=True)
class InIndex:
    """At least one index row of the parameter for which the condition (on `system` and `value`) holds."""

    parameter: str
    condition: Shape


@dataclass(frozen=True, slots=True)
class InIndexTogether:
    """An index row of the parameter, and one of the other parameter in the same item, for which the conditions hold."""

    parameter: str
    condition: Shape
    other: str
    other_condition: Shape


@dataclass(frozen=True, slots=True)
class InChild:
    """At least one row of the table of a repeating element for which the condition (on its columns) holds."""

    table: str
    condition: Shape


@dataclass(frozen=True, slots=True)
class Among:
    """At least one of the conditions, each looked up by itself, for with OR no index of another table serves."""

    conditions: tuple[Shape, ...]


@dataclass(frozen=True, slots=True)
class Refers:
    """A column with a reference to a resource of the type for which the condition (on its columns) holds."""

    column: ReferenceColumn | LocalIdColumn
    type: str
    condition: Shape


@dataclass(frozen=True, slots=True)
class ReferredBy:
    """A resource of the type, for which the condition holds, refers to this one, which is a `target`, from `place`."""

    type: str
    place: ReferenceColumn | LocalIdColumn | IndexRows | ChildColumn
    target: str
    condition: Shape


@dataclass(frozen=True, slots=True)
class Every:
    conditions: tuple[Shape, ...]


@dataclass(frozen=True, slots=True)
class Either:
    conditions: tuple[Shape, ...]


@dataclass(frozen=True, slots=True)
class Arms:
    """One of the conditions, at most one at a time: each can be looked up, in order, by itself."""

    conditions: tuple[Shape, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """Holds where the condition does not, also where a NULL leaves that open."""

    condition: Shape


Shape = (
    Compared
    | OneOf
    | OneInstant
    | Present
    | Absent
    | Matched
    | BeforeHorizon
    | AmountCompared
    | InIndex
    | InIndexTogether
    | InChild
    | Among
    | Refers
    | ReferredBy
    | Every
    | Either
    | Arms
    | Not
)


@dataclass(frozen=True, slots=True)
class Criterion:
    """A condition with its values."""

    shape: Shape
    values: tuple[Value, ...] = ()


FEW = 8
EVERYTHING = Criterion(Every(()))
NOTHING = Criterion(Either(()))


def compared(column: str, operator: Operator, value: Value) -> Criterion:
    return Criterion(Compared(column, operator), (value,))


def one_of(column: str, values: Iterable[str]) -> Criterion:
    """Equal to one of the texts."""
    texts = tuple(dict.fromkeys(values))
    match texts:
        case ():
            return NOTHING
        case (text,):
            return compared(column, "=", text)
        case _ if len(texts) <= FEW:
            return Criterion(OneOf(column, len(texts)), texts)
        case _:
            return Criterion(OneOf(column, 0), (texts,))


def one_instant(column: str, instants: Iterable[datetime]) -> Criterion:
    return Criterion(OneInstant(column), (tuple(instants),))


def present(column: str) -> Criterion:
    return Criterion(Present(column))


def absent(column: str) -> Criterion:
    return Criterion(Absent(column))


def matched(column: str, how: Literal["starts", "contains"], text: str, *, folded: bool) -> Criterion:
    return Criterion(Matched(column, how, folded), (text,))


def starting_with(column: str, prefix: str) -> Criterion:
    """A text that starts with the prefix, as a range that an index serves (byte order, no pattern)."""
    return every(compared(column, ">=", prefix), compared(column, "<", after_all_with(prefix)))


def after_all_with(prefix: str) -> str:
    """The least text behind all that start with the prefix, in the order of bytes of UTF-8."""
    return prefix[:-1] + chr(ord(prefix[-1]) + 1)


def in_index(parameter: str, criterion: Criterion) -> Criterion:
    return Criterion(InIndex(parameter, criterion.shape), criterion.values)


def in_index_together(parameter: str, criterion: Criterion, other: str, other_criterion: Criterion) -> Criterion:
    shape = InIndexTogether(parameter, criterion.shape, other, other_criterion.shape)
    return Criterion(shape, (*criterion.values, *other_criterion.values))


def in_child(table: str, criterion: Criterion) -> Criterion:
    return Criterion(InChild(table, criterion.shape), criterion.values)


def refers(column: ReferenceColumn | LocalIdColumn, resource_type: str, criterion: Criterion) -> Criterion:
    return Criterion(Refers(column, resource_type, criterion.shape), criterion.values)


def referred_by(
    resource_type: str,
    place: ReferenceColumn | LocalIdColumn | IndexRows | ChildColumn,
    target: str,
    criterion: Criterion,
) -> Criterion:
    return Criterion(ReferredBy(resource_type, place, target, criterion.shape), criterion.values)


def one_of_ids(ids: Iterable[str]) -> Criterion:
    """One of the ids, however many they are in one shape."""
    return Criterion(OneOf("id", 0), (tuple(ids),))


def among(*criteria: Criterion) -> Criterion:
    """As `either`, where the criteria look into other tables."""
    return Criterion(Among(tuple(each.shape for each in criteria)), _values(criteria))


def every(*criteria: Criterion) -> Criterion:
    """All of them; what is made of several is taken apart, so that every part can be seen."""
    if len(criteria) == 1:
        return criteria[0]
    parts = (each.shape.conditions if isinstance(each.shape, Every) else (each.shape,) for each in criteria)
    return Criterion(Every(tuple(part for each in parts for part in each)), _values(criteria))


def either(*criteria: Criterion) -> Criterion:
    if len(criteria) == 1:
        return criteria[0]
    return Criterion(Either(tuple(each.shape for each in criteria)), _values(criteria))


def arms(*criteria: Criterion) -> Criterion:
    """As `either`, of criteria that exclude one another."""
    return Criterion(Arms(tuple(each.shape for each in criteria)), _values(criteria))


def negated(criterion: Criterion) -> Criterion:
    if isinstance(criterion.shape, Present):
        return absent(criterion.shape.column)
    return Criterion(Not(criterion.shape), criterion.values)


def is_pointed(shape: Shape) -> bool:
    """Whether the values matter little for how rows are best found: an equality that few rows meet leads to them."""
    match shape:
        case Compared(column, "=") | OneOf(column):
            return column not in _OF_MANY and not column.endswith("_currency")
        case InIndex(_, condition) | InChild(_, condition) | InIndexTogether(_, condition):
            return is_pointed(condition)
        case Refers(condition=condition) | ReferredBy(condition=condition):
            return is_pointed(condition)
        case Every(conditions):
            return any(map(is_pointed, conditions))
        case Either(conditions) | Arms(conditions) | Among(conditions):
            return all(map(is_pointed, conditions))
        case _:
            return False


_OF_MANY = frozenset(
    {
        *("status", "outcome", "system", "quantity_system", "quantity_code"),
        *("performing_organization", "requesting_organization", "issuer", "owner", "provider"),
    }
)
"""Columns that have a few values only, some of which almost every row has, and others hardly any."""


def _values(criteria: Iterable[Criterion]) -> tuple[Value, ...]:
    return tuple(value for each in criteria for value in each.values)

"""A search criterion on one record in memory, as `storage.search_sql` writes it for the database.

A subscription is matched with the version that a change has made, by the same declarations as a search: nobody asks the
database again. A column that is NULL is neither equal nor unequal to anything, and `Not` holds where the condition does
not, so that false stands for SQL's unknown here.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple, Protocol

from ledger.charge_item import ChargeItem
from ledger.resource import DecimalMoney, IndexRow, Resource
from mappers.search_dates import read_interval
from storage.resource_rows import elements_of
from storage.search_criteria import (
    Absent,
    AmountCompared,
    Arms,
    Compared,
    Criterion,
    Either,
    Every,
    InChild,
    InIndex,
    Matched,
    Not,
    OneInstant,
    OneOf,
    Present,
    Shape,
    Value,
)
from storage.search_folding import fold

_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


class Row(Protocol):
    """What a condition is about: a record, one of its index rows or one of its children."""

    def column(self, name: str) -> Any: ...


Condition = Callable[[Any], bool]


class RecordRow:
    """The columns of a record by name, the ones that the database computes included."""

    __slots__ = ("record",)

    def __init__(self, record: Resource) -> None:
        self.record = record

    def column(self, name: str) -> Any:
        return _column_of(self.record, name)


class _IndexRow:
    __slots__ = ("_row",)

    def __init__(self, row: IndexRow) -> None:
        self._row = row

    def column(self, name: str) -> Any:
        return self._row.system if name == "system" else self._row.value


class _ChildRow:
    __slots__ = ("_child",)

    def __init__(self, child: Any) -> None:
        self._child = child

    def column(self, name: str) -> Any:
        return _column_of(self._child, name)


class LookupKey(NamedTuple):
    """An equality that a record must meet: `parameter` names index rows, empty: a column of the record."""

    parameter: str
    column: str
    value: str


def condition_of(criterion: Criterion) -> Condition:
    """The criterion as a function of a `RecordRow`."""
    values = iter(criterion.values)
    condition = _condition(criterion.shape, values)
    assert next(values, None) is None, "the shape uses all values"
    return condition


def lookup_key(criterion: Criterion) -> LookupKey | None:
    """One equality that is a part of the criterion, by which those that cannot hold are not even looked at."""
    parts = criterion.shape.conditions if isinstance(criterion.shape, Every) else (criterion.shape,)
    values = iter(criterion.values)
    for part in parts:
        used = _values_used(part, values)
        match part:
            case Compared(column, "=") if isinstance(used[0], str) and column not in {"status", "outcome"}:
                return LookupKey("", column, used[0])
            case InIndex(parameter, Compared("value", "=")) if isinstance(used[0], str):
                return LookupKey(parameter, "value", used[0])
    return None


def lookup_values(record: Resource, parameter: str, column: str) -> set[str]:
    """What a record has to offer to a lookup key of that parameter or column."""
    if parameter:
        return {row.value for row in record.indexed(parameter) if row.value is not None}
    value = _column_of(record, column)
    return set() if value is None else {value}


def _condition(shape: Shape, values: Iterator[Value]) -> Condition:
    match shape:
        case Compared(column, sign):
            return _compared(column, _OPERATORS[sign], next(values))
        case OneOf(column, count):
            found: Any = next(values) if not count else tuple(next(values) for _ in range(count))
            return _one_of(column, frozenset(found))
        case OneInstant(column):
            instants: Any = next(values)
            return _one_of(column, frozenset(instants))
        case Present(column):
            return lambda row: row.column(column) is not None
        case Absent(column):
            return lambda row: row.column(column) is None
        case Matched(column, how, folded):
            return _matched(column, how, str(next(values)), folded=folded)
        case AmountCompared(name, sign):
            return _amount_compared(name, _OPERATORS[sign], next(values))
        case InIndex(parameter, condition):
            inner = _condition(condition, values)
            return lambda row: any(inner(_IndexRow(each)) for each in row.record.indexed(parameter))
        case InChild(table, condition):
            of_child = _condition(condition, values)
            return lambda row: any(of_child(_ChildRow(each)) for each in elements_of(row.record, table))
        case Not(condition):
            negated = _condition(condition, values)
            return lambda row: not negated(row)
        case Every(conditions):
            every = [_condition(each, values) for each in conditions]
            return lambda row: all(each(row) for each in every)
        case Either(conditions) | Arms(conditions):
            either = [_condition(each, values) for each in conditions]
            return lambda row: any(each(row) for each in either)
    raise AssertionError(f"{shape} looks at more than one record")


def _compared(column: str, sign: Callable[[Any, Any], bool], value: Value) -> Condition:
    def holds(row: Row) -> bool:
        found = row.column(column)
        return found is not None and sign(found, value)

    return holds


def _one_of(column: str, wanted: frozenset[Any]) -> Condition:
    return lambda row: row.column(column) in wanted


def _matched(column: str, how: str, text: str, *, folded: bool) -> Condition:
    def holds(row: Row) -> bool:
        found = row.column(column)
        if found is None:
            return False
        found = fold(found) if folded else found
        return bool(found.startswith(text) if how == "starts" else text in found)

    return holds


def _amount_compared(name: str, sign: Callable[[Any, Any], bool], value: Value) -> Condition:
    """An amount without a currency: its minor units count the last decimal that was shown."""

    def holds(row: Row) -> bool:
        minor_units, currency, scale = (row.column(f"{name}_{part}") for part in ("minor", "currency", "scale"))
        if minor_units is None or currency is not None:
            return False
        return sign(Decimal(minor_units), Decimal(str(value)) * Decimal(10) ** (scale or 0))

    return holds


def _values_used(shape: Shape, values: Iterator[Value]) -> list[Value]:
    """The values of one part, taken off the front."""
    taken: list[Value] = []

    def taking() -> Iterator[Value]:
        for value in values:
            taken.append(value)
            yield value

    _condition(shape, taking())
    return taken


def _column_of(record: Any, name: str) -> Any:
    found = _columns(record.__class__).get(name)
    if found is not None:
        field, part = found
        value = getattr(record, field)
        return value if part is None else value[part]
    if name.endswith(("_low", "_high")):
        return _bound(record, *name.rsplit("_", 1))
    return None


@cache
def _columns(record_class: Any) -> dict[str, tuple[str, int | None]]:
    """By the name of the column: the field of the record, and which part of an amount it is."""
    found: dict[str, tuple[str, int | None]] = {}
    for field in fields(record_class):
        if field.type in ("DecimalMoney", DecimalMoney):
            for part, suffix in enumerate(("minor", "currency", "scale")):
                found[f"{field.name}_{suffix}"] = (field.name, part)
        else:
            found[field.name] = (field.name, None)
    return found


def _bound(record: Any, name: str, side: str) -> datetime | None:
    """The first or last instant of a partial date, a period or a timing, as the database computes it."""
    start, end = _dates_of(record, name)
    events = map(_interval, _events_of(record, name))
    if side == "low":
        lows = [low for low, _ in events]
        return min([*lows, *_limit(start, end, _FIRST if start is None else _interval(start)[0])], default=None)
    highs = [high for _, high in events]
    return max([*highs, *_limit(start, end, _LAST if end is None else _interval(end)[1])], default=None)


def _limit(start: str | None, end: str | None, instant: datetime) -> list[datetime]:
    return [] if start is None and end is None else [instant]


def _dates_of(record: Any, name: str) -> Sequence[str | None]:
    if isinstance(record, ChargeItem) and name == "occurrence":
        date = record.occurrence_date_time
        start = date or record.occurrence_period_start or record.occurrence_timing_start
        return (start, date or record.occurrence_period_end or record.occurrence_timing_end)
    if name in _columns(record.__class__):
        return (getattr(record, name),) * 2
    return getattr(record, f"{name}_start"), getattr(record, f"{name}_end")


def _events_of(record: Any, name: str) -> list[str]:
    """The dates of a timing that its events are on."""
    if isinstance(record, ChargeItem) and name == "occurrence" and record.occurrence_timing_events is not None:
        return [event for event in json.loads(record.occurrence_timing_events) if event is not None]
    return []


def _interval(text: str) -> tuple[datetime, datetime]:
    interval = read_interval(text)
    assert interval is not None, "dates are validated before they are stored"
    return interval.low, interval.high

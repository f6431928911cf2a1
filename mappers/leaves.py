"""The declarations of what columns own in an element. Each works in both directions and is written once per element.

`take` moves values out of the element's JSON object into the values of the record; `put` moves them back. A declaration
owns `fields` of the record and `paths` of the element (`servicePeriod.start`, `lineItem[].sequence`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Protocol

from ledger.errors import Category, Problem, Refusal
from mappers.amounts import (
    decimal_of,
    decimals_shown,
    is_negative_zero,
    is_plain,
    money_of,
    shown_with,
    written_money,
)
from mappers.reading import Reading
from mappers.references import put_local_id, put_segment, take_local_id, take_segment
from mappers.residue import FRAME, Element, drop_empty_end, move_behind

Values = dict[str, Any]


class Leaf(Protocol):
    @property
    def fields(self) -> tuple[str, ...]: ...
    @property
    def paths(self) -> tuple[str, ...]: ...
    def take(self, element: Element, values: Values, reading: Reading) -> None: ...
    def put(self, element: Element, record: Any) -> None: ...


class Plain:
    """A code, string, date, boolean or integer that is kept as it is. Dates stay text: `2026-11` is not a day."""

    __slots__ = ("_field", "_key", "fields", "paths")

    def __init__(self, field: str, key: str) -> None:
        self._field, self._key = field, key
        self.fields, self.paths = (field,), (key,)

    def take(self, element: Element, values: Values, reading: Reading) -> None:  # noqa: ARG002
        value = element.pop(self._key, None)
        if value is not None:
            values[self._field] = value

    def put(self, element: Element, record: Any) -> None:
        value = getattr(record, self._field)
        if value is not None:
            element[self._key] = value


class Dates:
    """An array of dates or dateTimes, in one column as JSON; a null is in the place of one with an extension alone."""

    __slots__ = ("_field", "_key", "fields", "paths")

    def __init__(self, field: str, key: str) -> None:
        self._field, self._key = field, key
        self.fields, self.paths = (field,), (key,)

    def take(self, element: Element, values: Values, reading: Reading) -> None:  # noqa: ARG002
        value = element.pop(self._key, None)
        if value is not None:
            values[self._field] = json.dumps(value)

    def put(self, element: Element, record: Any) -> None:
        value = getattr(record, self._field)
        if value is not None:
            element[self._key] = json.loads(value)


class Required(Plain):
    """As `Plain`, but the ledger cannot do without: an extension in the place of the value is not enough."""

    __slots__ = ()

    def take(self, element: Element, values: Values, reading: Reading) -> None:
        value = element.pop(self._key, None)
        if value is not None:
            values[self._field] = value
        else:
            message = f"Send a value for {self._key}: an extension alone does not say enough."
            reading.problems.append(Problem(Category.RULE_BROKEN, "value-required", message, self._key))


class Number:
    """A decimal. The column has its value and its zeros; 1E+5 and -0.0, which no database keeps, get a frame."""

    __slots__ = ("_field", "_frame", "_key", "fields", "paths")

    def __init__(self, field: str, key: str) -> None:
        self._field, self._key, self._frame = field, key, key + FRAME
        self.fields, self.paths = (field,), (key,)

    def take(self, element: Element, values: Values, reading: Reading) -> None:
        written = element.pop(self._key, None)
        if written is None:
            return
        if is_plain(written):
            values[self._field] = Decimal(written)
            return
        try:
            value = decimal_of(written)
        except Refusal as refusal:
            reading.refuse(refusal, self._key)
            return
        decimals, negative_zero = min(decimals_shown(value), 0), is_negative_zero(value)
        if decimals or negative_zero:
            element[self._frame] = [decimals, negative_zero]
            value = shown_with(abs(value) if negative_zero else value, max(decimals_shown(value), 0))
        values[self._field] = value

    def put(self, element: Element, record: Any) -> None:
        frame = element.pop(self._frame, None)
        value = getattr(record, self._field)
        if value is None:
            return
        if frame is not None:
            decimals, negative_zero = frame
            value = shown_with(value, decimals) if decimals else value
            value = value.copy_negate() if negative_zero and not value else value
        element[self._key] = value


class MoneyAmount:
    """The value and currency of a Money, as a `ledger.resource.DecimalMoney`."""

    __slots__ = ("_field", "fields", "paths")

    _FRAME = "value" + FRAME

    def __init__(self, field: str) -> None:
        self._field = field
        self.fields, self.paths = (field,), ("value", "currency")

    def take(self, element: Element, values: Values, reading: Reading) -> None:
        written = element.pop("value", None)
        try:
            values[self._field] = money_of(written, element.pop("currency", None))
        except Refusal as refusal:
            reading.refuse(refusal, "")
            return
        if written is not None and is_negative_zero(written):
            element[self._FRAME] = True

    def put(self, element: Element, record: Any) -> None:
        negative_zero = element.pop(self._FRAME, None)
        money = getattr(record, self._field)
        value = written_money(money)
        if value is not None:
            element["value"] = value.copy_negate() if negative_zero and not value else value
        if money.currency is not None:
            element["currency"] = money.currency


class Segment:
    """The `.reference` of a Reference (see `mappers.references`)."""

    __slots__ = ("_field", "fields", "paths")

    def __init__(self, field: str) -> None:
        self._field = field
        self.fields, self.paths = (field,), ("reference",)

    def take(self, element: Element, values: Values, reading: Reading) -> None:
        segment = take_segment(element, reading.base)
        if segment is not None:
            values[self._field] = segment

    def put(self, element: Element, record: Any) -> None:
        put_segment(element, getattr(record, self._field))


class LocalId:
    """The id in a Reference to a resource of this server; a reference to anything else stays in the residue whole."""

    __slots__ = ("_field", "_type", "fields", "paths")

    def __init__(self, field: str, resource_type: str) -> None:
        self._field, self._type = field, resource_type
        self.fields, self.paths = (field,), (f"reference({resource_type})",)

    def take(self, element: Element, values: Values, reading: Reading) -> None:
        local_id = take_local_id(element, self._type, reading.base)
        if local_id is not None:
            values[self._field] = local_id

    def put(self, element: Element, record: Any) -> None:
        put_local_id(element, self._type, getattr(record, self._field))


class Inside:
    """Declarations about an element inside this one."""

    __slots__ = ("_key", "_leaves", "fields", "paths")

    def __init__(self, key: str, *leaves: Leaf) -> None:
        self._key, self._leaves = key, leaves
        self.fields = fields_of(leaves)
        self.paths = tuple(f"{key}.{path}" for path in paths_of(leaves))

    def take(self, element: Element, values: Values, reading: Reading) -> None:
        child = element.get(self._key)
        if child is None:
            return
        noted = len(reading.problems)
        for leaf in self._leaves:
            leaf.take(child, values, reading)
        if not child:
            del element[self._key]
        if len(reading.problems) != noted:
            reading.place(noted, self._key)

    def put(self, element: Element, record: Any) -> None:
        child = element.get(self._key)
        if child is None:
            child = {}
            for leaf in self._leaves:
                leaf.put(child, record)
        else:
            put_before(child, self._leaves, record)
        if child:
            element[self._key] = child
        else:
            element.pop(self._key, None)


class First:
    """Declarations about the first item of an array; further items stay in the residue."""

    __slots__ = ("_key", "_leaves", "fields", "paths")

    def __init__(self, key: str, *leaves: Leaf) -> None:
        self._key, self._leaves = key, leaves
        self.fields = fields_of(leaves)
        self.paths = tuple(f"{key}[0].{path}" for path in paths_of(leaves))

    def take(self, element: Element, values: Values, reading: Reading) -> None:
        items = element.get(self._key)
        if items is None:
            return
        noted = len(reading.problems)
        for leaf in self._leaves:
            leaf.take(items[0], values, reading)
        drop_empty_end(items)
        if not items:
            del element[self._key]
        if len(reading.problems) != noted:
            reading.place(noted, f"{self._key}[0]")

    def put(self, element: Element, record: Any) -> None:
        items = element.get(self._key)
        if items is not None:
            put_before(items[0], self._leaves, record)
            return
        first: Element = {}
        for leaf in self._leaves:
            leaf.put(first, record)
        if first:
            element[self._key] = [first]


def put_before(element: Element, leaves: Iterable[Leaf], record: Any) -> None:
    """Put the owned values into an element before what remained of it: `system`, `code`, then `display`."""
    remained = list(element)
    for leaf in leaves:
        leaf.put(element, record)
    move_behind(element, remained)


def fields_of(leaves: Iterable[Leaf]) -> tuple[str, ...]:
    return tuple(field for leaf in leaves for field in leaf.fields)


def paths_of(leaves: Iterable[Leaf]) -> tuple[str, ...]:
    return tuple(path for leaf in leaves for path in leaf.paths)

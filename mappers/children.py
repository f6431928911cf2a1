"""Repeating elements that are rows of their own: invoice lines, price components, payment details."""

from __future__ import annotations

from typing import Any

from mappers.leaves import Leaf, Values, fields_of, paths_of, put_before
from mappers.reading import Reading
from mappers.residue import EMPTY, Element, decode_residue, encode_residue, holds_places, without_places


class Child:
    """One item of a repeating element, to and from its record. The record has a residue of its own."""

    __slots__ = ("_leaves", "fields", "paths", "record_class")

    def __init__(self, record_class: type[Any], *leaves: Leaf) -> None:
        self.record_class, self._leaves = record_class, leaves
        self.fields, self.paths = fields_of(leaves), paths_of(leaves)

    def take(self, element: Element, reading: Reading) -> Any:
        """The record; None where there was a problem, which is then noted."""
        values: Values = {}
        noted = len(reading.problems)
        for leaf in self._leaves:
            leaf.take(element, values, reading)
        if len(reading.problems) != noted:
            return None
        return self.record_class(**values, residue=encode_residue(element))

    def put(self, record: Any) -> Element:
        residue = record.residue
        element = decode_residue(residue)
        if residue == EMPTY:
            for leaf in self._leaves:
                leaf.put(element, record)
            return element
        put_before(element, self._leaves, record)
        filled: Element = without_places(element) if holds_places(residue) else element
        return filled


class Children:
    """All items of a repeating element, as a list of records in one field."""

    __slots__ = ("_child", "_field", "_key", "fields", "paths")

    def __init__(self, field: str, key: str, child: Child) -> None:
        self._field, self._key, self._child = field, key, child
        self.fields = (field,)
        self.paths = tuple(f"{key}[].{path}" for path in child.paths)

    def take(self, element: Element, values: Values, reading: Reading) -> None:
        items = element.pop(self._key, None)
        if items is None:
            return
        take = self._child.take
        records = []
        for position, item in enumerate(items):
            noted = len(reading.problems)
            records.append(take(item, reading))
            if len(reading.problems) != noted:
                reading.place(noted, f"{self._key}[{position}]")
        values[self._field] = records

    def put(self, element: Element, record: Any) -> None:
        records = getattr(record, self._field)
        if records:
            element[self._key] = [self._child.put(child) for child in records]

"""References in searches: an id, `Type/id`, or a URL, as the columns hold them. https://hl7.org/fhir/R4/search.html#reference"""

from __future__ import annotations

import re
from collections.abc import Callable

from mappers.r4.definitions import resource_types
from storage.search_criteria import (
    Criterion,
    among,
    either,
    in_child,
    in_index,
    matched,
    one_of,
    present,
    starting_with,
)
from storage.search_parameters import ChildColumn, IndexRows, LocalIdColumn, Places, ReferenceColumn, ServedBy

ReferencePlace = ReferenceColumn | LocalIdColumn

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_LOCAL = re.compile(r"(?P<type>[A-Z][A-Za-z]+)/(?P<id>[A-Za-z0-9\-.]{1,64})")
_ABSOLUTE = re.compile(r"(https?|urn):\S+")


def segments_of(value: str, targets: tuple[str, ...], base: str) -> list[str] | None:
    """The texts by which a column may hold the reference; none if it cannot have it; None if it is not a reference.

    `base` is the server's base URL with a slash at its end. An id alone may be of any type that the parameter allows.
    """
    if _ID.fullmatch(value):
        return [f"{target}/{value}" for target in targets or sorted(resource_types())]
    local = _LOCAL.fullmatch(value.removeprefix(base))
    if local is not None:
        if local["type"] not in resource_types():
            return None
        return [local[0]] if not targets or local["type"] in targets else []
    return [value] if _ABSOLUTE.fullmatch(value) and not value.startswith(base) else None


def at_reference(served_by: ServedBy, criterion_on: Callable[[ReferencePlace], Criterion]) -> Criterion:
    """A criterion on the column of a reference, wherever that column is."""
    match served_by:
        case ReferenceColumn() | LocalIdColumn():
            return criterion_on(served_by)
        case IndexRows(rows):
            return in_index(rows, criterion_on(ReferenceColumn("value")))
        case ChildColumn(table, column):
            return in_child(table, criterion_on(column))
        case Places(places):
            return among(*(at_reference(place, criterion_on) for place in places))
        case other:
            raise AssertionError(f"no reference is kept in {other}")


def references_in(column: ReferencePlace, segments: list[str]) -> Criterion:
    """One of these references."""
    if isinstance(column, ReferenceColumn):
        return one_of(column.name, segments)
    prefix = f"{column.type}/"
    return one_of(column.name, [each.removeprefix(prefix) for each in segments if each.startswith(prefix)])


def any_reference_in(column: ReferencePlace, types: tuple[str, ...]) -> Criterion:
    return present(column.name) if isinstance(column, LocalIdColumn) else any_reference_to(column.name, types)


def any_reference_to(column: str, types: tuple[str, ...]) -> Criterion:
    """A reference that names one of these types, here or on another server; any at all without types."""
    if not types:
        return present(column)
    return either(
        *(starting_with(column, f"{each}/") for each in types),
        *(matched(column, "contains", f"/{each}/", folded=False) for each in types),
    )

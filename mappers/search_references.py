"""References in searches: an id, `Type/id`, or a URL, as the columns hold them. https://hl7.org/fhir/R4/search.html#reference"""

from __future__ import annotations

import re

from mappers.r4.definitions import resource_types
from storage.search_criteria import Criterion, either, matched, one_of, present, starting_with
from storage.search_parameters import LocalIdColumn

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


def local_references(column: LocalIdColumn, segments: list[str]) -> Criterion:
    prefix = f"{column.type}/"
    return one_of(column.name, [each.removeprefix(prefix) for each in segments if each.startswith(prefix)])


def any_reference_to(column: str, types: tuple[str, ...]) -> Criterion:
    """A reference that names one of these types, here or on another server; any at all without types."""
    if not types:
        return present(column)
    return either(
        *(starting_with(column, f"{each}/") for each in types),
        *(matched(column, "contains", f"/{each}/", folded=False) for each in types),
    )

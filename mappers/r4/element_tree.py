"""A resource as a tree of typed elements, as FHIRPath sees it: choices by their one name, extensions below primitives.

https://hl7.org/fhir/R4/fhirpath.html. JSON keeps a primitive apart from its extensions and names a choice by its type;
what changes elements one by one is simpler without that. Nothing is lost on the way there and back.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import zip_longest
from typing import Any

from mappers.r4.definitions import is_primitive
from mappers.r4.shapes import Child, Shape, shape_of


class UnknownElementError(Exception):
    """JSON that has a member which its type has not, or a value that cannot be one of the member."""


@dataclass(slots=True, eq=False)
class Element:
    """`value` is that of a primitive; `children` are by their names in FHIRPath, each a list."""

    type_name: str
    value: Any = None
    children: dict[str, list[Element]] = field(default_factory=dict)

    def candidates(self, name: str) -> list[Child]:
        """The definitions of a child: none where the type has no such child, several where it is a choice."""
        return [child for child in _shape(self.type_name).values() if child.element == name]


def tree_of(resource: dict[str, Any]) -> Element:
    return element_of(str(resource.get("resourceType")), resource, None)


def json_of(resource: Element) -> dict[str, Any]:
    return {"resourceType": resource.type_name, **_members(resource)}


def element_of(type_name: str, value: Any, companion: Any) -> Element:
    """An element from its JSON, and that of its extensions where it is a primitive."""
    if is_primitive(type_name):
        if isinstance(value, (dict, list)) or not (companion is None or isinstance(companion, dict)):
            raise UnknownElementError
        return Element(type_name, value, _children(_extensible(), companion or {}))
    if not isinstance(value, dict) or companion is not None:
        raise UnknownElementError
    if type_name == "Resource":
        type_name = str(value.get("resourceType"))
    try:
        shape = shape_of(type_name)
    except KeyError:
        raise UnknownElementError from None
    return Element(type_name, None, _children(shape, value))


def _children(shape: Shape, members: dict[str, Any]) -> dict[str, list[Element]]:
    children: dict[str, list[Element]] = {}
    for name in dict.fromkeys(name.removeprefix("_") for name in members):
        if name == "resourceType":
            continue
        child = shape.get(name)
        if child is None:
            raise UnknownElementError
        for value, companion in _pairs(child, members.get(name), members.get(f"_{name}")):
            children.setdefault(child.element, []).append(element_of(child.type_name, value, companion))
    return children


def _pairs(child: Child, value: Any, companion: Any) -> Iterator[tuple[Any, Any]]:
    if not child.many:
        yield value, companion
        return
    if not isinstance(value, (list, type(None))) or not isinstance(companion, (list, type(None))):
        raise UnknownElementError
    yield from zip_longest(value or [], companion or [])


def _members(element: Element) -> dict[str, Any]:
    """The children as the members of a JSON object; those that hold nothing are left out."""
    members: dict[str, Any] = {}
    shape = _shape(element.type_name)
    for name, elements in element.children.items():
        for json_name, child in shape.items():
            if child.element == name:
                _add_member(members, json_name, child, [each for each in elements if _is_of(each, child)])
    return members


def _is_of(element: Element, child: Child) -> bool:
    return child.type_name in {element.type_name, "Resource"}


def _add_member(members: dict[str, Any], name: str, child: Child, elements: list[Element]) -> None:
    pairs = [pair for pair in map(_pair, elements) if pair != (None, None)]
    if not pairs:
        return
    values, companions = zip(*pairs, strict=True)
    if any(value is not None for value in values):
        members[name] = list(values) if child.many else values[0]
    if any(companion is not None for companion in companions):
        members[f"_{name}"] = list(companions) if child.many else companions[0]


def _pair(element: Element) -> tuple[Any, Any]:
    """The JSON of an element and of its extensions, None for what it has not."""
    members = _members(element)
    if is_primitive(element.type_name):
        return element.value, members or None
    if element.type_name[:1].isupper() and "resourceType" not in members and _is_resource(element.type_name):
        members = {"resourceType": element.type_name, **members}
    return members or None, None


@cache
def _is_resource(type_name: str) -> bool:
    return "meta" in shape_of(type_name) and "implicitRules" in shape_of(type_name)


@cache
def _extensible() -> Shape:
    """What a primitive can have beside its value."""
    return {name: child for name, child in shape_of("Extension").items() if name in {"id", "extension"}}


def _shape(type_name: str) -> Shape:
    return _extensible() if is_primitive(type_name) else shape_of(type_name)

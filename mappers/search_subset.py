"""Parts of resources: `_summary` and `_elements`. https://hl7.org/fhir/R4/search.html#summary

What is left out is said by the tag SUBSETTED, so that nobody takes the part for the whole and writes it back. Mandatory
elements stay, and so do modifiers, without which the rest would be misread.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from mappers.r4.definitions import ElementDefinition, definitions, json_names
from mappers.r4.json_text import decode, encode

SUBSETTED = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
    "code": "SUBSETTED",
    "display": "subsetted",
}

_ALWAYS = frozenset({"resourceType", "id", "meta"})

Wanted = Callable[[str, ElementDefinition], bool]


def summary_of(content: bytes, summary: str) -> bytes:
    """A rendered resource as `_summary` is to show it: true, text or data (count and false show it not, or whole)."""
    match summary:
        case "true":
            return _subset(content, lambda _name, element: element.summary, inside=True)
        case "text":
            return _subset(content, lambda name, element: name == "text" or element.min > 0)
        case "data":
            return _subset(content, lambda name, _element: name != "text")
        case _:
            return content


def with_elements(content: bytes, elements: Sequence[str]) -> bytes:
    """A rendered resource with the elements that `_elements` names, and those that it cannot do without."""
    names = frozenset(elements)
    return _subset(content, lambda name, element: name in names or element.min > 0 or element.modifier)


def _subset(content: bytes, wanted: Wanted, *, inside: bool = False) -> bytes:
    resource = decode(content)
    part = _part(resource, resource["resourceType"], wanted, inside)
    meta = dict(part.get("meta", {}))
    meta["tag"] = [*meta.get("tag", []), SUBSETTED]
    part["meta"] = meta
    order = ("resourceType", "id", "meta")
    return encode({**{name: part[name] for name in order if name in part}, **part})


def _part(element: dict[str, Any], type_name: str, wanted: Wanted, inside: bool) -> dict[str, Any]:
    """The element with what is wanted of it; `inside`: the same is asked of the elements that are made of others."""
    part = {name: value for name, value in element.items() if name in _ALWAYS}
    for name, child in definitions().types[type_name].elements.items():
        if name in _ALWAYS or not wanted(name, child):
            continue
        for json_name, child_type in json_names(name, child).items():
            if json_name in element:
                part[json_name] = _inner(element[json_name], child_type, wanted, inside)
            if f"_{json_name}" in element:
                part[f"_{json_name}"] = element[f"_{json_name}"]
    return part


def _inner(value: Any, type_name: str, wanted: Wanted, inside: bool) -> Any:
    # A backbone element is named by its path; data types are shown whole.
    if not inside or "." not in type_name:
        return value
    if isinstance(value, list):
        return [_part(item, type_name, wanted, inside) for item in value]
    return _part(value, type_name, wanted, inside)

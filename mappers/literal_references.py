"""The references in a resource that say where something is, wherever they stand."""

from __future__ import annotations

from typing import Any

LiteralReference = tuple[str, str]
"""What `reference` says, and where it stands, as FHIRPath: nowhere, in what is no resource (a JSON Patch)."""


def literal_references(document: dict[str, Any]) -> list[LiteralReference]:
    """Every literal reference, in the order of the document. In a large Bundle this walk is taken for each entry."""
    found: list[LiteralReference] = []
    resource_type = document.get("resourceType")
    _look_into(document, str(resource_type), found)
    return found if resource_type is not None else [(literal, "") for literal, _ in found]


def _look_into(element: dict[str, Any], place: str, found: list[LiteralReference]) -> None:
    for name, item in element.items():
        sort = type(item)
        if sort is dict:
            _look_into(item, f"{place}.{name}", found)
        elif sort is list:
            _look_through(item, f"{place}.{name}", found)
        elif name == "reference" and sort is str:
            found.append((item, f"{place}.reference"))


def _look_through(items: list[Any], place: str, found: list[LiteralReference]) -> None:
    for position, item in enumerate(items):
        if type(item) is dict:
            _look_into(item, f"{place}[{position}]", found)
        elif type(item) is list:
            _look_through(item, f"{place}[{position}]", found)

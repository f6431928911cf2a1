"""The residue: the JSON of what no column owns, as deterministic text, and the empty places that owned values leave.

FHIR has no empty object and no empty array. Taking the owned values out of an element may leave one: at the end of an
array it is dropped, before the end it stays as `{}` and holds the place. What a mapper must remember of how an owned
value was written stands beside it under a name that no FHIR element can have: `reference~`, `value~`.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import msgspec

from mappers.r4.json_text import canonical

Element = dict[str, Any]

EMPTY = b"{}"
FRAME = "~"

_decode = msgspec.json.Decoder(Element, float_hook=Decimal).decode


def encode_residue(element: Element) -> bytes:
    """As canonical JSON: what means the same has the same residue, so that records can be compared."""
    return canonical(element) if element else EMPTY


def decode_residue(residue: bytes) -> Element:
    return _decode(residue) if residue != EMPTY else {}


def holds_places(residue: bytes) -> bool:
    """Whether the residue has places or frames that must not be rendered if nothing fills them.

    A text that looks like one costs a walk and nothing else.
    """
    return residue != EMPTY and (b"~" in residue or EMPTY in residue)


def drop_empty_end(items: list[Any]) -> None:
    while items and not items[-1]:
        items.pop()


def move_behind(element: Element, remained: Iterable[str]) -> None:
    """Let what remained of an element stand behind what was put back: `system`, `code`, then `display`."""
    for key in remained:
        if key in element:
            element[key] = element.pop(key)


def without_places(value: Any) -> Any:
    """The value without the places and frames that nothing filled: `{}` or `[]` where nothing remains.

    A null in an array of primitives is a value and stays.
    """
    if isinstance(value, dict):
        kept = {key: without_places(child) for key, child in value.items() if not key.endswith(FRAME)}
        return {key: child for key, child in kept.items() if child not in ({}, [])}
    if isinstance(value, list):
        return [item for item in map(without_places, value) if item not in ({}, [])]
    return value

"""The rules for resources inside a resource (dom-2 to dom-5), and for each of them its id.

https://hl7.org/fhir/R4/references.html#contained
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mappers.r4.faults import Fault, Scope, one
from mappers.r4.invariants import child, text


def contained_rule(value: dict[str, Any], _scope: Scope) -> list[Fault] | None:
    """All four invariants in one look, because most resources contain none."""
    if "contained" not in value:
        return None
    found: list[Fault] = []
    mentioned = set(_strings(value))
    seen: set[str] = set()
    for index, item in enumerate(value["contained"] if isinstance(value["contained"], list) else []):
        if isinstance(item, dict):
            found += _faults(item, f".contained[{index}]", mentioned, seen)
    return found or None


def _faults(item: dict[str, Any], path: str, mentioned: set[str], seen: set[str]) -> Iterator[Fault]:
    id_, meta = text(item, "id"), child(item, "meta")
    if "contained" in item:
        yield from _broken("dom-2", "A contained resource contains no further ones; put them beside it.", path)
    if id_ is None:
        yield from one("missing-element", "A contained resource needs an id.", "required", path + ".id")
    elif id_ in seen:
        yield from one(
            "contained-id", "Another contained resource has this id; give each its own.", "value", path + ".id"
        )
    elif "#" + id_ not in mentioned and "#" not in _strings(item):
        message = "Nothing refers to this contained resource; refer to it by #id or leave it out."
        yield from _broken("dom-3", message, path)
    seen.add(id_ or "")
    if "versionId" in meta or "lastUpdated" in meta:
        yield from _broken("dom-4", "A contained resource has no versionId and no lastUpdated.", path + ".meta")
    if "security" in meta:
        yield from _broken("dom-5", "A contained resource has no security labels of its own.", path + ".meta")


def _broken(key: str, message: str, path: str) -> list[Fault]:
    return one(key, f"{message} ({key})", "invariant", path)


def _strings(value: Any) -> Iterator[str]:
    """Every string that may be a local reference, wherever it stands."""
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, str):
            if item.startswith("#"):
                yield item
        else:
            pending.extend(item.values() if isinstance(item, dict) else item if isinstance(item, list) else ())

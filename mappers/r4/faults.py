"""What the checks of the validator give back: nothing, or faults with the place relative to what was checked."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

PROBLEMS_MAX = 200
"""So many are listed at most: an answer must not grow with the malice of the request."""

SHOWN_MAX = 60
DIGITS_SHOWN_MAX = 11
"""A text with more digits could hold a card number, which is not repeated to anybody."""

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FHIRPATH_WORDS = frozenset({"div", "mod", "and", "or", "xor", "implies", "true", "false"})


class Fault(NamedTuple):
    """One thing that is wrong. `path` continues the FHIRPath of what was checked: `.amount.value`, `[3]`, or nothing.

    `issue` is a code of FHIR's issue-type.
    """

    path: str
    code: str
    message: str
    issue: str


class Scope:
    """What a check must know of the resource around: who is contained in it, and what the caller allows.

    `contained` is id -> resource type. `conditional_references` allows `Patient?identifier=...`, as in a transaction.
    `entries` says whether the resources in the entries of a Bundle are checked too.
    """

    __slots__ = ("conditional_references", "contained", "entries")

    def __init__(self, resource: dict[str, Any], *, conditional_references: bool = False, entries: bool = True) -> None:
        self.contained = _contained(resource) if "contained" in resource else {}
        self.conditional_references = conditional_references
        self.entries = entries


Check = Callable[[Any, Scope], "list[Fault] | None"]
"""Looks at a JSON value of any kind."""

Rule = Callable[[dict[str, Any], Scope], "list[Fault] | None"]
"""Looks at an object as a whole; what is inside may be of any kind, wrong ones too."""


def one(code: str, message: str, issue: str, path: str = "") -> list[Fault]:
    return [Fault(path, code, message, issue)]


def within(prefix: str, faults: Iterable[Fault]) -> list[Fault]:
    """The faults of a child, with the child's place put before theirs."""
    return [fault._replace(path=prefix + fault.path) for fault in faults]


def step(name: str) -> str:
    """A FHIRPath step to a child; what is no plain identifier there is delimited."""
    name = shortened(name)
    if _IDENTIFIER.fullmatch(name) and name not in _FHIRPATH_WORDS:
        return "." + name
    return ".`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


def shown(value: str) -> str:
    """A value in quotes, as a message may repeat it."""
    return f"'{shortened(value)}'"


def shortened(value: str) -> str:
    """The beginning of the text; nothing of what could be a card number."""
    beginning = value[: SHOWN_MAX + 1]
    if sum(map(str.isdigit, beginning)) > DIGITS_SHOWN_MAX:
        return "…"
    return value if len(value) <= SHOWN_MAX else value[:SHOWN_MAX] + "…"


def listed(codes: Iterable[str], at_most: int = 16) -> str:
    """The codes where they are few, else the first of them."""
    every = list(codes)
    return ", ".join(every[:at_most]) + (" ..." if len(every) > at_most else "")


def json_type(value: Any) -> str:
    """What a decoded JSON value is, in words."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    names: dict[type, str] = {dict: "an object", list: "an array", str: "a string"}
    return names.get(type(value), "a number")


def _contained(resource: dict[str, Any]) -> dict[str, str]:
    found = resource["contained"]
    inside = [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []
    return {item["id"]: str(item.get("resourceType")) for item in inside if isinstance(item.get("id"), str)}

"""Extensions of primitive elements: the JSON property `_name` beside `name`.

Arrays stand side by side: `"given": ["a", null], "_given": [null, {"extension": [...]}]`.
https://hl7.org/fhir/R4/json.html#primitive
"""

from __future__ import annotations

from typing import Any

from mappers.r4.faults import Check, Fault, Rule, Scope, one, within
from mappers.r4.primitives import primitive_check

_id_check = primitive_check("string")


def primitive_extension_rule(name: str, check: Check, *, many: bool) -> Rule:
    """The rule of the property `_name` of an object; `check` looks at one object with `id` and `extension`."""
    if not many:
        return lambda value, scope: check_beside(value.get(name), value["_" + name], check, scope)

    def rule(value: dict[str, Any], scope: Scope) -> list[Fault] | None:
        items = value["_" + name]
        if type(items) is not list:
            return one("not-an-array", f"_{name} must be an array, as {name} is.", "structure")
        values = value.get(name)
        found: list[Fault] = []
        if isinstance(values, list) and len(values) != len(items):
            message = f"{name} and _{name} must have as many items as each other; pad with null."
            found += one("primitive-extension-length", message, "structure")
        for index, item in enumerate(items):
            beside = values[index] if isinstance(values, list) and index < len(values) else None
            wrong = None if item is None and beside is not None else check_beside(beside, item, check, scope)
            found += within(f"[{index}]", wrong or [])
        if not items:
            found += one("empty", "An array must not be empty; leave the element out instead.", "invalid")
        return found or None

    return rule


def check_beside(value: Any, item: Any, check: Check, scope: Scope) -> list[Fault] | None:
    """The faults of what stands beside a value: an id alone says enough where there is a value (ele-1)."""
    if value is not None and isinstance(item, dict) and item.keys() == {"id"}:
        wrong = _id_check(item["id"], scope)
        return within(".id", wrong) if wrong is not None else None
    return check(item, scope)


def without_explained_nulls(faults: list[Fault], beside: Any) -> list[Fault] | None:
    """The faults of an array of primitives without those of nulls that have extensions in the array beside."""
    items = beside if isinstance(beside, list) else []
    explained = {f"[{index}]" for index, item in enumerate(items) if isinstance(item, dict)}
    return [fault for fault in faults if fault.code != "null-value" or fault.path not in explained] or None

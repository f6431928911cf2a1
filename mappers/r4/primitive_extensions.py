"""Extensions of primitive elements: the JSON property `_name` beside `name`.

Arrays stand side by side: `"given": ["a", null], "_given": [null, {"extension": [...]}]`.
https://hl7.org/fhir/R4/json.html#primitive
"""

from __future__ import annotations

from typing import Any

from mappers.r4.faults import Check, Fault, Rule, Scope, one, within


def primitive_extension_rule(name: str, check: Check, *, many: bool) -> Rule:
    """The rule of the property `_name` of an object; `check` looks at one object with `id` and `extension`."""
    if not many:
        return lambda value, scope: check(value["_" + name], scope)

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
            has_value = isinstance(values, list) and values[index : index + 1] not in ([], [None])
            wrong = None if item is None and has_value else check(item, scope)
            found += within(f"[{index}]", wrong or [])
        if not items:
            found += one("empty", "An array must not be empty; leave the element out instead.", "invalid")
        return found or None

    return rule


def without_explained_nulls(faults: list[Fault], beside: Any) -> list[Fault] | None:
    """The faults of an array of primitives without those of nulls that have extensions in the array beside."""
    items = beside if isinstance(beside, list) else []
    explained = {f"[{index}]" for index, item in enumerate(items) if isinstance(item, dict)}
    return [fault for fault in faults if fault.code != "null-value" or fault.path not in explained] or None

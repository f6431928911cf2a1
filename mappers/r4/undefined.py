"""Resources of types without a definition here (a contained Patient): what all FHIR JSON has in common is checked.

That is the elements that every resource has, no empty objects, arrays or strings, no stray nulls, extensions, and
local references. https://hl7.org/fhir/R4/json.html
"""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from typing import Any

from mappers.r4.contained import contained_rule
from mappers.r4.faults import PROBLEMS_MAX, Check, Fault, Scope, one, shown, step, within
from mappers.r4.narrative import xhtml_check
from mappers.r4.primitive_extensions import check_beside, without_explained_nulls
from mappers.r4.primitives import primitive_check, wrong_json_type

_is_element_name = re.compile(r"_?[a-z][A-Za-z0-9]*").fullmatch
_string = primitive_check("string")
_EVERYWHERE = frozenset({"extension", "modifierExtension"})


def undefined_resource_check(common: Mapping[str, Check], primitive_extension: Check) -> Check:
    """The check of a whole resource; `common` are the checks of the elements that every resource has."""

    def check_resource(value: Any, scope: Scope) -> list[Fault] | None:
        rest = {name: item for name, item in value.items() if name != "resourceType"}
        found = members(rest, scope, common) + (contained_rule(value, scope) or [])
        return found or None

    def members(value: dict[str, Any], scope: Scope, known: Container[str]) -> list[Fault]:
        found: list[Fault] = []
        for name, item in value.items():
            if not _is_element_name(name):
                wrong: list[Fault] | None = one("unknown-element", f"{shown(name)} names no element.", "structure")
            elif name in known:
                wrong = common[name](item, scope)
            elif name.startswith("_"):
                wrong = extended(value.get(name[1:]), item, scope)
            else:
                wrong = without_explained_nulls(anything(name, item, scope) or [], value.get("_" + name))
            found += within(step(name.removeprefix("_")), wrong or [])
            if len(found) > PROBLEMS_MAX:
                break
        return found

    def anything(name: str, value: Any, scope: Scope) -> list[Fault] | None:
        if isinstance(value, dict):
            if not value:
                return one("empty", "An object must not be empty; leave the element out instead.", "invalid")
            return members(value, scope, _EVERYWHERE)
        if isinstance(value, list):
            return array(name, value, scope)
        if isinstance(value, str):
            return text(name, value, scope)
        return wrong_json_type(value, "a value") if value is None else None

    def array(name: str, value: list[Any], scope: Scope) -> list[Fault]:
        if not value:
            return one("empty", "An array must not be empty; leave the element out instead.", "invalid")
        found: list[Fault] = []
        for index, item in enumerate(value):
            wrong = wrong_json_type(item, "one value") if isinstance(item, list) else anything(name, item, scope)
            found += within(f"[{index}]", wrong or [])
            if len(found) > PROBLEMS_MAX:
                break
        return found

    def text(name: str, value: str, scope: Scope) -> list[Fault] | None:
        if name == "div":
            return xhtml_check(value, scope)
        if name == "reference" and value.startswith("#") and value[1:] and value[1:] not in scope.contained:
            return one("ref-1", f"There is no contained resource with the id {shown(value[1:])}. (ref-1)", "invariant")
        return _string(value, scope)

    def extended(beside: Any, value: Any, scope: Scope) -> list[Fault] | None:
        if not isinstance(value, list):
            return check_beside(beside, value, primitive_extension, scope)
        found: list[Fault] = []
        for index, item in enumerate(value):
            own = beside[index] if isinstance(beside, list) and index < len(beside) else None
            wrong = None if item is None else check_beside(own, item, primitive_extension, scope)
            found += within(f"[{index}]", wrong or [])
        return found

    return check_resource

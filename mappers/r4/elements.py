"""Compiles the definitions table into checks: one function per type, made once, that walks an object and its children.

A check gives None for what is right, so that what is right costs least: places are put together only on the way back
from a fault. Past PROBLEMS_MAX faults no more are looked for.
"""

from __future__ import annotations

from typing import Any

from mappers.r4.bindings import code_check
from mappers.r4.definitions import ElementDefinition, TypeDefinition, is_primitive, json_names, resource_types
from mappers.r4.extensions import absolute_url_rule, implicit_rules_check, modifier_extension_check
from mappers.r4.faults import PROBLEMS_MAX, Check, Fault, Rule, Scope, json_type, listed, one, shown, step, within
from mappers.r4.narrative import xhtml_check
from mappers.r4.primitive_extensions import primitive_extension_rule, without_explained_nulls
from mappers.r4.primitives import primitive_check
from mappers.r4.references import full_url_rule, reference_rule
from mappers.r4.resource_invariants import ALL_INVARIANTS
from mappers.r4.undefined import undefined_resource_check

CHECKED_ELSEWHERE = {
    "ele-1": "no object, array or string may be empty: the checks of objects, arrays and primitives",
    "ref-1": "a local reference needs its contained resource: references.py",
    "txt-1": "the subset of XHTML: narrative.py",
    "txt-2": "the narrative is not blank: narrative.py",
}
"""Invariant key -> where it is checked, of those that are no rule of an object as a whole."""

NESTED_EXTENSION = "Extension in Extension"
PRIMITIVE_EXTENSION = "Extensions of a primitive"

# Attributes in XML, or XHTML, and therefore without extensions of their own.
_WITHOUT_EXTENSIONS = frozenset({("Extension", "url"), (NESTED_EXTENSION, "url"), ("Narrative", "div")})


def compile_checks(types: dict[str, TypeDefinition]) -> dict[str, Check]:
    """The check of each type of the table by its name, and under `Resource` that of a resource of any type."""
    types = {**types, **_derived(types["Extension"])}
    plans = {name: _Plan(name, definition) for name, definition in types.items()}
    checks = {name: plan.check for name, plan in plans.items()}
    common = plans["DomainResource"].elements
    undefined = undefined_resource_check(common, checks[PRIMITIVE_EXTENSION])
    checks["Resource"] = _any_resource(checks, undefined)
    for plan in plans.values():
        plan.fill(plans, checks)
    return checks


def _derived(extension: TypeDefinition) -> dict[str, TypeDefinition]:
    inside = ElementDefinition(types=(NESTED_EXTENSION,), many=True)
    around = {name: extension.elements[name] for name in ("id", "extension")}
    return {
        "Extension": TypeDefinition(extension.kind, {**extension.elements, "extension": inside}, extension.constraints),
        NESTED_EXTENSION: TypeDefinition(
            extension.kind, {**extension.elements, "extension": inside}, extension.constraints
        ),
        PRIMITIVE_EXTENSION: TypeDefinition("complex-type", around),
    }


class _Plan:
    """What the check of one type needs to know; the check itself is a closure over these."""

    def __init__(self, name: str, definition: TypeDefinition) -> None:
        self.name = name
        self.definition = definition
        self.elements: dict[str, Check] = {}
        self.primitive_extensions: dict[str, Rule] = {}
        self.labels: dict[str, str] = {}
        self.required = tuple(
            (element, "_" + element) for element, about in definition.elements.items() if about.min and not about.choice
        )
        rules = [_choice(element, about) for element, about in definition.elements.items() if about.choice]
        rules += [ALL_INVARIANTS[key] for key in definition.constraints if key not in CHECKED_ELSEWHERE]
        rules += [absolute_url_rule] if name == "Extension" else []
        rules += [full_url_rule] if name == "Bundle.entry" else []
        self.rules: tuple[Rule, ...] = tuple(dict.fromkeys(rules))
        self.check = self.check_with(())

    def fill(self, plans: dict[str, _Plan], checks: dict[str, Check]) -> None:
        if self.definition.kind == "resource":
            self.elements["resourceType"] = lambda _value, _scope: None
        for element, about in self.definition.elements.items():
            for json_name, type_name in json_names(element, about).items():
                self._add(element, json_name, _value_check(self.name, element, about, type_name, plans, checks))
                if is_primitive(type_name) and not self._is_attribute(element):
                    around = primitive_extension_rule(json_name, checks[PRIMITIVE_EXTENSION], many=about.many)
                    self.primitive_extensions["_" + json_name] = around
                    self.labels["_" + json_name] = step(element)

    def _add(self, element: str, json_name: str, check: Check) -> None:
        many = self.definition.elements[element].many
        self.elements[json_name] = _array_check(check) if many else check
        self.labels[json_name] = step(element)

    def _is_attribute(self, element: str) -> bool:
        return element == "id" or (self.name, element) in _WITHOUT_EXTENSIONS

    def check_with(self, further: tuple[Rule, ...]) -> Check:
        """The check of the type with further rules."""
        elements, required = self.elements, self.required
        rules = (*self.rules, *further)
        is_resource = self.definition.kind == "resource"

        def check(value: Any, scope: Scope) -> list[Fault] | None:
            if type(value) is not dict:
                return _wrong_object(value)
            if len(value) < 2 and (not value or "id" in value) and not is_resource:
                return one("empty", "An object must not be empty; leave the element out instead.", "invalid")
            found: list[Fault] | None = None
            for name, item in value.items():
                element = elements.get(name)
                wrong = self._unusual(name, value, scope) if element is None else element(item, scope)
                if wrong is not None:
                    found = _joined(found, self._of_child(name, wrong, value))
                    if found is not None and len(found) > PROBLEMS_MAX:
                        return found
            for name, extended in required:
                if name not in value and extended not in value:
                    found = _joined(found, _missing(name, step(name)))
            for rule in rules:
                wrong = rule(value, scope)
                if wrong is not None:
                    found = _joined(found, wrong)
            return found

        return check

    def _unusual(self, name: str, value: dict[str, Any], scope: Scope) -> list[Fault] | None:
        """The faults of a property that names no element: the extensions of a primitive, or something unknown."""
        rule = self.primitive_extensions.get(name)
        return rule(value, scope) if rule else self._unknown(name)

    def _unknown(self, name: str) -> list[Fault]:
        message = f"{shown(name)} is not an element of {self.name}; remove it."
        for element, about in self.definition.elements.items():
            if about.choice and name.startswith(element):
                names = json_names(element, about)
                message = (
                    f"{shown(name)} is not an element of {self.name}; as {element}[x] send one of {listed(names)}."
                )
            elif name.lower() == element.lower():
                message = f"{shown(name)} is not an element of {self.name}; send {element}."
        return one("unknown-element", message, "structure")

    def _of_child(self, name: str, wrong: list[Fault], value: dict[str, Any]) -> list[Fault] | None:
        """The faults of a child, seen from here."""
        beside = value.get("_" + name)
        remaining = without_explained_nulls(wrong, beside) if beside is not None else wrong
        return within(self.labels.get(name) or step(name), remaining) if remaining else None


def _value_check(
    parent: str,
    name: str,
    element: ElementDefinition,
    type_name: str,
    plans: dict[str, _Plan],
    checks: dict[str, Check],
) -> Check:
    """The check of one value of an element."""
    if type_name == "xhtml":
        return xhtml_check
    if name == "implicitRules":
        return implicit_rules_check(primitive_check(type_name))
    if element.codes:
        return code_check(element.codes, f"{parent}.{name}")
    if is_primitive(type_name):
        return primitive_check(type_name)
    if type_name == "Reference":
        return plans["Reference"].check_with((reference_rule(element.targets),))
    if element.modifier and type_name == "Extension":
        return modifier_extension_check(checks["Extension"])
    if name == "contained":
        return _contained_resource(checks["Resource"])
    if type_name == "Resource":
        return _inner_resource(checks["Resource"], is_entry=parent == "Bundle.entry")
    return checks[type_name]


def _array_check(check: Check) -> Check:
    def check_array(value: Any, scope: Scope) -> list[Fault] | None:
        if type(value) is not list:
            return one("not-an-array", "The element repeats: send an array, also of one value.", "structure")
        found: list[Fault] | None = None
        for index, item in enumerate(value):
            wrong = check(item, scope)
            if wrong is not None:
                found = _joined(found, within(f"[{index}]", wrong))
                if found is not None and len(found) > PROBLEMS_MAX:
                    return found
        if not value:
            return one("empty", "An array must not be empty; leave the element out instead.", "invalid")
        return found

    return check_array


def _choice(name: str, element: ElementDefinition) -> Rule:
    """The rule that of a choice element at most one type is there, and exactly one where it is required."""
    names = json_names(name, element)
    both = frozenset(names) | {"_" + json_name for json_name, type_name in names.items() if is_primitive(type_name)}
    is_required = element.min > 0

    def rule(value: dict[str, Any], _scope: Scope) -> list[Fault] | None:
        present = both.intersection(value)
        if len(present) == 1 or not (present or is_required):
            return None
        if not present:
            return one("missing-element", f"One of {listed(names)} is required; add it.", "required", step(name))
        given = {json_name.removeprefix("_") for json_name in present}
        if len(given) == 1:
            return None
        message = f"{' and '.join(sorted(given))} exclude each other; send one of them."
        return one("choice-repeated", message, "structure", step(name))

    return rule


def _any_resource(checks: dict[str, Check], undefined: Check) -> Check:
    """The check of a resource by its own resourceType."""
    known = resource_types()

    def check(value: Any, scope: Scope) -> list[Fault] | None:
        if type(value) is not dict:
            return _wrong_object(value)
        type_name = value.get("resourceType")
        if type_name is None:
            return one("missing-element", "A resource needs its resourceType.", "required", ".resourceType")
        if type(type_name) is not str or type_name not in known:
            named = shown(type_name) if isinstance(type_name, str) else f"This ({json_type(type_name)})"
            message = f"{named} is not a resource type of FHIR R4."
            return one("resource-type-unknown", message, "structure", ".resourceType")
        return checks.get(type_name, undefined)(value, scope)

    return check


def _contained_resource(check: Check) -> Check:
    """The check of a contained resource. What it contains in turn is only forbidden (dom-2), not looked at."""

    def check_contained(value: Any, scope: Scope) -> list[Fault] | None:
        if type(value) is dict and "contained" in value:
            value = {name: item for name, item in value.items() if name != "contained"}
        return check(value, scope)

    return check_contained


def _inner_resource(check: Check, *, is_entry: bool) -> Check:
    """The check of a resource inside a Bundle or Parameters: it is the root of what it contains."""

    def check_inner(value: Any, scope: Scope) -> list[Fault] | None:
        if type(value) is not dict:
            return _wrong_object(value)
        if is_entry and not scope.entries:
            return None
        inner = Scope(value, conditional_references=scope.conditional_references, entries=scope.entries)
        return check(value, inner)

    return check_inner


def _wrong_object(value: Any) -> list[Fault]:
    if value is None:
        return one("null-value", "FHIR has no null here; leave the element out instead.", "structure")
    if isinstance(value, list):
        return one("not-single", "The element does not repeat: send an object, not an array.", "structure")
    return one("wrong-json-type", f"The element must be an object, not {json_type(value)}.", "structure")


def _joined(found: list[Fault] | None, more: list[Fault] | None) -> list[Fault] | None:
    """Both; `found` grows in place, because an array may hold as many faults as items."""
    if found is None:
        return None if more is None else list(more)
    found += more or ()
    return found


def _missing(name: str, path: str) -> list[Fault]:
    return one("missing-element", f"{name} is required; add it.", "required", path)

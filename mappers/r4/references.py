"""References: the forms that R4 allows, and the types of resource they may point at.

https://hl7.org/fhir/R4/references.html
"""

from __future__ import annotations

import re
from typing import Any

from mappers.r4.definitions import resource_types
from mappers.r4.faults import Fault, Rule, Scope, listed, one, shown

_ID = r"[A-Za-z0-9\-.]{1,64}"
_relative = re.compile(rf"([A-Z][A-Za-z]+)/{_ID}(?:/_history/{_ID})?").fullmatch
_absolute = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s]+").fullmatch
_restful_end = re.compile(rf"/([A-Z][A-Za-z]+)/{_ID}(?:/_history/{_ID})?$").search
_conditional = re.compile(r"([A-Z][A-Za-z]+)\?[^\s]+").fullmatch
_STRUCTURE_DEFINITION = "http://hl7.org/fhir/StructureDefinition/"


def reference_rule(targets: tuple[str, ...]) -> Rule:
    """The rule of a Reference whose target is one of these types, or of any where there are none."""
    allowed = frozenset(targets) or resource_types()

    def check(value: dict[str, Any], scope: Scope) -> list[Fault] | None:
        literal = value.get("reference")
        if type(literal) is not str:
            wrong = None if not _says_nothing(value) else _NOTHING
        else:
            match = _relative(literal)
            wrong = None if match and match[1] in allowed else _unusual(literal, allowed, scope)
        if "type" in value:
            wrong = (wrong or []) + _typed(value, allowed)
        return wrong or None

    return check


def full_url_rule(entry: dict[str, Any], _scope: Scope) -> list[Fault] | None:
    """A fullUrl that is a RESTful URL does not disagree with the id of the resource."""
    full_url, resource = entry.get("fullUrl"), entry.get("resource")
    if type(full_url) is not str or not full_url.startswith("http") or type(resource) is not dict:
        return None
    match, own_id = _restful_end(full_url), resource.get("id")
    if match is None or type(own_id) is not str or full_url.endswith(f"/{resource.get('resourceType')}/{own_id}"):
        return None
    message = f"The fullUrl disagrees with the resource, {resource.get('resourceType')}/{shown(own_id)}; send the same."
    return one("full-url-differs", message, "value", ".fullUrl")


_NOTHING = one("reference-empty", "A reference needs at least one of reference, identifier and display.", "required")


def _says_nothing(value: dict[str, Any]) -> bool:
    return not any(
        name in value for name in ("reference", "_reference", "identifier", "display", "_display", "extension")
    )


def _unusual(literal: str, allowed: frozenset[str], scope: Scope) -> list[Fault] | None:
    """The faults of a literal that is not `Type/id` with an allowed type."""
    if literal.startswith("#"):
        return _contained(literal[1:], allowed, scope)
    match = _relative(literal) or (_conditional(literal) if scope.conditional_references else None)
    if match is None:
        if not _absolute(literal):
            message = f"{shown(literal)} is no reference; send Type/id, an absolute URL, urn:uuid:... or #id."
            return one("invalid-reference", message, "value", ".reference")
        match = _restful_end(literal) if literal.startswith("http") else None
        if match is None or match[1] not in resource_types():
            return None
    if match[1] not in resource_types():
        message = f"{shown(match[1])} is not a resource type of FHIR R4."
        return one("invalid-reference", message, "value", ".reference")
    return _target(match[1], allowed, ".reference")


def _contained(id_: str, allowed: frozenset[str], scope: Scope) -> list[Fault] | None:
    if not id_:
        return None  # "#" alone is the resource around
    if id_ not in scope.contained:
        message = f"There is no contained resource with the id {shown(id_)}; contain it or refer to another."
        return one("ref-1", message, "invariant", ".reference")
    return _target(scope.contained[id_], allowed, ".reference")


def _target(type_name: str, allowed: frozenset[str], path: str) -> list[Fault] | None:
    if type_name in allowed:
        return None
    message = f"A reference to {type_name} is not allowed here; refer to one of {listed(sorted(allowed))}."
    return one("reference-target", message, "value", path)


def _typed(value: dict[str, Any], allowed: frozenset[str]) -> list[Fault]:
    """`Reference.type` names an allowed type, and the same one as a literal reference does."""
    named = value["type"]
    if type(named) is not str or not named:
        return []
    named = named.removeprefix(_STRUCTURE_DEFINITION)
    if named not in resource_types():
        return one("invalid-reference", f"{shown(named)} is not a resource type of FHIR R4.", "value", ".type")
    literal = value.get("reference")
    match = (_relative(literal) or _restful_end(literal)) if type(literal) is str else None
    if match and match[1] in resource_types() and match[1] != named:
        message = f"The type {named} contradicts the reference, which is to {match[1]}; send one of the two."
        return one("reference-target", message, "value", ".type")
    return _target(named, allowed, ".type") or []

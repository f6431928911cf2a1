"""Strict validation of FHIR R4 resources by the official definitions: all problems at once, each with its place.

https://hl7.org/fhir/R4/validation.html
"""

from __future__ import annotations

from typing import Any

from ledger.errors import Category, Problem
from mappers.r4.definitions import definitions
from mappers.r4.elements import compile_checks
from mappers.r4.faults import PROBLEMS_MAX, Fault, Scope, one, shown

# What is valid R4 and cannot be processed all the same.
_OF_VALID = frozenset({"implicit-rules-unknown"})

_CHECK = compile_checks(definitions().types)["Resource"]


def validate(
    resource: dict[str, Any],
    expected_type: str | None = None,
    *,
    entries: bool = True,
    conditional_references: bool = False,
) -> list[Problem]:
    """Everything that is wrong with a decoded resource, in the order of the document; nothing where it is valid R4.

    `entries=False` leaves the resources in the entries of a Bundle to the caller. `conditional_references` allows
    `Patient?identifier=...` as a reference; in a transaction Bundle that is always so.
    """
    type_name = resource.get("resourceType")
    if expected_type is not None and isinstance(type_name, str) and type_name != expected_type:
        message = f"A resource of type {expected_type} belongs here, not {shown(type_name)}."
        return _problems(expected_type, one("resource-type-unexpected", message, "invalid", ".resourceType"))
    is_transaction = type_name == "Bundle" and resource.get("type") == "transaction"
    scope = Scope(resource, conditional_references=conditional_references or is_transaction, entries=entries)
    try:
        found = _CHECK(resource, scope)
    except RecursionError:
        found = one("too-deep", "The resource is nested too deeply; flatten it.", "too-long")
    if found is None:
        return []
    return _problems(
        expected_type or (type_name if isinstance(type_name, str) and type_name.isalnum() else "Resource"), found
    )


def _problems(root: str, faults: list[Fault]) -> list[Problem]:
    is_valid = all(fault.code in _OF_VALID for fault in faults)
    category = Category.RULE_BROKEN if is_valid else Category.INVALID
    listed = [
        Problem(category, fault.code, fault.message, root + fault.path, fault.issue) for fault in faults[:PROBLEMS_MAX]
    ]
    if len(faults) > PROBLEMS_MAX:
        message = f"There are more problems than the {PROBLEMS_MAX} that are listed; mend these first."
        listed.append(Problem(category, "more-problems", message, root, "invalid"))
    return listed

"""Small valid resources, to be made invalid in one place each."""

from __future__ import annotations

import copy
from decimal import Decimal
from typing import Any

Json = dict[str, Any]

ACCOUNT: Json = {"resourceType": "Account", "status": "active"}
CHARGE: Json = {
    "resourceType": "ChargeItem",
    "status": "billable",
    "code": {"text": "Visit"},
    "subject": {"reference": "Patient/1"},
}
INVOICE: Json = {
    "resourceType": "Invoice",
    "status": "draft",
    "subject": {"reference": "Patient/1"},
    "lineItem": [
        {
            "sequence": 1,
            "chargeItemReference": {"reference": "ChargeItem/1"},
            "priceComponent": [{"type": "base", "amount": {"value": Decimal("10.00"), "currency": "AFN"}}],
        }
    ],
}
NOTICE: Json = {
    "resourceType": "PaymentNotice",
    "status": "active",
    "created": "2026-03-01",
    "payment": {"reference": "PaymentReconciliation/1"},
    "recipient": {"reference": "Organization/1"},
    "amount": {"value": Decimal("10.00"), "currency": "AFN"},
}
RECONCILIATION: Json = {
    "resourceType": "PaymentReconciliation",
    "status": "active",
    "created": "2026-03-01",
    "paymentDate": "2026-03-01",
    "paymentAmount": {"value": Decimal("10.00"), "currency": "AFN"},
}
SUBSCRIPTION: Json = {
    "resourceType": "Subscription",
    "status": "requested",
    "reason": "claims",
    "criteria": "Invoice?status=issued",
    "channel": {"type": "rest-hook", "endpoint": "https://claims.example/hook", "payload": "application/fhir+json"},
}
BUNDLE: Json = {
    "resourceType": "Bundle",
    "type": "transaction",
    "entry": [{"resource": ACCOUNT, "request": {"method": "POST", "url": "Account"}}],
}
PARAMETERS: Json = {"resourceType": "Parameters", "parameter": [{"name": "date", "valueDate": "2026-03-01"}]}
OUTCOME: Json = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "invalid"}]}
CAPABILITY: Json = {
    "resourceType": "CapabilityStatement",
    "status": "active",
    "date": "2026-03-01",
    "kind": "requirements",
    "fhirVersion": "4.0.1",
    "format": ["json"],
    "description": "What is needed",
    "rest": [
        {"mode": "server", "resource": [{"type": "Invoice", "searchParam": [{"name": "status", "type": "token"}]}]}
    ],
}
OPERATION: Json = {
    "resourceType": "OperationDefinition",
    "name": "Issue",
    "status": "active",
    "kind": "operation",
    "code": "issue",
    "system": False,
    "type": False,
    "instance": True,
    "parameter": [{"name": "date", "use": "in", "min": 0, "max": "1", "type": "date"}],
}
SEARCH_PARAMETER: Json = {
    "resourceType": "SearchParameter",
    "url": "http://fhir.example/SearchParameter/invoice-charge",
    "name": "charge",
    "status": "active",
    "description": "The charge of a line",
    "code": "charge",
    "base": ["Invoice"],
    "type": "reference",
}
COMPARTMENT: Json = {
    "resourceType": "CompartmentDefinition",
    "url": "http://fhir.example/CompartmentDefinition/patient",
    "name": "PatientCompartment",
    "status": "active",
    "code": "Patient",
    "search": True,
}
STRUCTURE: Json = {"resourceType": "StructureDefinition", "url": "http://fhir.example/x", "status": "active"}

EVERY_ONE = [
    ACCOUNT, CHARGE, INVOICE, NOTICE, RECONCILIATION, SUBSCRIPTION, BUNDLE, PARAMETERS, OUTCOME, CAPABILITY, OPERATION,
    SEARCH_PARAMETER, COMPARTMENT, STRUCTURE,
]  # fmt: skip

TYPES = ["Account", "ChargeItem", "Invoice", "PaymentNotice", "PaymentReconciliation"]

JUNK: list[Any] = [
    None, True, False, 0, -1, 2**40, Decimal("1E+3"), Decimal("0.00"), "", " ", "x", "#", "#x", "\x00", "2026-02-30",
    [], {}, [None], [[]], [{}], {"": 1}, {"id": "a"}, {"reference": 1}, {"reference": "#x"}, {"value": []},
    {"resourceType": "Patient"}, {"resourceType": []}, {"url": 1}, {"extension": [{}]}, {"start": 1, "end": []},
    {"start": "2026-99", "end": "x"}, {"status": "generated", "div": "<div>"}, {"entry": [1], "type": []}, "a" * 70,
]  # fmt: skip
"""Values that are wrong in most places."""

REMOVED = object()


def changed(resource: Json, changes: dict[str, Any] | None = None, **elements: Any) -> Json:
    """A copy with other elements; keys of `changes` are paths such as `lineItem.0.sequence`. REMOVED takes one away."""
    result = copy.deepcopy(resource)
    for path, new in {**(changes or {}), **elements}.items():
        *parents, last = (int(step) if step.isdigit() else step for step in path.split("."))
        place: Any = result
        for step in parents:
            place = place[step]
        if new is REMOVED:
            del place[last]
        else:
            place[last] = new
    return result


def extended(*extensions: Json) -> Json:
    """An account with these extensions."""
    return changed(ACCOUNT, extension=list(extensions))


def holding(**value: Any) -> Json:
    """An account with one extension that has this value[x]."""
    return extended({"url": "http://fhir.example/x", **value})


def containing(*contained: Json, owner: str = "#o") -> Json:
    """An account with contained resources, owned by the one that `owner` refers to."""
    return changed(ACCOUNT, contained=list(contained), owner={"reference": owner})


def objects_in(value: Any) -> list[Json]:
    """Every object in a value, itself first."""
    if isinstance(value, dict):
        return [value, *(item for child in value.values() for item in objects_in(child))]
    return [item for child in value for item in objects_in(child)] if isinstance(value, list) else []

"""An access as a FHIR AuditEvent. https://hl7.org/fhir/R4/auditevent.html"""

from __future__ import annotations

import base64
from datetime import UTC
from typing import Any

from storage.access_log import Access

INTERACTION_SYSTEM = "http://hl7.org/fhir/restful-interaction"
_ROUTE_SYSTEM = "https://billing.ghasi.example/fhir/CodeSystem/route"
_EVENT = {
    "system": "http://terminology.hl7.org/CodeSystem/audit-event-type",
    "code": "rest",
    "display": "RESTful Operation",
}

# action -> the interactions that it stands for. https://hl7.org/fhir/R4/valueset-audit-event-action.html
ACTIONS: dict[str, frozenset[str]] = {
    "C": frozenset({"create"}),
    "R": frozenset(
        {"read", "vread", "history-instance", "history-type", "history-system", "search-type", "search-system"}
        | {"search-compartment", "capabilities"}
    ),
    "U": frozenset({"update", "patch"}),
    "D": frozenset({"delete"}),
}
EXECUTED = "E"

# outcome -> the first and the last HTTP status that it stands for.
OUTCOMES: dict[str, tuple[int, int]] = {"0": (100, 399), "4": (400, 499), "8": (500, 599)}


def action_of(interaction: str) -> str:
    return next((action for action, interactions in ACTIONS.items() if interaction in interactions), EXECUTED)


def outcome_of_status(status: int) -> str:
    return next((outcome for outcome, (low, high) in OUTCOMES.items() if low <= status <= high), "8")


def audit_event(id_: str, access: Access) -> dict[str, Any]:
    """The resource; it is made when it is asked for, for the row is what is kept."""
    recorded = access.recorded_at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
    details = {
        "request-id": access.request_id,
        "http-status": str(access.http_status),
        "version": "" if access.version is None else str(access.version),
    }
    about: dict[str, Any] = {}
    if access.resource_type and access.resource_id:
        about["what"] = {"reference": f"{access.resource_type}/{access.resource_id}"}
    elif access.resource_type:
        about["what"] = {"type": access.resource_type, "display": access.resource_type}
    if access.query:
        about["query"] = base64.b64encode(access.query.encode()).decode()
    about["detail"] = [{"type": name, "valueString": value} for name, value in details.items() if value]
    interaction = {"system": INTERACTION_SYSTEM, "code": access.interaction}
    return {
        "resourceType": "AuditEvent",
        "id": id_,
        "meta": {"lastUpdated": recorded},
        "type": _EVENT,
        "subtype": [
            *([interaction] if access.interaction else []),
            {"system": _ROUTE_SYSTEM, "code": access.route or "none"},
        ],
        "action": action_of(access.interaction),
        "recorded": recorded,
        "outcome": outcome_of_status(access.http_status),
        **({"outcomeDesc": access.code} if access.code else {}),
        "agent": [_agent(access.actor, requestor=True), _agent(access.client, requestor=False)],
        "source": {"observer": {"display": "billing"}},
        "entity": [about],
    }


def _agent(name: str, *, requestor: bool) -> dict[str, Any]:
    known = {"who": {"identifier": {"value": name}}, "altId": name, "name": name} if name else {"name": "unknown"}
    return {**known, "requestor": requestor}

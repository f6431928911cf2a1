"""Notification bundles as the Subscriptions R5 Backport guide has them for R4: a history, with the status first.

http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-subscription-notification-r4
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import NAMESPACE_URL, uuid5

import msgspec

from mappers.extensions import BACKPORT
from mappers.mapper import instant
from storage.subscription_delivery import StoredEvent

BUNDLE_PROFILE = f"{BACKPORT}/StructureDefinition/backport-subscription-notification-r4"
STATUS_PROFILE = f"{BACKPORT}/StructureDefinition/backport-subscription-status-r4"
ERROR_SYSTEM = "http://terminology.hl7.org/CodeSystem/subscription-error"

Kind = Literal["handshake", "heartbeat", "event-notification", "query-status", "query-event"]
PayloadContent = Literal["empty", "id-only", "full-resource"]

# What happened, as a request would have asked for it, and how it would have been answered.
_REQUESTS = {"create": ("POST", "201"), "update": ("PUT", "200"), "delete": ("DELETE", "204")}

_encode = msgspec.json.encode


@dataclass(frozen=True, slots=True)
class Told:
    """A subscription as its notifications tell it. `topic` is empty for the criteria of R4."""

    base_url: str
    id: str
    topic: str
    status: str
    event_count: int
    error: str | None = None

    @property
    def url(self) -> str:
        return f"{self.base_url}/Subscription/{self.id}"


def notification(
    told: Told, kind: Kind, now: datetime, *, content: str = "empty", events: Sequence[StoredEvent] = ()
) -> bytes:
    """A Bundle as JSON. With `full-resource` the events have their content, spliced as it was stored."""
    status = status_parameters(told, kind, content=content, events=events, now=now)
    entries: list[Any] = [
        {
            "fullUrl": f"urn:uuid:{status['id']}",
            "resource": status,
            "request": {"method": "GET", "url": f"{told.url}/$status"},
            "response": {"status": "200"},
        }
    ]
    if content != "empty":
        entries += [_entry(told.base_url, event, with_resource=content == "full-resource") for event in events]
    return _encode(
        {
            "resourceType": "Bundle",
            "meta": {"profile": [BUNDLE_PROFILE]},
            "type": "history",
            "timestamp": instant(now),
            "entry": entries,
        }
    )


def status_parameters(
    told: Told, kind: Kind, now: datetime, *, content: str = "empty", events: Sequence[StoredEvent] = ()
) -> dict[str, Any]:
    """The status of a subscription, as Parameters."""
    # The topic is left out where nothing is to be told but that something happened.
    names_topic = told.topic and (content != "empty" or kind != "event-notification")
    parameters: list[dict[str, Any]] = [
        {"name": "subscription", "valueReference": {"reference": told.url}},
        *([{"name": "topic", "valueCanonical": told.topic}] if names_topic else []),
        {"name": "status", "valueCode": told.status},
        {"name": "type", "valueCode": kind},
        {"name": "events-since-subscription-start", "valueString": str(told.event_count)},
        *(_event(told.base_url, event, with_focus=content != "empty") for event in events),
    ]
    if told.error is not None:
        coding = {"system": ERROR_SYSTEM, "code": "no-response"}
        parameters.append({"name": "error", "valueCodeableConcept": {"coding": [coding], "text": told.error}})
    first = events[0].number if events else 0
    return {
        "resourceType": "Parameters",
        "id": str(uuid5(NAMESPACE_URL, f"{told.url}/{kind}/{first}/{told.event_count}/{instant(now)}")),
        "meta": {"profile": [STATUS_PROFILE]},
        "parameter": parameters,
    }


def _event(base_url: str, event: StoredEvent, *, with_focus: bool) -> dict[str, Any]:
    parts: list[dict[str, Any]] = [
        {"name": "event-number", "valueString": str(event.number)},
        {"name": "timestamp", "valueInstant": instant(event.recorded_at.astimezone(UTC))},
    ]
    if with_focus:
        reference = f"{base_url}/{event.resource_type}/{event.resource_id}"
        parts.append({"name": "focus", "valueReference": {"reference": reference}})
    return {"name": "notification-event", "part": parts}


def _entry(base_url: str, event: StoredEvent, *, with_resource: bool) -> dict[str, Any]:
    method, status = _REQUESTS[event.interaction]
    name = f"{event.resource_type}/{event.resource_id}"
    entry: dict[str, Any] = {"fullUrl": f"{base_url}/{name}"}
    if with_resource and event.content is not None:
        entry["resource"] = msgspec.Raw(event.content.encode())
    entry["request"] = {"method": method, "url": event.resource_type if method == "POST" else name}
    entry["response"] = {
        "status": status,
        "etag": f'W/"{event.version}"',
        "lastModified": instant(event.recorded_at.astimezone(UTC)),
    }
    return entry

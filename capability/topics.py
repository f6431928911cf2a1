"""Topics as resources that can be read: R4 has no SubscriptionTopic, so each is a Basic with what R5 would say of it.

As the Backport guide 1.2.0 has it: the elements of R5 as cross-version extensions.
https://hl7.org/fhir/R5/versions.html#extensions
"""

from __future__ import annotations

from typing import Any

from capability.publication import VERSION
from mappers.subscription_topics import Topic, filters_of

RESOURCE_TYPE = "Basic"

_TOPIC = "http://hl7.org/fhir/5.0/StructureDefinition/extension-SubscriptionTopic"
_RESOURCE = "http://hl7.org/fhir/StructureDefinition"


def topic_resource(topic: Topic) -> dict[str, Any]:
    return {
        "resourceType": RESOURCE_TYPE,
        "id": topic.name,
        "extension": [
            {"url": f"{_TOPIC}.url", "valueUri": topic.url},
            {"url": f"{_TOPIC}.version", "valueString": VERSION},
            {"url": f"{_TOPIC}.title", "valueString": topic.title},
            {"url": f"{_TOPIC}.status", "valueCode": "active"},
            {"url": f"{_TOPIC}.description", "valueMarkdown": topic.description},
            *(_trigger(topic, resource_type) for resource_type in topic.resource_types),
            *(
                _filter(resource_type, parameter.code, parameter.url)
                for resource_type in topic.resource_types
                for parameter in filters_of(resource_type)
            ),
            *(
                {
                    "url": f"{_TOPIC}.notificationShape",
                    "extension": [{"url": "resource", "valueUri": f"{_RESOURCE}/{resource_type}"}],
                }
                for resource_type in topic.resource_types
            ),
        ],
        "code": {"coding": [{"system": "http://hl7.org/fhir/fhir-types", "code": "SubscriptionTopic"}]},
    }


def _trigger(topic: Topic, resource_type: str) -> dict[str, Any]:
    parts: list[dict[str, Any]] = [
        {"url": "description", "valueMarkdown": topic.description},
        {"url": "resource", "valueUri": f"{_RESOURCE}/{resource_type}"},
    ]
    if topic.event:
        coding = {"system": "https://billing.ghasi.example/fhir/CodeSystem/domain-event", "code": topic.event}
        parts.append({"url": "event", "valueCodeableConcept": {"coding": [coding]}})
        return {"url": f"{_TOPIC}.eventTrigger", "extension": parts}
    parts += [{"url": "supportedInteraction", "valueCode": code} for code in ("create", "update", "delete")]
    return {"url": f"{_TOPIC}.resourceTrigger", "extension": parts}


def _filter(resource_type: str, code: str, definition: str) -> dict[str, Any]:
    parts: list[dict[str, Any]] = [
        {"url": "resource", "valueUri": f"{_RESOURCE}/{resource_type}"},
        {"url": "filterParameter", "valueString": code},
    ]
    if definition:
        parts.append({"url": "filterDefinition", "valueUri": definition})
    return {"url": f"{_TOPIC}.canFilterBy", "extension": parts}

"""The conformance resources of the server as ready bytes, each checked by the typed models of fhir.resources.

The R4B models have the same elements as R4 for these types. They are loaded when the first client asks, and only once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from capability.compartment_definitions import compartment_definition
from capability.extension_definitions import EXTENSIONS, extension_definition
from capability.operation_definitions import operation_definition
from capability.search_parameter_definitions import own_parameter_definitions
from capability.served import Served, ServedParameter
from capability.statement import capability_statement
from capability.topics import topic_resource
from mappers.subscription_topics import TOPICS, Topic

DEFINITION_PARAMETERS = (
    ServedParameter("_id", "token", "http://hl7.org/fhir/SearchParameter/Resource-id"),
    ServedParameter("name", "string", "http://hl7.org/fhir/SearchParameter/conformance-name"),
    ServedParameter("url", "uri", "http://hl7.org/fhir/SearchParameter/conformance-url"),
)
_AUDIT_EVENT = "http://hl7.org/fhir/SearchParameter/AuditEvent-"
AUDIT_PARAMETERS = (
    ServedParameter("_id", "token", "http://hl7.org/fhir/SearchParameter/Resource-id"),
    ServedParameter("action", "token", f"{_AUDIT_EVENT}action"),
    ServedParameter("agent-name", "string", f"{_AUDIT_EVENT}agent-name", "The whole name: the subject of the token."),
    ServedParameter("altid", "token", f"{_AUDIT_EVENT}altid", "The subject of the token."),
    ServedParameter("date", "date", "http://hl7.org/fhir/SearchParameter/AuditEvent-date"),
    ServedParameter("entity", "reference", f"{_AUDIT_EVENT}entity", "What was read or changed, as Invoice/1."),
    ServedParameter("outcome", "token", f"{_AUDIT_EVENT}outcome"),
    ServedParameter("subtype", "token", f"{_AUDIT_EVENT}subtype", "The interaction."),
)


TOPIC_PARAMETERS = (ServedParameter("_id", "token", "http://hl7.org/fhir/SearchParameter/Resource-id"),)


@dataclass(frozen=True, slots=True)
class Definition:
    """A conformance resource that can be read and found."""

    id: str
    url: str
    name: str
    content: bytes


class Conformance:
    def __init__(self, served: Served) -> None:
        self.statement = _checked(capability_statement(served))
        self._definitions = {
            "CompartmentDefinition": _definitions(map(compartment_definition, served.compartments)),
            "OperationDefinition": _definitions(map(operation_definition, served.operations)),
            "SearchParameter": _definitions(own_parameter_definitions()),
            "StructureDefinition": _definitions(map(extension_definition, EXTENSIONS)),
            "Basic": {topic.name: _readable(topic) for topic in TOPICS.values()},
        }

    def definition(self, resource_type: str, id_: str) -> Definition | None:
        return self._definitions[resource_type].get(id_)

    def definitions(self, resource_type: str) -> list[Definition]:
        """All of a type, by id."""
        return sorted(self._definitions[resource_type].values(), key=lambda each: each.id)


def _readable(topic: Topic) -> Definition:
    return Definition(topic.name, topic.url, topic.title, _checked(topic_resource(topic)))


def _definitions(documents: Iterable[dict[str, Any]]) -> dict[str, Definition]:
    found = [
        Definition(document["id"], document["url"], document["name"], _checked(document)) for document in documents
    ]
    return {each.id: each for each in sorted(found, key=lambda each: each.id)}


def _checked(document: dict[str, Any]) -> bytes:
    """The JSON of a conformance resource, as its typed model writes it."""
    from fhir.resources.R4B import get_fhir_model_class

    model = get_fhir_model_class(document["resourceType"]).model_validate(document)
    content: str = model.model_dump_json()
    return content.encode()

"""`$meta`: the meta of a resource or of one of its versions, or the labels that are in use on a type or in the system.

https://hl7.org/fhir/R4/resource-operation-meta.html
"""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import Any

from fhir_server.fhir_request import FhirRequest, Reading
from fhir_server.interactions.read import read
from fhir_server.interactions.vread import vread
from fhir_server.operation_declaration import Operation, Parameter
from fhir_server.operations.parameters import parameters, read_parameters
from fhir_server.responses import Answer
from mappers import MAPPERS
from mappers.r4.json_text import decode_own, encode
from storage.labels import Label, read_labels
from storage.transaction import Reader

OPERATION = Operation(
    code="meta",
    resource_type="Resource",
    title="The meta of a resource, or all labels in use",
    description=(
        "Of a resource: the profiles, tags and security labels of its current version, or of one of its versions, and"
        " which version that is. Of a type, or of all types that the token may search: every profile, tag and security"
        " label that is in use on current resources."
    ),
    affects_state=False,
    permission="r",
    parameters=(Parameter("return", "out", 0, "1", "Meta", "The meta; nothing where no label is in use."),),
    levels=("system", "type", "instance"),
)


def resource_meta(request: FhirRequest) -> Reading:
    """Of the instance in the URL, or of one version of it."""
    read_parameters(request, OPERATION)
    reading = vread(request) if request.version_id else read(request)

    async def reading_meta(reader: Reader) -> Answer:
        found = await reading(reader)
        return replace(found, content=meta_answer(decode_own(found.content)["meta"]), location="")

    return reading_meta


def labels_in_use(request: FhirRequest) -> Reading:
    """Of all current resources of the type in the URL, or of those types that the token may search."""
    read_parameters(request, OPERATION)
    scopes = request.token.scopes
    own = [request.resource_type] if request.resource_type else []
    types = own or [each for each in MAPPERS if scopes.allow_whole(each, "s")]
    for each in types or [next(iter(MAPPERS))]:
        scopes.require_all(each, "s")

    async def reading(reader: Reader) -> Answer:
        return Answer(HTTPStatus.OK, meta_answer(_meta_of(await read_labels(reader, request.tenant.id, types))))

    return reading


def meta_answer(meta: dict[str, Any]) -> bytes:
    """Parameters with a Meta; without it where nothing is in use, for FHIR has no empty Meta."""
    if not meta:
        return b'{"resourceType":"Parameters"}'
    return parameters([encode({"name": "return", "valueMeta": meta})])


def _meta_of(labels: list[Label]) -> dict[str, Any]:
    def codings(parameter: str) -> list[dict[str, str]]:
        return [
            {**({"system": label.system} if label.system else {}), "code": label.value}
            for label in labels
            if label.parameter == parameter
        ]

    profiles = [label.value for label in labels if label.parameter == "_profile"]
    found = {"profile": profiles, "security": codings("_security"), "tag": codings("_tag")}
    return {name: items for name, items in found.items() if items}

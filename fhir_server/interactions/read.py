"""The read interaction: the current version of a resource. https://hl7.org/fhir/R4/http.html#read"""

from __future__ import annotations

from http import HTTPStatus

from fhir_server.fhir_request import FhirRequest, Reading
from fhir_server.responses import Answer
from ledger.errors import Category, Refusal, not_found, refuse
from storage.resource_versions import StoredVersion, read_latest
from storage.transaction import Reader


def read(request: FhirRequest) -> Reading:
    async def reading(reader: Reader) -> Answer:
        found = await read_latest(reader, request.tenant.id, request.resource_type, request.id)
        return answer_of_version(request, found)

    return reading


def answer_of_version(request: FhirRequest, found: StoredVersion | None) -> Answer:
    """A version as it is stored: the content, or that it was deleted, or that there is none."""
    if found is None:
        raise not_found("not-found", f"There is no {request.url}.")
    version, last_updated, content = found
    if content is None:
        raise deleted(request)
    return Answer(
        HTTPStatus.OK,
        content.encode(),
        version,
        last_updated,
        f"{request.resource_type}/{request.id}/_history/{version}",
    )


def deleted(request: FhirRequest) -> Refusal:
    name = f"{request.resource_type}/{request.id}"
    return refuse(Category.GONE, "deleted", f"{name} is deleted; {name}/_history has what it was.")

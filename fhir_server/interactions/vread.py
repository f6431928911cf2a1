"""The vread interaction: one version of a resource, for ever as it was. https://hl7.org/fhir/R4/http.html#vread"""

from __future__ import annotations

from fhir_server.fhir_request import FhirRequest, Reading
from fhir_server.interactions.read import answer_of_version
from fhir_server.responses import Answer
from ledger.errors import not_found
from storage.resource_versions import read_version
from storage.transaction import Reader

VERSION_DIGITS_MAX = 9


def vread(request: FhirRequest) -> Reading:
    text = request.version_id
    if not (text.isascii() and text.isdigit() and len(text) <= VERSION_DIGITS_MAX):
        raise not_found("not-found", "There is no such version; versions are numbers.")

    async def reading(reader: Reader) -> Answer:
        found = await read_version(reader, request.tenant.id, request.resource_type, request.id, int(text))
        return answer_of_version(request, found)

    return reading

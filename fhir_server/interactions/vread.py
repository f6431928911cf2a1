"""The vread interaction: one version of a resource, for ever as it was. https://hl7.org/fhir/R4/http.html#vread"""

from __future__ import annotations

import re

from fhir_server.fhir_request import FhirRequest, Reading
from fhir_server.interactions.read import answer_of_version, part_wanted
from fhir_server.responses import Answer
from ledger.errors import not_found
from storage.resource_versions import read_version
from storage.transaction import Reader

# As they are written here: 01 is no version.
_is_version = re.compile("[1-9][0-9]{0,8}").fullmatch


def vread(request: FhirRequest) -> Reading:
    text = request.version_id
    if not _is_version(text):
        raise not_found("not-found", "There is no such version; versions are numbers.")

    shown = part_wanted(request)

    async def reading(reader: Reader) -> Answer:
        found = await read_version(reader, request.tenant.id, request.resource_type, request.id, int(text))
        return shown(answer_of_version(request, found))

    return reading

"""The batch and transaction interactions: POST of a Bundle to the base. https://hl7.org/fhir/R4/http.html#transaction"""

from __future__ import annotations

from fhir_server.fhir_request import FhirRequest
from fhir_server.interactions.batch import batch
from fhir_server.interactions.bundle_entries import check_size
from fhir_server.interactions.transaction import transaction
from fhir_server.responses import Answer
from fhir_server.service import Service
from ledger.errors import Refusal, invalid
from mappers.r4.validate import validate


async def bundle(request: FhirRequest, service: Service) -> Answer:
    document = request.document
    assert document is not None
    entries = document.get("entry")
    if isinstance(entries, list):
        check_size(entries, service.settings.max_bundle_entries)
    # What is in the entries is validated with each entry.
    problems = validate(document, "Bundle", entries=False)
    if problems:
        raise Refusal(problems)
    match document["type"]:
        case "batch":
            return await batch(request, service)
        case "transaction":
            return await transaction(request, service)
        case other:
            message = f"A Bundle of type {other} is not taken here; send a batch or a transaction."
            raise invalid("bundle-type", message, "Bundle.type", "not-supported")

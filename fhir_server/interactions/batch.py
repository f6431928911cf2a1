"""A batch: each entry on its own, in the order of a transaction. https://hl7.org/fhir/R4/http.html#brules

Entries do not refer to each other, and one that fails is answered with its OperationOutcome while the others go on.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fhir_server.execution import carry_out
from fhir_server.fhir_request import FhirRequest
from fhir_server.interactions.bundle_entries import Entry, answer_entry, read_entry, refused_entry
from fhir_server.interactions.bundle_order import phase_of
from fhir_server.interactions.bundle_references import refuse_temporary
from fhir_server.responses import Answer, bundle
from fhir_server.service import Service
from ledger.errors import Refusal
from mappers.literal_references import literal_references


async def batch(request: FhirRequest, service: Service) -> Answer:
    assert request.document is not None
    given: list[dict[str, Any]] = request.document.get("entry", [])
    answers = [b""] * len(given)
    entries: list[Entry] = []
    full_urls = {item["fullUrl"] for item in given if "fullUrl" in item}
    for index, item in enumerate(given):
        try:
            entry = read_entry(request, service.routes, index, item)
            if entry.request.document is not None:
                refuse_temporary(literal_references(entry.request.document), full_urls)
            entries.append(entry)
        except Refusal as refusal:
            await service.access_log.refused(request.visit, refusal)
            answers[index] = refused_entry(refusal, index)
    for entry in sorted(entries, key=phase_of):
        try:
            answers[entry.index] = answer_entry(entry, await carry_out(service, entry.route, entry.request))
        except Refusal as refusal:
            await service.access_log.refused(entry.request.visit, refusal)
            answers[entry.index] = refused_entry(refusal, entry.index)
    return Answer(HTTPStatus.OK, bundle("batch-response", answers))

"""The delete interaction; to delete twice is to delete once. https://hl7.org/fhir/R4/http.html#delete"""

from __future__ import annotations

from http import HTTPStatus

from billing.delete_resource import delete_resource
from fhir_server.fhir_request import FhirRequest, Writing
from fhir_server.preconditions import precondition_failed
from fhir_server.responses import Answer, answer_of_deletion
from storage.transaction import Transaction


def delete(request: FhirRequest) -> Writing:
    async def writing(tx: Transaction) -> Answer:
        change = await delete_resource(
            tx,
            request.context,
            request.resource_type,
            request.id,
            if_match=request.conditions.versions_required,
        )
        if change is not None:
            return answer_of_deletion(change)
        if request.conditions.if_match is not None:
            raise precondition_failed(f"If-Match asks for a version, and there is no {request.url}.")
        return Answer(HTTPStatus.NO_CONTENT)

    return writing

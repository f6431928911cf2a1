"""The conditional delete: `DELETE Account?identifier=...` deletes the one match. Several are refused.

https://hl7.org/fhir/R4/http.html#3.1.0.7.1
"""

from __future__ import annotations

from http import HTTPStatus

from billing.delete_resource import delete_resource
from fhir_server.fhir_request import FhirRequest, Writing
from fhir_server.interactions.criteria import matched
from fhir_server.preconditions import precondition_failed
from fhir_server.responses import Answer, answer_of_deletion
from storage.transaction import Transaction


def conditional_delete(request: FhirRequest) -> Writing:
    async def writing(tx: Transaction) -> Answer:
        found = await matched(tx, request)
        if found is None:
            if request.conditions.if_match is not None:
                raise precondition_failed("If-Match asks for a version, and nothing matches the criteria.")
            return Answer(HTTPStatus.NO_CONTENT)
        change = await delete_resource(
            tx, request.context, request.resource_type, found, if_match=request.conditions.versions_required
        )
        assert change is not None, "it is locked, so it is there"
        return answer_of_deletion(change)

    return writing

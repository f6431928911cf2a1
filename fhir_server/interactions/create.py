"""The create interaction. https://hl7.org/fhir/R4/http.html#create"""

from __future__ import annotations

from billing.create_resource import create_resource
from fhir_server.fhir_request import FhirRequest, Writing
from fhir_server.interactions.conditional_create import existing
from fhir_server.responses import Answer, answer_of_change
from ledger.errors import invalid
from storage.transaction import Transaction


def create(request: FhirRequest) -> Writing:
    if request.query:
        # Some clients mean a conditional create by it: to ignore it would make what they believe to be there already.
        raise invalid(
            "parameter-in-url",
            "A create has no parameters in its URL; the criteria of a conditional create stand in If-None-Exist.",
        )
    request.resource()
    if request.conditions.if_none_exist is not None:
        # Whether something matches is what a search would tell.
        request.token.scopes.require(request.resource_type, "s")

    async def writing(tx: Transaction) -> Answer:
        if request.conditions.if_none_exist is not None and not request.nothing_matches:
            found = await existing(tx, request)
            if found is not None:
                return answer_of_change(found)
        assert request.document is not None
        change = await create_resource(
            tx,
            request.context,
            request.resource_type,
            request.document,
            resource_id=request.assigned_id,
            is_new_id=request.assigned_id is not None,
            references=request.references,
        )
        return answer_of_change(change)

    return writing

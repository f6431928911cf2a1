"""The update interaction, which also creates under the id that the client chose. https://hl7.org/fhir/R4/http.html#update"""

from __future__ import annotations

from billing.update_resource import update_resource
from fhir_server.fhir_request import FhirRequest, Writing
from fhir_server.preconditions import precondition_failed
from fhir_server.responses import Answer, answer_of_change
from ledger.errors import invalid
from storage.transaction import Transaction


def update(request: FhirRequest) -> Writing:
    _check_id(request)
    conditions = request.conditions

    async def writing(tx: Transaction) -> Answer:
        assert request.document is not None
        change = await update_resource(
            tx,
            request.context,
            request.resource_type,
            request.id,
            request.document,
            if_match=conditions.versions_required,
        )
        # What was done so far is undone when one of these refuses.
        if change.outcome == "created":
            request.token.scopes.require(request.resource_type, "c")
            if conditions.if_match is not None:
                raise precondition_failed(f"If-Match asks for a version, and there is no {request.url}.")
        elif conditions.if_none_match is not None and conditions.if_none_match.any:
            raise precondition_failed(f"{request.url} exists, and If-None-Match: * asks that it does not.")
        return answer_of_change(change)

    return writing


def _check_id(request: FhirRequest) -> None:
    place = f"{request.resource_type}.id"
    found = request.resource().get("id")
    if found is None:
        raise invalid("id-missing", f"The resource must have the id of the URL, {request.id}.", place, "required")
    if found != request.id:
        message = "The id of the resource is not the one of the URL; send the same in both."
        raise invalid("id-mismatch", message, place, "value")

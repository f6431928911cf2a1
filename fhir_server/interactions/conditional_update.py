"""The conditional update: `PUT Account?identifier=...` changes the one match, or creates what nothing matches.

https://hl7.org/fhir/R4/http.html#cond-update
"""

from __future__ import annotations

from typing import Any

from billing.change import Change
from billing.create_resource import create_resource
from billing.unique_identifiers import key_is_of
from billing.update_resource import update_resource
from fhir_server.fhir_request import FhirRequest, Writing
from fhir_server.interactions.criteria import matched
from fhir_server.preconditions import precondition_failed
from fhir_server.responses import Answer, answer_of_change
from ledger.errors import invalid
from storage.transaction import Transaction


def conditional_update(request: FhirRequest) -> Writing:
    given_id: str | None = request.resource().get("id")

    async def writing(tx: Transaction) -> Answer:
        assert request.document is not None
        found = await matched(tx, request)
        if found is None:
            return answer_of_change(await _create(tx, request, request.document, given_id))
        if given_id is not None and given_id != found:
            message = f"The criteria match {request.resource_type}/{found}, and the resource has another id."
            raise invalid("id-mismatch", message, f"{request.resource_type}.id", "value")
        conditions = request.conditions
        if conditions.if_none_match is not None and conditions.if_none_match.any:
            raise precondition_failed(
                f"{request.resource_type}/{found} matches, and If-None-Match: * asks that nothing does."
            )
        change = await update_resource(
            tx,
            request.context,
            request.resource_type,
            found,
            request.document,
            if_match=conditions.versions_required,
        )
        return answer_of_change(change)

    return writing


async def _create(tx: Transaction, request: FhirRequest, document: dict[str, Any], given_id: str | None) -> Change:
    """Create it, under the id that it has, if any. What has this id and does not match is a conflict."""
    if request.conditions.if_match is not None:
        raise precondition_failed("If-Match asks for a version, and nothing matches the criteria.")
    request.token.scopes.require(request.resource_type, "c")
    change = await create_resource(
        tx,
        request.context,
        request.resource_type,
        document,
        resource_id=given_id or request.assigned_id,
        is_new_id=given_id is None and request.assigned_id is not None,
    )
    if given_id is not None and change.id != given_id:
        raise key_is_of(change, document)
    return change

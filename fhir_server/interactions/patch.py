"""The patch interaction, on an id or on what criteria match. https://hl7.org/fhir/R4/http.html#patch

A patch is a change of the version that is current, and what it makes is held to everything that an update is: valid
R4, the statuses, what only the server sets.
"""

from __future__ import annotations

from typing import Any

from billing.change import Change
from billing.update_resource import update_resource, version_differs
from fhir_server.fhir_request import FhirRequest, Writing
from fhir_server.interactions.criteria import matched
from fhir_server.interactions.patch_document import apply_patch, check_patch
from fhir_server.interactions.read import deleted
from fhir_server.preconditions import precondition_failed
from fhir_server.responses import Answer, answer_of_change
from ledger.errors import Category, Refusal, invalid, not_found, refuse
from mappers.card_numbers import refuse_card_numbers
from mappers.r4.json_text import encode
from mappers.r4.validate import validate
from storage.resource_versions import StoredVersion, latest
from storage.transaction import Transaction

_ATTEMPTS = 3


def patch(request: FhirRequest) -> Writing:
    is_by_id = bool(request.id)
    assert request.document is not None, "the edge has read a patch"
    check_patch(request.document, request.resource_type, conditional_references=request.takes_conditional_references)

    async def writing(tx: Transaction) -> Answer:
        found = request.id if is_by_id else await matched(tx, request)
        if found is None:
            if request.conditions.if_match is not None:
                raise precondition_failed("If-Match asks for a version, and nothing matches the criteria.")
            raise not_found("not-found", "Nothing matches the criteria, so there is nothing to patch.")
        return answer_of_change(await _patch(tx, request, found))

    return writing


async def _patch(tx: Transaction, request: FhirRequest, resource_id: str) -> Change:
    for _ in range(_ATTEMPTS):
        current, content = await _current(tx, request, resource_id)
        document = _patched(request, resource_id, content)
        try:
            return await update_resource(
                tx,
                request.context,
                request.resource_type,
                resource_id,
                document,
                if_match=frozenset({current.version}),
            )
        except Refusal as refusal:
            # It was changed before its row was locked, so the patch is for the version that is there now.
            if refusal.code != "version-mismatch":
                raise
    raise refuse(Category.UNAVAILABLE, "busy", "The resource is changed all the time; try again.")


async def _current(tx: Transaction, request: FhirRequest, resource_id: str) -> tuple[StoredVersion, str]:
    """The current version and its JSON, if it is the one that the client asks for."""
    name = f"{request.resource_type}/{resource_id}"
    found = await latest(tx, request.resource_type, resource_id)
    conditions = request.conditions
    if found is None or found.content is None:
        if conditions.if_match is not None:
            raise precondition_failed(f"If-Match asks for a version, and there is no {name}.")
        raise not_found("not-found", f"There is no {name}.") if found is None else deleted(request)
    if conditions.if_none_match is not None and conditions.if_none_match.match(found.version):
        raise precondition_failed(f"{name} is what If-None-Match asks it not to be.")
    if conditions.if_match is not None and not conditions.if_match.match(found.version):
        raise version_differs(request.resource_type, resource_id)
    return found, found.content


def _patched(request: FhirRequest, resource_id: str, content: str) -> dict[str, Any]:
    assert request.document is not None, "the edge has read a patch"
    document = apply_patch(request.document, request.resource_type, content)
    problems = validate(document, request.resource_type, conditional_references=request.takes_conditional_references)
    if problems:
        raise Refusal(problems)
    if document.get("id") != resource_id:
        raise invalid("id-mismatch", "A patch cannot change the id.", f"{request.resource_type}.id", "value")
    # Only as a whole it says which value is of which identifier system.
    refuse_card_numbers(encode(document), document, request.tenant.systems_like_cards)
    return document

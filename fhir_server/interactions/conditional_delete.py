"""The conditional delete: `DELETE Account?identifier=...` deletes the one match, or by setting all of them.

https://hl7.org/fhir/R4/http.html#3.1.0.7.1. In a transaction it is always the one match, for there it has to be known
which resources the entries are about.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

from billing.delete_resource import delete_resource
from billing.lock_plan import Touched, lock_for
from fhir_server.fhir_request import FhirRequest, Writing
from fhir_server.guard import require_within
from fhir_server.interactions.criteria import condition_of, matched, matching_ids
from fhir_server.preconditions import precondition_failed
from fhir_server.responses import Answer, answer_of_deletion
from ledger.errors import Category, refuse
from storage.advisory_locks import lock_conditions
from storage.transaction import Transaction

MATCHES_MAX = 100


@dataclass(frozen=True, slots=True)
class ConditionalDelete:
    """The interaction. `many`: several matches are deleted, all of them or none; else they are refused."""

    many: bool = False

    def __call__(self, request: FhirRequest) -> Writing:
        async def writing(tx: Transaction) -> Answer:
            is_of_transaction = request.id or request.nothing_matches
            if self.many and not is_of_transaction and request.conditions.if_match is None:
                return await _delete_all(tx, request)
            return await _delete_one(tx, request)

        return writing


async def _delete_one(tx: Transaction, request: FhirRequest) -> Answer:
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


async def _delete_all(tx: Transaction, request: FhirRequest) -> Answer:
    lock_conditions(tx, [condition_of(request)])
    found = await matching_ids(tx, request, MATCHES_MAX + 1)
    if len(found) > MATCHES_MAX:
        raise precondition_failed(f"More than {MATCHES_MAX} resources match the criteria; send narrower ones.")
    await lock_for(tx, request.context, [Touched(request.resource_type, resource_id) for resource_id in found])
    # Before the locks were held, somebody may have changed one so that it matches no longer.
    if await matching_ids(tx, request, MATCHES_MAX + 1) != found:
        raise refuse(Category.UNAVAILABLE, "busy", "What matches is changed at the same time; try again.")
    for resource_id in found:
        await require_within(tx, request, resource_id)
        await delete_resource(tx, request.context, request.resource_type, resource_id)
    return Answer(HTTPStatus.NO_CONTENT)

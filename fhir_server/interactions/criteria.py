"""The criteria of conditional interactions and the one resource that meets them, exactly once under contention.

https://hl7.org/fhir/R4/http.html#ccreate and https://hl7.org/fhir/R4/http.html#cond-update. Who asks with the same
criteria at the same time waits for the lock on them, and then finds what was done meanwhile.
"""

from __future__ import annotations

from billing.update_resource import locked
from fhir_server.authorization.narrowing import narrowing_of
from fhir_server.fhir_request import FhirRequest, Query, query_of
from fhir_server.guard import require_within
from fhir_server.interactions.search import match_ids
from fhir_server.preconditions import precondition_failed
from ledger.errors import Category, refuse
from mappers.search_query import encode_query
from storage.advisory_locks import lock_conditions
from storage.transaction import Transaction

_ATTEMPTS = 3
_BY_URL = frozenset({"PUT", "PATCH", "DELETE"})


def criteria_of(request: FhirRequest) -> Query | None:
    """What a conditional request asks: If-None-Exist of a create, else what its URL has in place of an id."""
    if request.conditions.if_none_exist is not None:
        return query_of(request.conditions.if_none_exist)
    return request.query if request.method in _BY_URL and not request.id else None


def condition_of(request: FhirRequest) -> str:
    """What is locked: equal for criteria that say the same, in whatever order."""
    return f"{request.resource_type}?{sorted(criteria_of(request) or [])}"


async def matching_ids(tx: Transaction, request: FhirRequest, limit: int) -> list[str]:
    """The ids of what matches, in their order, at most `limit`."""
    query = encode_query(criteria_of(request) or [])
    within = narrowing_of(request.token, request.base_url, request.resource_type, "s")
    return await match_ids(tx, request.context, request.resource_type, query, limit=limit, within=within)


async def matching_id(tx: Transaction, request: FhirRequest) -> str | None:
    """The id of the one match. More than one is refused."""
    found = await matching_ids(tx, request, 2)
    if len(found) > 1:
        where = "If-None-Exist" if request.conditions.if_none_exist is not None else "the criteria in the URL"
        raise precondition_failed(
            f"{len(found)} resources or more match {where}; send criteria that one resource meets at most."
        )
    return found[0] if found else None


async def matched(tx: Transaction, request: FhirRequest) -> str | None:
    """The id of the one resource that an update, patch or delete is about, locked; None where nothing matches.

    A Bundle has looked already: then the request has the id, or is marked as one that nothing matches.
    """
    if request.id or request.nothing_matches:
        return request.id or None
    lock_conditions(tx, [condition_of(request)])
    for _ in range(_ATTEMPTS):
        found = await matching_id(tx, request)
        if found is None:
            return None
        await require_within(tx, request, found)
        await locked(tx, request.resource_type, found, naming=request.document, context=request.context)
        # Before the lock was held, somebody may have changed it so that it matches no longer.
        if await matching_id(tx, request) == found:
            return found
    raise refuse(Category.UNAVAILABLE, "busy", "What matches is changed all the time; try again.")

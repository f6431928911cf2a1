"""If-None-Exist: a create that is carried out only where a search finds nothing.

https://hl7.org/fhir/R4/http.html#ccreate. It is exactly once under contention: who asks for the same thing at the same
time waits for the lock on it, and then finds what was created meanwhile.
"""

from __future__ import annotations

from billing.change import Change
from fhir_server.fhir_request import FhirRequest, query_of
from fhir_server.interactions.search import match_ids
from fhir_server.preconditions import precondition_failed
from storage.advisory_locks import lock_conditions
from storage.resource_versions import latest
from storage.transaction import Transaction


def condition_of(request: FhirRequest) -> str:
    """What is locked: equal for searches that say the same, in whatever order."""
    query = request.conditions.if_none_exist or ""
    return f"{request.resource_type}?{sorted(query_of(query))}"


async def existing(tx: Transaction, request: FhirRequest) -> Change | None:
    """The one resource that matches already; None where the create is to be carried out."""
    lock_conditions(tx, [condition_of(request)])
    found = await matching_id(tx, request)
    return None if found is None else await as_existing(tx, request.resource_type, found)


async def as_existing(tx: Transaction, resource_type: str, resource_id: str) -> Change:
    version = await latest(tx, resource_type, resource_id)
    assert version is not None, "a search finds only what is there"
    assert version.content is not None, "a search finds only what is there"
    return Change(
        resource_type, resource_id, version.version, version.last_updated, version.content.encode(), "existing"
    )


async def matching_id(tx: Transaction, request: FhirRequest) -> str | None:
    """The id of the one match. More than one is refused."""
    query = request.conditions.if_none_exist or ""
    found = await match_ids(tx, request.context, request.resource_type, query)
    if len(found) > 1:
        raise precondition_failed(
            f"{len(found)} resources match If-None-Exist; send criteria that one resource meets at most."
        )
    return found[0] if found else None

"""If-None-Exist: a create that is carried out only where a search finds nothing.

https://hl7.org/fhir/R4/http.html#ccreate
"""

from __future__ import annotations

from billing.change import Change
from fhir_server.fhir_request import FhirRequest
from fhir_server.interactions.criteria import condition_of, matching_id
from storage.advisory_locks import lock_conditions
from storage.resource_versions import latest
from storage.transaction import Transaction


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

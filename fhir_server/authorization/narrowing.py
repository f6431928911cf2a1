"""What part of a type a token's permission is for, as a criterion that is put into every search and asked of every
resource: the compartment of the one patient that a token is about, and what the search in a scope finds.
"""

from __future__ import annotations

from datetime import UTC, datetime

from fhir_server.authorization.smart_scopes import Permission
from fhir_server.authorization.token import AccessToken
from ledger.errors import Refusal
from mappers import mapper_for
from mappers.compartments import PATIENT_COMPARTMENT, in_compartment_of
from mappers.search_query import SearchLimits, decode_query, read_search
from storage.search import read_ids
from storage.search_criteria import EVERYTHING, NOTHING, Criterion, among, every, one_of
from storage.transaction import Reader


def narrowing_of(token: AccessToken, base_url: str, resource_type: str, permission: Permission) -> Criterion | None:
    """The criterion of what the permission is for; None where it is for all of the type."""
    scopes = token.scopes
    if not scopes.is_narrowed:
        return None
    parts: list[Criterion] = []
    if scopes.bound_to_patient:
        if resource_type not in PATIENT_COMPARTMENT:
            return NOTHING
        parts.append(in_compartment_of(token.patient, resource_type))
    if not scopes.allow_all(resource_type, permission):
        found = [_searched(resource_type, query, base_url) for query in scopes.queries(resource_type, permission)]
        understood = [each for each in found if each is not None]
        parts.append(among(*understood) if understood else NOTHING)
    return every(*parts) if parts else None


async def is_within(reader: Reader, tenant_id: str, resource_type: str, resource_id: str, narrowing: Criterion) -> bool:
    """Whether a resource, as it is now, is of the part that a permission is for."""
    criterion = every(one_of("id", [resource_id]), narrowing)
    return bool(await read_ids(reader, tenant_id, resource_type, criterion, limit=1))


def _searched(resource_type: str, query: str, base_url: str) -> Criterion | None:
    """What a scope's search asks; None where it is not understood as a whole: then the scope is for nothing."""
    try:
        search = read_search(
            resource_type,
            mapper_for(resource_type).search_parameters,
            decode_query(query),
            base_url=base_url,
            now=datetime.now(UTC),
            limits=SearchLimits(),
        )
    except Refusal:
        return None
    is_plain = not search.joined_types and not search.includes and search.criterion != EVERYTHING
    return search.criterion if is_plain else None

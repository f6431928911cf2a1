"""Holds what is done to the part of a type that the token's permission is for.

Tokens without such a narrowing, which are nearly all, cost one look. For the others every action is wrapped, whether it
comes alone or in a Bundle: a resource outside is as if it were not there, what is written must be inside before and
behind, and what cannot be held to a part (histories of types, for instance) is refused. Searches, includes and criteria
narrow themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fhir_server.authorization.narrowing import is_within, narrowing_of
from fhir_server.authorization.smart_scopes import Permission, insufficient_for_part
from fhir_server.fhir_request import FhirRequest, Reading, Writing
from fhir_server.responses import Answer
from fhir_server.route import Route
from ledger.errors import not_found
from mappers import MAPPERS
from mappers.compartments import is_of_patient
from mappers.r4.json_text import decode_own
from storage.resource_versions import latest
from storage.search_criteria import Criterion
from storage.transaction import Reader, Transaction

# These narrow themselves, or look at what they find when it is found.
_OF_MANY = frozenset({"search-type", "search-system", "search-compartment", "create", "update", "patch", "delete"})
_WRITES: dict[str, Permission] = {"create": "c", "update": "u", "patch": "u", "delete": "d"}


def guarded_reading(route: Route, request: FhirRequest, reading: Reading) -> Reading:
    """The same, of the part that the token may read."""
    permission = _permission_of(route)
    narrowing = _narrowing(route, request, permission)
    if narrowing is None:
        return reading

    async def narrowed(reader: Reader) -> Answer:
        if not await is_within(reader, request.tenant.id, request.resource_type, request.id, narrowing):
            raise not_found("not-found", f"There is no {request.url}.")
        answer = await reading(reader)
        if request.version_id or route.interaction == "history-instance":
            _check_versions(request, permission, answer)
        return answer

    return narrowed


def guarded_writing(route: Route, request: FhirRequest, writing: Writing) -> Writing:
    """The same, where it begins and ends in the part that the token may write."""
    permission = _permission_of(route)
    scopes = request.token.scopes
    if not scopes.is_narrowed:
        return writing
    narrowing = _narrowing(route, request, permission)

    async def narrowed(tx: Transaction) -> Answer:
        is_new = False
        if request.id:
            current = await latest(tx, request.resource_type, request.id)
            is_new = current is None or current.content is None
            if narrowing is not None and not is_new:
                await _require(tx, request, request.resource_type, request.id, narrowing, permission)
        answer = await writing(tx)
        if route.interaction != "delete":
            behind: Permission = "c" if is_new or answer.is_new else permission
            await _check_result(tx, request, answer, behind)
        return answer

    return narrowed


async def require_within(tx: Transaction, request: FhirRequest, resource_id: str) -> None:
    """Refuse to change or delete what criteria have found outside of the part that the token may change."""
    permission: Permission = "d" if request.method == "DELETE" else "u"
    narrowing = narrowing_of(request.token, request.base_url, request.resource_type, permission)
    if narrowing is not None:
        await _require(tx, request, request.resource_type, resource_id, narrowing, permission)


def _permission_of(route: Route) -> Permission:
    if route.operation is not None:
        return route.operation.permission
    return _WRITES.get(route.interaction, "r")


def _narrowing(route: Route, request: FhirRequest, permission: Permission) -> Criterion | None:
    scopes = request.token.scopes
    if not scopes.is_narrowed or not request.resource_type or route.is_open:
        return None
    if request.id and request.resource_type in MAPPERS and not route.interaction.startswith("search"):
        return narrowing_of(request.token, request.base_url, request.resource_type, permission)
    if route.interaction not in _OF_MANY:
        for resource_type, needed in route.needs:
            scopes.require_all(resource_type or request.resource_type, needed)
    return None


async def _check_result(tx: Transaction, request: FhirRequest, answer: Answer, permission: Permission) -> None:
    """What was written is inside, and for a patient's token so is all that it refers to."""
    resource_type, _, rest = answer.location.partition("/")
    resource_id = rest.partition("/")[0] or request.id
    resource_type = resource_type or request.resource_type
    narrowing = narrowing_of(request.token, request.base_url, resource_type, permission)
    if narrowing is not None and resource_id:
        await _require(tx, request, resource_type, resource_id, narrowing, permission)
    if request.token.scopes.bound_to_patient and answer.content:
        for other_type, other_id in set(_own_references(decode_own(answer.content))):
            other = narrowing_of(request.token, request.base_url, other_type, "r")
            if other is not None:
                await _require(tx, request, other_type, other_id, other, permission)


async def _require(
    tx: Transaction,
    request: FhirRequest,
    resource_type: str,
    resource_id: str,
    narrowing: Criterion,
    permission: Permission,
) -> None:
    if not await is_within(tx, request.tenant.id, resource_type, resource_id, narrowing):
        raise insufficient_for_part(resource_type, permission)


def _check_versions(request: FhirRequest, permission: Permission, answer: Answer) -> None:
    """Older versions may have been outside: of a patient that can be seen; what a search asks cannot."""
    scopes, token = request.token.scopes, request.token
    if not scopes.allow_all(request.resource_type, permission):
        raise insufficient_for_part(request.resource_type, permission)
    document = decode_own(answer.content)
    entries = document["entry"] if document.get("resourceType") == "Bundle" and "entry" in document else []
    versions = [entry["resource"] for entry in entries if "resource" in entry]
    if document.get("resourceType") in MAPPERS:
        versions.append(document)
    for version in versions:
        if scopes.bound_to_patient and not is_of_patient(version, token.patient, request.base_url):
            raise insufficient_for_part(request.resource_type, permission)


def _own_references(value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        reference = value.get("reference")
        if isinstance(reference, str):
            resource_type, _, id_ = reference.rpartition("/")
            if resource_type in MAPPERS and id_:
                yield resource_type, id_
        for each in value.values():
            yield from _own_references(each)
    elif isinstance(value, list):
        for each in value:
            yield from _own_references(each)

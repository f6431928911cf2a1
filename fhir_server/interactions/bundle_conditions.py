"""What a transaction looks up before it writes: matches of If-None-Exist, and references that are searches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fhir_server.fhir_request import FhirRequest
from fhir_server.interactions.bundle_entries import Entry, place_of
from fhir_server.interactions.bundle_references import conditional_references, replace_references
from fhir_server.interactions.conditional_create import condition_of, matching_id
from fhir_server.interactions.search import match_ids
from fhir_server.outcomes import located
from ledger.errors import Category, Refusal, invalid, refuse
from storage.advisory_locks import lock_conditions
from storage.resource_rows import RESOURCE_TYPES
from storage.transaction import Transaction


async def replace_conditions(tx: Transaction, entries: Sequence[Entry]) -> dict[int, str]:
    """Replace every conditional reference by what it matches, in place.

    Gives the ids of what exists already, by the index of the entry that would have created it.
    """
    existing = await _existing(tx, [entry for entry in entries if entry.request.conditions.if_none_exist is not None])
    replacements = {
        f"{entry.request.resource_type}/{entry.request.assigned_id}": (
            f"{entry.request.resource_type}/{existing[entry.index]}"
        )
        for entry in entries
        if entry.index in existing
    }
    for entry in entries:
        request = entry.request
        if request.document is None:
            continue
        try:
            for literal, place in conditional_references(request.document, request.resource_type):
                if literal not in replacements:
                    replacements[literal] = await _match(tx, request, literal, place)
        except Refusal as refusal:
            raise located(refusal, place_of(entry.index)) from None
    rename(entries, replacements)
    return existing


def rename(entries: Sequence[Entry], names: Mapping[str, str]) -> None:
    """Have entries speak of what exists, where they speak of what was to be created: `Account/new` -> `Account/old`."""
    if not names:
        return
    for entry in entries:
        request = entry.request
        if request.document is not None:
            replace_references(request.document, names)
        if request.id:
            request.id = names.get(f"{request.resource_type}/{request.id}", "").partition("/")[2] or request.id


async def _existing(tx: Transaction, conditional: Sequence[Entry]) -> dict[int, str]:
    lock_conditions(tx, [condition_of(entry.request) for entry in conditional])
    existing: dict[int, str] = {}
    for entry in conditional:
        try:
            found = await matching_id(tx, entry.request)
        except Refusal as refusal:
            raise located(refusal, place_of(entry.index)) from None
        entry.request.nothing_matches = found is None
        if found is not None:
            existing[entry.index] = found
    return existing


async def _match(tx: Transaction, request: FhirRequest, literal: str, place: str) -> str:
    """`Account/1` for `Account?identifier=...`. No match, or more than one, fails the transaction."""
    resource_type, _, query = literal.partition("?")
    if resource_type not in RESOURCE_TYPES:
        kept = ", ".join(RESOURCE_TYPES)
        message = f"Only what this server keeps can be referred to by a search ({kept}); use an identifier for others."
        raise invalid("conditional-reference-type", message, place, "not-supported")
    request.token.scopes.require(resource_type, "s")
    found = await match_ids(tx, request.context, resource_type, query)
    if len(found) != 1:
        message = f"The conditional reference matches {len(found) or 'no'} resources and must match one."
        issue = "multiple-matches" if found else "not-found"
        raise refuse(Category.PRECONDITION, "conditional-reference", message, place, issue)
    return f"{resource_type}/{found[0]}"

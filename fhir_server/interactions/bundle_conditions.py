"""What a transaction looks up before it writes: what conditional entries match, and references that are searches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from fhir_server.authorization.narrowing import narrowing_of
from fhir_server.fhir_request import FhirRequest
from fhir_server.interactions.bundle_entries import Entry, place_of
from fhir_server.interactions.bundle_references import conditional_references, replace_references
from fhir_server.interactions.criteria import condition_of, criteria_of, matching_id
from fhir_server.interactions.search import match_ids
from fhir_server.outcomes import located
from ledger.errors import Category, Refusal, invalid, refuse
from storage.advisory_locks import lock_conditions
from storage.resource_rows import RESOURCE_TYPES
from storage.transaction import Transaction


async def replace_conditions(tx: Transaction, entries: Sequence[Entry]) -> dict[int, str]:
    """Replace every conditional reference by what it matches, in place, and give conditional entries their ids.

    Gives the ids of what exists already, by the index of the entry that would have created it.
    """
    matches = await _matches(tx, [entry for entry in entries if criteria_of(entry.request) is not None])
    replacements = {
        f"{entry.request.resource_type}/{entry.request.assigned_id}": (
            f"{entry.request.resource_type}/{matches[entry.index]}"
        )
        for entry in entries
        if entry.index in matches and entry.request.assigned_id is not None
    }
    for entry in entries:
        try:
            for literal, place in conditional_references(entry.literals):
                if literal not in replacements:
                    replacements[literal] = await _match(tx, entry.request, literal, place)
        except Refusal as refusal:
            raise located(refusal, place_of(entry.index)) from None
    rename(entries, replacements)
    creates = {entry.index for entry in entries if entry.request.conditions.if_none_exist is not None}
    for entry in entries:
        if entry.index in matches.keys() - creates:
            entry.request.id = matches[entry.index]
    return {index: found for index, found in matches.items() if index in creates}


async def refuse_changed_matches(tx: Transaction, entries: Sequence[Entry]) -> None:
    """Refuse where, once all locks are held, a conditional update, patch or delete matches something else than before.

    It can only be that somebody changed it in the moment between, so the request succeeds when it is sent again.
    """
    for entry in entries:
        if entry.id_as_asked or entry.request.method == "POST":
            continue
        request = replace(entry.request, id="")
        if criteria_of(request) is None:
            continue
        try:
            found = await matching_id(tx, request)
        except Refusal as refusal:
            raise located(refusal, place_of(entry.index)) from None
        if (found or "") != entry.request.id:
            message = "What matches was changed at the same time; try again."
            raise refuse(Category.UNAVAILABLE, "busy", message, place_of(entry.index))


def rename(entries: Sequence[Entry], names: Mapping[str, str]) -> None:
    """Have entries speak of what exists, where they speak of what was to be created: `Account/new` -> `Account/old`."""
    if not names:
        return
    for entry in entries:
        request = entry.request
        if request.document is not None:
            replace_references(request.document, names)
            entry.take_document(request.document)
        if request.id:
            request.id = names.get(f"{request.resource_type}/{request.id}", "").partition("/")[2] or request.id
        query = [(name, names.get(value, value)) for name, value in request.query]
        if query != request.query:
            request.query = query


async def _matches(tx: Transaction, conditional: Sequence[Entry]) -> dict[int, str]:
    lock_conditions(tx, [condition_of(entry.request) for entry in conditional])
    matches: dict[int, str] = {}
    for entry in conditional:
        try:
            found = await matching_id(tx, entry.request)
        except Refusal as refusal:
            raise located(refusal, place_of(entry.index)) from None
        entry.request.nothing_matches = found is None
        if found is not None:
            matches[entry.index] = found
    return matches


async def _match(tx: Transaction, request: FhirRequest, literal: str, place: str) -> str:
    """`Account/1` for `Account?identifier=...`. No match, or more than one, fails the transaction."""
    resource_type, _, query = literal.partition("?")
    if resource_type not in RESOURCE_TYPES:
        kept = ", ".join(RESOURCE_TYPES)
        message = f"Only what this server keeps can be referred to by a search ({kept}); use an identifier for others."
        raise invalid("conditional-reference-type", message, place, "not-supported")
    request.token.scopes.require(resource_type, "s")
    within = narrowing_of(request.token, request.base_url, resource_type, "s")
    found = await match_ids(tx, request.context, resource_type, query, within=within)
    if len(found) != 1:
        message = f"The conditional reference matches {len(found) or 'no'} resources and must match one."
        issue = "multiple-matches" if found else "not-found"
        raise refuse(Category.PRECONDITION, "conditional-reference", message, place, issue)
    return f"{resource_type}/{found[0]}"

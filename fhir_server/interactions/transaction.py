"""A transaction: all entries or none, in one database transaction. https://hl7.org/fhir/R4/http.html#trules

Everything that can be found wrong without the database is found before one is opened, in all entries at once. Then
conditions are looked up, temporary ids replaced, all locks taken, and the entries carried out in order.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from billing.lock_plan import Touched, lock_for
from billing.unique_identifiers import owners_of
from fhir_server.access_log import log_write
from fhir_server.fhir_request import FhirRequest, Writing
from fhir_server.guard import guarded_reading, guarded_writing
from fhir_server.idempotency import hash_of, once, require_key
from fhir_server.interactions.bundle_conditions import refuse_changed_matches, rename, replace_conditions
from fhir_server.interactions.bundle_entries import Entry, answer_entry, place_of, read_entry, resource_of
from fhir_server.interactions.bundle_order import CREATES, READS, UPDATES, identity_of, in_order, phase_of
from fhir_server.interactions.bundle_references import refuse_temporary, replace_references
from fhir_server.interactions.conditional_create import as_existing
from fhir_server.interactions.criteria import condition_of, criteria_of
from fhir_server.interactions.temporary_ids import TemporaryIds, temporary_ids
from fhir_server.outcomes import located
from fhir_server.responses import Answer, answer_of_change, bundle
from fhir_server.service import Service
from ledger.errors import Category, Problem, Refusal, conflict, invalid
from mappers.r4.json_text import decode
from storage.transaction import Transaction


@dataclass(slots=True)
class _Plan:
    """What is to be done: entries as they stand, and by their index the action and, where there is a key, the hash."""

    entries: list[Entry]
    ids: TemporaryIds
    actions: dict[int, Writing] = field(default_factory=dict)
    hashes: dict[int, str] = field(default_factory=dict)


async def transaction(request: FhirRequest, service: Service) -> Answer:
    assert request.document is not None
    # Of the Bundle as it was sent: the ids that are chosen below are others each time.
    request_hash = "" if request.idempotency_key is None else hash_of(request)
    plan = _plan(request, service, request.document.get("entry", []))
    is_repeated = False

    async def attempt(tx: Transaction) -> Answer:
        nonlocal is_repeated
        if is_repeated:
            _renew(plan, request)
        is_repeated = True
        answer = await once(tx, request, request_hash, lambda tx: _carry_out(tx, request, plan))
        if answer.replayed:
            log_write(tx, request.visit, answer)
        return answer

    return await service.database.run(request.tenant.id, request.token.subject, attempt)


def _plan(request: FhirRequest, service: Service, given: list[dict[str, Any]]) -> _Plan:
    """Read and check all entries; refused with the problems of all of them."""
    ids = temporary_ids(given, request.base_url)
    plan = _Plan([], ids)
    problems: list[Problem] = []
    for index, item in enumerate(given):
        try:
            entry = _read(request, service, ids, index, item)
            _check(entry, plan, service)
            plan.entries.append(entry)
        except Refusal as refusal:
            if refusal.category in {Category.NOT_ALLOWED, Category.UNAUTHENTICATED}:
                raise located(refusal, place_of(index)) from None
            problems += located(refusal, place_of(index)).problems
    problems += _repeated(plan.entries)
    if problems:
        raise Refusal(problems)
    return plan


def _read(request: FhirRequest, service: Service, ids: TemporaryIds, index: int, item: dict[str, Any]) -> Entry:
    asked = item.get("request")
    try:
        url = ids.in_url(asked["url"]) if asked else None
        entry = read_entry(request, service.routes, index, item, url=url, is_of_transaction=True)
    except Refusal as refusal:
        if refusal.category not in {Category.NOT_FOUND, Category.NOT_SUPPORTED}:
            raise
        # There is no such route. That is said of the entry; the transaction itself was sent to the right place.
        message = refusal.problems[0].message
        place = f"{place_of(index)}.request"
        raise invalid(refusal.code, message, place, "not-supported") from None
    entry.request.assigned_id = ids.assigned.get(index)
    if entry.request.document is not None:
        _replace_temporary(entry, entry.request.document, ids)
        refuse_temporary(entry.literals)
    return entry


def _replace_temporary(entry: Entry, document: dict[str, Any], ids: TemporaryIds) -> None:
    replacements = ids.replacements_for(entry.full_url)
    if replacements:
        replace_references(document, replacements)
    entry.take_document(document)


def _renew(plan: _Plan, request: FhirRequest) -> None:
    """Have the entries as they were planned, where an attempt before this one has changed or taken apart what they say.

    They are read again from the Bundle that was sent: nearly every transaction is attempted once, and keeping a copy of
    all entries would cost each of them.
    """
    assert request.body is not None, "the edge has read a Bundle"
    given = decode(request.body)["entry"] if plan.entries else []
    for entry in plan.entries:
        entry.request.id, entry.request.query = entry.id_as_asked, entry.query_as_asked
        if entry.request.document is not None:
            _replace_temporary(entry, resource_of(entry.route, given[entry.index]) or {}, plan.ids)


def _check(entry: Entry, plan: _Plan, service: Service) -> None:
    route, request = entry.route, entry.request
    if route.operation is not None and route.operation.needs_idempotency_key:
        require_key(request)
        plan.hashes[entry.index] = hash_of(request)
    if route.writes is not None:
        plan.actions[entry.index] = guarded_writing(route, request, route.writes(request))
    elif route.reads is not None:
        plan.actions[entry.index] = guarded_reading(route, request, route.reads(request))
    else:
        serves = route.serves
        assert serves is not None, "read_entry refuses other routes"
        plan.actions[entry.index] = lambda _tx: serves(request, service)


def _repeated(entries: list[Entry]) -> list[Problem]:
    """Two entries that write the same resource, or create it on the same condition, contradict each other."""
    seen: set[object] = set()
    problems = []
    for entry in entries:
        if phase_of(entry) > UPDATES:
            continue
        identity = identity_of(entry)
        keys: list[object] = [identity] if identity[1] else []
        if criteria_of(entry.request) is not None:
            keys.append(condition_of(entry.request))
        if seen.intersection(keys):
            message = "Another entry writes the same resource; send one entry for each."
            place = f"{place_of(entry.index)}.request.url"
            problems.append(Problem(Category.INVALID, "entry-repeated", message, place, "duplicate"))
        seen.update(keys)
    return problems


async def _carry_out(tx: Transaction, request: FhirRequest, plan: _Plan) -> Answer:
    existing = await replace_conditions(tx, plan.entries)
    # Conditional entries have found by now what they are about.
    if problems := _repeated([entry for entry in plan.entries if entry.request.id]):
        raise Refusal(problems)
    await _replace_known_keys(tx, request, plan)
    # Entries may refer to one another in a ring.
    tx.to_create |= {
        identity_of(entry)
        for entry in plan.entries
        if entry.request.assigned_id is not None and not entry.request.id and entry.index not in existing
    }
    await lock_for(tx, request.context, [_touched(entry) for entry in plan.entries if _locks(entry, existing)])
    await refuse_changed_matches(tx, plan.entries)
    answers = [b""] * len(plan.entries)
    ordered = in_order(plan.entries)
    for position, entry in enumerate(ordered):
        try:
            answer = await _answer(tx, entry, plan, existing)
        except Refusal as refusal:
            raise located(refusal, place_of(entry.index)) from refusal
        log_write(tx, entry.request.visit, answer)
        if names := _other_name(entry, answer):
            rename(ordered[position + 1 :], names)
        answers[entry.index] = answer_entry(entry, answer)
    if tx.relied_on - tx.created:
        message = "Somebody else created at the same time what a business key of this transaction names; try again."
        raise conflict("business-key-taken", message)
    return Answer(HTTPStatus.OK, bundle("transaction-response", answers))


async def _replace_known_keys(tx: Transaction, request: FhirRequest, plan: _Plan) -> None:
    """Have all entries speak of what is there already by a business key, where an entry was to create it."""
    creating = {
        entry.index: entry
        for entry in plan.entries
        if phase_of(entry) == CREATES and entry.request.document is not None and entry.request.assigned_id is not None
    }
    documents = {index: entry.request.document or {} for index, entry in creating.items()}
    owners = await owners_of(tx, request.context, documents)
    rename(
        plan.entries,
        {"/".join(identity_of(creating[index])): f"{type_}/{id_}" for index, (type_, id_) in owners.items()},
    )


def _other_name(entry: Entry, answer: Answer) -> dict[str, str]:
    """The name of what was there already by a business key, where the entry was to create it."""
    expected = f"{entry.request.resource_type}/{entry.request.assigned_id}"
    actual = answer.location.partition("/_history/")[0]
    return {expected: actual} if entry.request.assigned_id is not None and actual != expected else {}


def _locks(entry: Entry, existing: dict[int, str]) -> bool:
    return phase_of(entry) != READS and entry.index not in existing


def _touched(entry: Entry) -> Touched:
    request = entry.request
    # Accounts that are to be opened are taken with the others, so that none is missing later.
    new_id = request.assigned_id if request.resource_type == "Account" else None
    resource_id = request.id or new_id
    if entry.route.operation or request.document is None:
        return Touched(request.resource_type, resource_id)
    return Touched(request.resource_type, resource_id, request.document, request.references or ())


async def _answer(tx: Transaction, entry: Entry, plan: _Plan, existing: dict[int, str]) -> Answer:
    found = existing.get(entry.index)
    if found is not None:
        return answer_of_change(await as_existing(tx, entry.request.resource_type, found))
    action = plan.actions[entry.index]
    if entry.route.reads is not None and entry.request.query is not entry.query_as_asked:
        action = guarded_reading(entry.route, entry.request, entry.route.reads(entry.request))
    if entry.index in plan.hashes:
        return await once(tx, entry.request, plan.hashes[entry.index], action)
    return await action(tx)

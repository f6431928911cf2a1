"""Carrying out a request: a read on a connection of its own, a write in a transaction of its own."""

from __future__ import annotations

from fhir_server.access_log import log_write
from fhir_server.fhir_request import FhirRequest, Writing
from fhir_server.guard import guarded_reading, guarded_writing
from fhir_server.idempotency import hash_of, once, require_key
from fhir_server.responses import Answer
from fhir_server.route import Route
from fhir_server.service import Service
from storage.transaction import Transaction


async def carry_out(service: Service, route: Route, request: FhirRequest) -> Answer:
    if route.reads is not None:
        answer = await guarded_reading(route, request, route.reads(request))(service.database)
        service.access_log.note(request.visit, answer)
        return answer
    if route.writes is not None:
        if route.operation is not None and route.operation.needs_idempotency_key:
            require_key(request)
        return await write(service, request, guarded_writing(route, request, route.writes(request)))
    assert route.serves is not None
    answer = await route.serves(request, service)
    if route.interaction == "operation":
        service.access_log.note(request.visit, answer)
    return answer


async def write(service: Service, request: FhirRequest, writing: Writing) -> Answer:
    request_hash = "" if request.idempotency_key is None else hash_of(request)

    async def attempt(tx: Transaction) -> Answer:
        request.renew()
        answer = await once(tx, request, request_hash, writing)
        log_write(tx, request.visit, answer)
        return answer

    return await service.database.run(request.tenant.id, request.token.subject, attempt)

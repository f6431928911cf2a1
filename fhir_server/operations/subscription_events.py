"""`GET or POST Subscription/[id]/$events`: the events of a subscription again, by their numbers."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from http import HTTPStatus

from fhir_server.fhir_request import FhirRequest, Reading
from fhir_server.operation_declaration import Operation, Parameter
from fhir_server.operations.parameters import read_parameters
from fhir_server.operations.subscription_status import told_of
from fhir_server.responses import Answer
from ledger.errors import invalid, not_found
from mappers.extensions import BACKPORT
from storage import subscription_delivery, subscription_overview
from storage.transaction import Reader
from subscriptions.notification import notification

CONTENTS = ("empty", "id-only", "full-resource")
EVENTS_MAX = 1000
_NUMBER = re.compile(r"[0-9]{1,18}")

OPERATION = Operation(
    code="events",
    resource_type="Subscription",
    title="The events of a subscription",
    description=(
        "The events of a subscription from a number to a number, whether they were sent or not: for what was missed."
        f" At most {EVENTS_MAX} at once; ask on from the last number. What a subscriber took is kept for a time."
    ),
    affects_state=False,
    permission="r",
    base=f"{BACKPORT}/OperationDefinition/backport-subscription-events",
    parameters=(
        Parameter("eventsSinceNumber", "in", 0, "1", "string", "The first number; else from the first that is kept."),
        Parameter("eventsUntilNumber", "in", 0, "1", "string", "The last number; else to the last there is."),
        Parameter("content", "in", 0, "1", "code", "What is sent of each; else what the subscription says.", CONTENTS),
        Parameter("return", "out", 1, "1", "Bundle", "A notification: the status, then the events."),
    ),
)


def subscription_events(request: FhirRequest) -> Reading:
    values = read_parameters(request, OPERATION)
    first, last = (_number(values[name], name) for name in ("eventsSinceNumber", "eventsUntilNumber"))

    async def reading(reader: Reader) -> Answer:
        found = await subscription_overview.states(reader, request.tenant.id, ids=[request.id])
        if not found:
            raise not_found("not-found", f"There is no Subscription/{request.id}.")
        [state] = found
        content = values["content"] or state.payload_content or "id-only"
        events = await subscription_delivery.read_events(
            reader,
            request.tenant.id,
            request.id,
            first or 1,
            state.last_number if last is None else last,
            limit=EVENTS_MAX,
            with_content=content == "full-resource",
        )
        if content != "empty":
            for resource_type in sorted({event.resource_type for event in events}):
                request.token.scopes.require_all(resource_type, "r")
        told = told_of(request.base_url, state)
        body = notification(told, "query-event", datetime.now(UTC), content=content, events=events)
        return Answer(HTTPStatus.OK, body)

    return reading


def _number(text: str | None, name: str) -> int | None:
    if text is None:
        return None
    if not _NUMBER.fullmatch(text):
        message = f"{name} is a number of an event, such as 17."
        raise invalid("event-number", message, f"Parameters.parameter.where(name='{name}').value", "value")
    return int(text)

"""`GET or POST Subscription/[id]/$status` and `Subscription/$status`: how far subscriptions are."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus

import msgspec

from fhir_server.fhir_request import FhirRequest, Reading
from fhir_server.operation_declaration import Operation, Parameter
from fhir_server.operations.parameters import read_parameters
from fhir_server.responses import Answer, bundle
from ledger.errors import not_found
from mappers.extensions import BACKPORT
from mappers.subscription_topics import TOPICS
from storage import subscription_overview
from storage.subscription_overview import SubscriptionState
from storage.transaction import Reader
from subscriptions.notification import Told, status_parameters

STATUSES = ("requested", "active", "error", "off")

OPERATION = Operation(
    code="status",
    resource_type="Subscription",
    title="The status of subscriptions",
    description=(
        "How far subscriptions are: status, number of events so far, and the reason of an error. On the type: of those"
        " that id and status name, or of all."
    ),
    affects_state=False,
    permission="r",
    levels=("type", "instance"),
    base=f"{BACKPORT}/OperationDefinition/backport-subscription-status",
    parameters=(
        Parameter("id", "in", 0, "*", "id", "On the type: one of these ids. Ignored on an instance."),
        Parameter(
            "status", "in", 0, "*", "code", "On the type: in one of these statuses. Ignored on an instance.", STATUSES
        ),
        Parameter("return", "out", 1, "1", "Bundle", "A searchset with one Parameters for each subscription."),
    ),
)


def subscription_status(request: FhirRequest) -> Reading:
    values = read_parameters(request, OPERATION)
    ids = [request.id] if request.id else values["id"] or None
    statuses = None if request.id else values["status"] or None

    async def reading(reader: Reader) -> Answer:
        found = await subscription_overview.states(reader, request.tenant.id, ids=ids, statuses=statuses)
        if request.id and not found:
            raise not_found("not-found", f"There is no Subscription/{request.id}.")
        now = datetime.now(UTC)
        entries = []
        for state in found:
            status = status_parameters(told_of(request.base_url, state), "query-status", now)
            entry = {"fullUrl": f"urn:uuid:{status['id']}", "resource": status, "search": {"mode": "match"}}
            entries.append(msgspec.json.encode(entry))
        links = [("self", f"{request.base_url}/{request.url}")]
        return Answer(HTTPStatus.OK, bundle("searchset", entries, total=len(entries), links=links))

    return reading


def told_of(base_url: str, state: SubscriptionState) -> Told:
    """What a status says of a subscription."""
    topic = state.criteria if state.criteria in TOPICS else ""
    return Told(base_url, state.id, topic, state.status, state.last_number, state.error)

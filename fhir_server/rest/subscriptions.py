"""`/subscriptions`: how far each subscription is, for the operator. What it asks for is the FHIR resource."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import Field

from fhir_server.responses import Answer
from fhir_server.rest.answers import answer_of
from fhir_server.rest.documents import Document, PageFilter, example_config
from fhir_server.rest.pages import anchor_of, page_of, size_of
from fhir_server.rest.request import Reading, RestRequest
from fhir_server.rest.route import RestRoute
from mappers.mapper import instant
from storage import subscription_overview
from storage.subscription_overview import SubscriptionState
from storage.transaction import Reader

SCOPE = "billing:subscription:operate"


class SubscriptionDocument(Document):
    """A subscription as its deliveries go. All of it is the FHIR resource that `reference` names."""

    model_config = example_config(
        {
            "id": "13",
            "reference": "Subscription/13",
            "status": "active",
            "paused": False,
            "criteria": "https://billing.ghasi.example/fhir/SubscriptionTopic/invoice-issued",
            "channel": "rest-hook",
            "endpoint": "https://claims.example/hook",
            "events": 42,
            "sent": 41,
            "waiting": 1,
            "lag_seconds": 0.2,
            "deliveries": 41,
            "failed_deliveries": 0,
            "failures_in_a_row": 0,
        }
    )

    id: str
    reference: str
    status: str
    paused: Annotated[bool, Field(description="The operator holds it: `./run subscriptions pause`.")]
    criteria: str
    channel: str
    endpoint: str | None = None
    events: Annotated[int, Field(description="How many events it has had: the number of the last.")]
    sent: Annotated[int, Field(description="The number of the last event that was taken.")]
    waiting: Annotated[int, Field(description="How many were not taken yet.")]
    lag_seconds: Annotated[float, Field(description="How old the oldest event is that was not taken yet.")]
    deliveries: Annotated[int, Field(description="Notifications that were taken, heartbeats included.")]
    failed_deliveries: int
    failures_in_a_row: int
    last_sent: str | None = None
    last_failed: str | None = None
    last_error: str | None = None


class SubscriptionPage(Document):
    items: list[SubscriptionDocument]
    next: Annotated[str | None, Field(description="The cursor of the next page, where there is one.")] = None


def list_subscriptions(request: RestRequest) -> Reading:
    async def reading(reader: Reader) -> Answer:
        found = await subscription_overview.states(
            reader, request.tenant.id, after=anchor_of(request) or "", limit=size_of(request) + 1
        )
        now = datetime.now(UTC)
        items, following = page_of(request, [_document(state, now) for state in found], [state.id for state in found])
        return answer_of(SubscriptionPage(items=items, next=following))

    return reading


def _document(state: SubscriptionState, now: datetime) -> SubscriptionDocument:
    oldest = state.oldest_waiting
    return SubscriptionDocument(
        id=state.id,
        reference=f"Subscription/{state.id}",
        status=state.status,
        paused=state.paused,
        criteria=state.criteria,
        channel=state.channel_type,
        endpoint=state.endpoint,
        events=state.last_number,
        sent=state.sent_number,
        waiting=state.last_number - state.sent_number,
        lag_seconds=0 if oldest is None else max(0.0, (now - oldest).total_seconds()),
        deliveries=state.deliveries,
        failed_deliveries=state.delivery_failures,
        failures_in_a_row=state.failures,
        last_sent=_instant(state.last_sent_at),
        last_failed=_instant(state.last_failed_at),
        last_error=state.last_error,
    )


def _instant(moment: datetime | None) -> str | None:
    return None if moment is None else instant(moment)


ROUTES = (
    RestRoute(
        method="GET",
        path="/subscriptions",
        summary="List how far subscriptions are",
        description="Counters, lag and the last failure of each, by id.",
        filters=PageFilter,
        gives=SubscriptionPage,
        business_scope=SCOPE,
        reads=list_subscriptions,
    ),
)

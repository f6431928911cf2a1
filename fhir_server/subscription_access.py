"""Whether a token may hear what a subscription tells: also one that another client of the tenant has made."""

from __future__ import annotations

from fhir_server.authorization.smart_scopes import Scopes
from mappers.subscription_topics import TOPICS
from storage.subscription_overview import SubscriptionState


def require_audible(scopes: Scopes, state: SubscriptionState) -> None:
    """Refuse who may not read all that the notifications of a subscription show.

    Those by R4 criteria, and those that are empty, say that something has happened and no more.
    """
    scopes.require_all("Subscription", "r")
    topic = TOPICS.get(state.criteria)
    if topic is not None and state.payload_content not in {None, "empty"}:
        for resource_type in topic.resource_types:
            scopes.require_all(resource_type, "r")

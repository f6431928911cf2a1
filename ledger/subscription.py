"""A subscription: who wants to be told of which changes, and over what channel."""

from __future__ import annotations

from dataclasses import dataclass

from ledger.resource import Resource


@dataclass(slots=True, kw_only=True)
class Subscription(Resource):
    """FHIR Subscription. Index rows: contact, filter-criteria, _tag, _security, _profile.

    `criteria` is the canonical URL of a topic, or a search. `ends` is the element `end`. What is secret of the channel
    (the values of its headers, the key that signs) is not here: the residue holds a mask in its place.
    """

    status: str
    ends: str | None = None
    criteria: str
    error: str | None = None
    channel_type: str
    endpoint: str | None = None
    payload: str | None = None
    payload_content: str | None = None
    heartbeat_seconds: int | None = None
    timeout_seconds: int | None = None
    max_count: int | None = None

"""How a subscriber can be told: what of a channel this server can do, everything else refused with its place."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from billing.endpoint_policy import EndpointPolicy, EndpointRefusedError
from ledger.errors import Category, Problem, Refusal
from ledger.subscription import Subscription
from mappers.extensions import (
    BACKPORT_CHANNEL_TYPE,
    BACKPORT_HEARTBEAT_PERIOD,
    BACKPORT_MAX_COUNT,
    BACKPORT_PAYLOAD_CONTENT,
    BACKPORT_TIMEOUT,
)
from mappers.subscription_terms import Terms

REST_HOOK, WEBSOCKET = "rest-hook", "websocket"
CHANNEL_TYPES = "http://terminology.hl7.org/CodeSystem/subscription-channel-type"
CONTENTS = ("empty", "id-only", "full-resource")

HEARTBEAT_SECONDS_MAX = 7 * 86400
TIMEOUT_SECONDS_MAX = 300
MAX_COUNT_MAX = 1000

_PAYLOAD = re.compile(
    r"(application/fhir\+json|application/fhir\+xml|application/json|application/xml)"
    r"(;\s?fhirVersion=(?P<version>[0-9.]+))?"
)
_VERSIONS = {None, "4.0", "4.0.1"}
_CHANNEL = "Subscription.channel"


def refuse_channel(
    subscription: Subscription, document: dict[str, Any], terms: Terms, policy: EndpointPolicy, now: datetime
) -> None:
    """Refuse with every problem of the channel, the payload and the end."""
    channel = document["channel"]
    problems = [
        *_type_problems(subscription, channel),
        *_endpoint_problems(subscription, policy),
        *_payload_problems(subscription, terms),
        *_limit_problems(subscription),
        *_end_problems(subscription, now),
    ]
    if problems:
        raise Refusal(problems)


def end_of(subscription: Subscription) -> datetime | None:
    return None if subscription.ends is None else datetime.fromisoformat(subscription.ends)


def needs_handshake(subscription: Subscription, terms: Terms) -> bool:
    """Whether an endpoint has to answer before anything is sent: R4 knows that of topics only."""
    return subscription.channel_type == REST_HOOK and terms.topic is not None


def _type_problems(subscription: Subscription, channel: dict[str, Any]) -> list[Problem]:
    problems = []
    if subscription.channel_type not in {REST_HOOK, WEBSOCKET}:
        message = f"The channels are {REST_HOOK} and {WEBSOCKET}."
        problems.append(_problem("channel-not-supported", message, f"{_CHANNEL}.type", "not-supported"))
    for at, extension in enumerate(channel.get("_type", {}).get("extension", ())):
        coding = extension.get("valueCoding", {})
        if extension.get("url") == BACKPORT_CHANNEL_TYPE and (coding.get("system"), coding.get("code")) != (
            CHANNEL_TYPES,
            subscription.channel_type,
        ):
            message = f"There are no channels but {REST_HOOK} and {WEBSOCKET} of R4; leave this extension out."
            place = f"{_CHANNEL}.type.extension[{at}].value"
            problems.append(_problem("channel-not-supported", message, place, "not-supported"))
    return problems


def _endpoint_problems(subscription: Subscription, policy: EndpointPolicy) -> list[Problem]:
    place, endpoint = f"{_CHANNEL}.endpoint", subscription.endpoint
    if subscription.channel_type == WEBSOCKET and endpoint is not None:
        message = "Over a websocket the client connects to the server; leave the endpoint out."
        return [_problem("endpoint-not-used", message, place, "business-rule")]
    if subscription.channel_type != REST_HOOK:
        return []
    if endpoint is None:
        return [_problem("endpoint-missing", "A rest-hook needs the URL that is to be called.", place, "required")]
    try:
        policy.check_url(endpoint)
    except EndpointRefusedError as refused:
        return [_problem("endpoint-not-allowed", str(refused), place, "security")]
    return []


def _payload_problems(subscription: Subscription, terms: Terms) -> list[Problem]:
    place, payload = f"{_CHANNEL}.payload", subscription.payload
    problems = []
    if payload is not None:
        read = _PAYLOAD.fullmatch(payload)
        if read is None or read["version"] not in _VERSIONS:
            message = "The payload is application/fhir+json or application/fhir+xml, of FHIR version 4.0."
            problems.append(_problem("payload-not-supported", message, place, "not-supported"))
    if terms.topic is None:
        return problems
    if payload is None:
        message = "A notification of a topic is a Bundle; say whether as application/fhir+json or as ...+xml."
        problems.append(_problem("payload-missing", message, place, "required"))
    if subscription.payload_content not in CONTENTS:
        message = f"Say by the extension {BACKPORT_PAYLOAD_CONTENT} what is sent: {', '.join(CONTENTS)}."
        problems.append(_problem("payload-content", message, f"{place}.extension", "value"))
    return problems


def _limit_problems(subscription: Subscription) -> list[Problem]:
    limits = (
        (subscription.heartbeat_seconds, 0, HEARTBEAT_SECONDS_MAX, BACKPORT_HEARTBEAT_PERIOD),
        (subscription.timeout_seconds, 1, TIMEOUT_SECONDS_MAX, BACKPORT_TIMEOUT),
        (subscription.max_count, 1, MAX_COUNT_MAX, BACKPORT_MAX_COUNT),
    )
    return [
        _problem(
            "channel-limit",
            f"{url.rpartition('/')[2]} lies between {least} and {most}.",
            f"{_CHANNEL}.extension.where(url='{url}').value",
            "value",
        )
        for value, least, most, url in limits
        if value is not None and not least <= value <= most
    ]


def _end_problems(subscription: Subscription, now: datetime) -> list[Problem]:
    end = end_of(subscription)
    if end is None or end > now or subscription.status == "off":
        return []
    return [_problem("end-in-past", "It would be over before it began; send a later end.", "Subscription.end", "value")]


def _problem(code: str, message: str, place: str, issue: str) -> Problem:
    return Problem(Category.RULE_BROKEN, code, message, place, issue)

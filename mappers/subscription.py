"""FHIR Subscription (https://hl7.org/fhir/R4/subscription.html) to and from `ledger.subscription.Subscription`.

With the extensions of the Subscriptions R5 Backport guide (http://hl7.org/fhir/uv/subscriptions-backport).
"""

from __future__ import annotations

from functools import partial

from ledger.subscription import Subscription
from mappers.extension_leaves import Extension, Extensions
from mappers.extensions import (
    BACKPORT,
    BACKPORT_FILTER_CRITERIA,
    BACKPORT_HEARTBEAT_PERIOD,
    BACKPORT_MAX_COUNT,
    BACKPORT_PAYLOAD_CONTENT,
    BACKPORT_TIMEOUT,
)
from mappers.index_rows import ExtensionStrings, Tokens
from mappers.leaves import Inside, Plain, Required
from mappers.mapper import Mapper
from mappers.resource import official
from storage.search_parameters import CodeColumn, IndexRows, SearchParameter, SearchType, ServedBy, TextColumn

_parameter = partial(official, "Subscription")


def _of_the_guide(code: str, search_type: SearchType, expression: str, served_by: ServedBy) -> SearchParameter:
    return SearchParameter(
        code=code,
        type=search_type,
        expression=f"Subscription.{expression}",
        served_by=served_by,
        url=f"{BACKPORT}/SearchParameter/Subscription-{code}",
    )


SUBSCRIPTION = Mapper(
    Subscription,
    leaves=[
        Required("status", "status"),
        Plain("ends", "end"),
        Required("criteria", "criteria"),
        Plain("error", "error"),
        Inside(
            "channel",
            Required("channel_type", "type"),
            Plain("endpoint", "endpoint"),
            Plain("payload", "payload"),
            Inside(
                "_payload",
                Extensions(Extension(BACKPORT_PAYLOAD_CONTENT, "valueCode", Plain("payload_content", "valueCode"))),
            ),
            Extensions(
                Extension(
                    BACKPORT_HEARTBEAT_PERIOD, "valueUnsignedInt", Plain("heartbeat_seconds", "valueUnsignedInt")
                ),
                Extension(BACKPORT_TIMEOUT, "valueUnsignedInt", Plain("timeout_seconds", "valueUnsignedInt")),
                Extension(BACKPORT_MAX_COUNT, "valuePositiveInt", Plain("max_count", "valuePositiveInt")),
            ),
        ),
    ],
    index=[
        Tokens("contact", "contact[]", "value"),
        ExtensionStrings("filter-criteria", "_criteria", BACKPORT_FILTER_CRITERIA),
    ],
    search_parameters=[
        _parameter("contact", "token", "contact", IndexRows("contact")),
        _parameter("criteria", "string", "criteria", TextColumn("criteria")),
        _parameter("payload", "token", "channel.payload", CodeColumn("payload")),
        _parameter("status", "token", "status", CodeColumn("status", "http://hl7.org/fhir/subscription-status")),
        _parameter(
            "type", "token", "channel.type", CodeColumn("channel_type", "http://hl7.org/fhir/subscription-channel-type")
        ),
        _parameter("url", "uri", "channel.endpoint", TextColumn("endpoint")),
        _of_the_guide(
            "filter-criteria",
            "string",
            f"criteria.extension.where(url='{BACKPORT_FILTER_CRITERIA}').value",
            IndexRows("filter-criteria"),
        ),
        _of_the_guide(
            "payload-type",
            "string",
            f"channel.payload.extension.where(url='{BACKPORT_PAYLOAD_CONTENT}').value",
            TextColumn("payload_content"),
        ),
        _of_the_guide("topic", "uri", "criteria", TextColumn("criteria")),
    ],
)

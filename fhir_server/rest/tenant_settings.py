"""`/settings`: the settings of the token's tenant, which `./run tenants set` changes too."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from billing.tenants import change_settings, replace_settings, settings_version
from fhir_server.responses import Answer
from fhir_server.rest.answers import answer_of
from fhir_server.rest.documents import Day, Document, example_config
from fhir_server.rest.request import RestRequest, Writing
from fhir_server.rest.route import RestRoute
from ledger.recognition import Point
from ledger.tenant import Tenant
from storage.posting_periods import recognition_changes
from storage.tenants import lock_settings
from storage.transaction import Transaction

SCOPE = "billing:tenant:admin"


class SettingsRequest(Document):
    """All settings that differ from their defaults. One that is left out is at its default again."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"settings": {"payment_terms_days": "14", "unpriced_charge": "hold"}}]}
    )

    settings: dict[str, str]


class SettingsChange(Document):
    """Settings that change, and null for those that are to be at their default again. Others stay."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"settings": {"recognition_point": "issue", "unpriced_charge": None}}]}
    )

    settings: dict[str, str | None]


_RECOGNITION: JsonDict = {"first_day": "2026-12-01", "point": "issue"}


class RecognitionDocument(Document):
    """By which point the revenue is recognised of charges that count on a day or later."""

    model_config = example_config(_RECOGNITION)

    first_day: Day
    point: Point


class SettingsDocument(Document):
    """`settings` are those that were set, `defaults` what holds for each of the others."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "tenant": "kabul",
                    "name": "Kabul Hospital",
                    "country": "AF",
                    "currency": "AFN",
                    "timezone": "Asia/Kabul",
                    "settings": {"payment_terms_days": "14", "recognition_point": "issue"},
                    "defaults": {
                        "payment_terms_days": "30",
                        "recognition_point": "capture",
                        "unpriced_charge": "hold",
                    },
                    "recognition": [_RECOGNITION],
                }
            ]
        }
    )

    tenant: str
    name: str
    country: str
    currency: str
    timezone: str
    settings: dict[str, str]
    defaults: Annotated[dict[str, str], Field(description="What holds where nothing is set.")]
    recognition: Annotated[
        list[RecognitionDocument],
        Field(
            description="From when on each change of recognition_point is in force, the oldest first; it goes before"
            " those above it. Until then, revenue is recognised at capture."
        ),
    ]


def get_settings(request: RestRequest) -> Writing:
    async def writing(tx: Transaction) -> Answer:
        return await _answer(tx, request.tenant, await lock_settings(tx))

    return writing


def put_settings(request: RestRequest) -> Writing:
    sent = request.sent(SettingsRequest).settings

    async def writing(tx: Transaction) -> Answer:
        tenant, required = request.tenant, request.conditions.versions_required
        settings = await replace_settings(tx, sent, versions_required=required, timezone=tenant.timezone)
        return await _answer(tx, tenant, settings)

    return writing


def patch_settings(request: RestRequest) -> Writing:
    sent = request.sent(SettingsChange).settings

    async def writing(tx: Transaction) -> Answer:
        tenant, required = request.tenant, request.conditions.versions_required
        settings = await change_settings(tx, sent, versions_required=required, timezone=tenant.timezone)
        return await _answer(tx, tenant, settings)

    return writing


async def _answer(tx: Transaction, tenant: Tenant, settings: dict[str, str]) -> Answer:
    changes = await recognition_changes(tx, tenant.id)
    document = SettingsDocument(
        tenant=tenant.id,
        name=tenant.name,
        country=tenant.country,
        currency=tenant.currency,
        timezone=tenant.timezone,
        settings=settings,
        defaults=replace(tenant, settings={}).all_settings(),
        recognition=[RecognitionDocument(first_day=each.first_day, point=each.point) for each in changes],
    )
    return answer_of(document, version=settings_version(settings))


ROUTES = (
    RestRoute(
        method="GET",
        path="/settings",
        summary="Read the tenant's settings",
        description="The ETag is for If-Match of a change.",
        gives=SettingsDocument,
        business_scope=SCOPE,
        writes=get_settings,
    ),
    RestRoute(
        method="PUT",
        path="/settings",
        summary="Replace the tenant's settings",
        description="With If-Match, only where they are still those that were read (else 412). In force on every"
        " process within two seconds.",
        takes=SettingsRequest,
        gives=SettingsDocument,
        business_scope=SCOPE,
        writes=put_settings,
    ),
    RestRoute(
        method="PATCH",
        path="/settings",
        summary="Change some of the tenant's settings",
        description="What is named changes, and null sets it to its default; all else stays. With If-Match as for PUT."
        " recognition_point changes with the first posting period in which no charge is captured, which `recognition`"
        " says.",
        takes=SettingsChange,
        gives=SettingsDocument,
        business_scope=SCOPE,
        writes=patch_settings,
    ),
)

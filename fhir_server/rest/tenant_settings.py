"""`/settings`: the settings of the token's tenant, which `./run tenants set` changes too."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from pydantic import ConfigDict, Field

from billing.tenants import change_settings, replace_settings, settings_version
from fhir_server.responses import Answer
from fhir_server.rest.answers import answer_of
from fhir_server.rest.documents import Document
from fhir_server.rest.request import RestRequest, Writing
from fhir_server.rest.route import RestRoute
from ledger.tenant import Tenant
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
        json_schema_extra={"examples": [{"settings": {"payment_terms_days": "14", "unpriced_charge": None}}]}
    )

    settings: dict[str, str | None]


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
                    "settings": {"payment_terms_days": "14"},
                    "defaults": {"payment_terms_days": "30", "unpriced_charge": "hold"},
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


def get_settings(request: RestRequest) -> Writing:
    async def writing(tx: Transaction) -> Answer:
        return _answer(request.tenant, await lock_settings(tx))

    return writing


def put_settings(request: RestRequest) -> Writing:
    sent = request.sent(SettingsRequest).settings

    async def writing(tx: Transaction) -> Answer:
        required = request.conditions.versions_required
        return _answer(request.tenant, await replace_settings(tx, sent, versions_required=required))

    return writing


def patch_settings(request: RestRequest) -> Writing:
    sent = request.sent(SettingsChange).settings

    async def writing(tx: Transaction) -> Answer:
        required = request.conditions.versions_required
        return _answer(request.tenant, await change_settings(tx, sent, versions_required=required))

    return writing


def _answer(tenant: Tenant, settings: dict[str, str]) -> Answer:
    document = SettingsDocument(
        tenant=tenant.id,
        name=tenant.name,
        country=tenant.country,
        currency=tenant.currency,
        timezone=tenant.timezone,
        settings=settings,
        defaults=replace(tenant, settings={}).all_settings(),
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
        description="What is named changes, and null sets it to its default; all else stays. With If-Match as for PUT.",
        takes=SettingsChange,
        gives=SettingsDocument,
        business_scope=SCOPE,
        writes=patch_settings,
    ),
)

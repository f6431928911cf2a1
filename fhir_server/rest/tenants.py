"""`/tenants`: the tenant registry, for operators: their token is of no tenant, and no tenant's token comes here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, StringConstraints
from pydantic.config import JsonDict

from billing.tenants import register_tenant, replace_tenant, tenant_version, unknown_tenant
from fhir_server.access_log import log_write
from fhir_server.idempotency import hash_of, once
from fhir_server.responses import Answer
from fhir_server.rest.answers import answer_of
from fhir_server.rest.documents import Currency, Document, PageFilter, example_config
from fhir_server.rest.pages import anchor_of, page_of, size_of
from fhir_server.rest.request import Reading, RestRequest
from fhir_server.rest.route import RestRoute
from fhir_server.service import Service
from ledger.errors import conflict
from ledger.tenant import NATIONAL, Tenant
from storage import tenants
from storage.transaction import Reader, Transaction

SCOPE = "billing:tenant:admin"

Licence = Literal["active", "suspended"]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Country = Annotated[str, StringConstraints(pattern="^[A-Z]{2}$")]
Timezone = Annotated[str, StringConstraints(min_length=1, max_length=64), Field(description="Such as Asia/Kabul.")]
Facilities = Annotated[
    dict[str, str], Field(description="Names by id, which is the id of the Organization. None is ever removed.")
]

_FACTS: JsonDict = {
    "name": "Kabul One",
    "country": "AF",
    "currency": "AFN",
    "timezone": "Asia/Kabul",
    "licence": "active",
    "facilities": {"main": "Main House"},
    "settings": {"payment_terms_days": "14", "recognition_point": "issue"},
}


class TenantRequest(Document):
    """A tenant as it is to be. A setting that is left out is at its default."""

    model_config = ConfigDict(json_schema_extra={"examples": [_FACTS]})

    name: Name
    country: Annotated[Country, Field(description="ISO 3166, such as AF.")]
    currency: Annotated[Currency, Field(description="Of new accounts. It stays once there is an account.")]
    timezone: Timezone
    licence: Annotated[Licence, Field(description="Suspended: every request of the tenant is refused.")] = "active"
    facilities: Annotated[Facilities, Field(default_factory=dict)]
    settings: Annotated[dict[str, str], Field(default_factory=dict)]

    def tenant(self, tenant_id: str) -> Tenant:
        return Tenant(
            tenant_id,
            self.name,
            self.country,
            self.currency,
            self.timezone,
            active=self.licence == "active",
            settings=self.settings,
            facilities=self.facilities,
        )


class NewTenantRequest(TenantRequest):
    """A tenant that is not there yet."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"id": "kabul-1", **_FACTS}]})

    id: Annotated[str, Field(description="a-z, 0-9 and hyphens, at most 63; the tenant in tokens.")]


_EXAMPLE: JsonDict = {
    "id": "kabul",
    "name": "Kabul Hospital",
    "country": "AF",
    "currency": "AFN",
    "timezone": "Asia/Kabul",
    "licence": "active",
}


class TenantSummary(Document):
    model_config = example_config(_EXAMPLE)

    id: str
    name: str
    country: str
    currency: str
    timezone: str
    licence: Licence


class TenantDocument(TenantSummary):
    """`settings` are those that were set, `defaults` what holds for each of the others."""

    model_config = example_config(
        {
            **_EXAMPLE,
            "facilities": {"main": "Main building"},
            "settings": {"payment_terms_days": "14", "recognition_point": "issue"},
            "defaults": {"payment_terms_days": "30", "recognition_point": "capture"},
        }
    )

    facilities: dict[str, str]
    settings: dict[str, str]
    defaults: dict[str, str]


class TenantFilter(PageFilter):
    licence: Licence | None = None


class TenantPage(Document):
    items: list[TenantSummary]
    next: str | None = None


def list_tenants(request: RestRequest) -> Reading:
    asked, size, after = request.asked(TenantFilter), size_of(request), anchor_of(request)
    active = None if asked.licence is None else asked.licence == "active"

    async def reading(reader: Reader) -> Answer:
        found = await tenants.page(reader, after=after or "", active=active, count=size + 1)
        page, following = page_of(request, found, [each.id for each in found])
        return answer_of(TenantPage(items=[TenantSummary(**_summary(each)) for each in page], next=following))

    return reading


def get_tenant(request: RestRequest) -> Reading:
    async def reading(reader: Reader) -> Answer:
        found = None if request.id == NATIONAL else await tenants.read(reader, request.id)
        if found is None:
            raise unknown_tenant(request.id)
        return _answer(found)

    return reading


async def post_tenant(request: RestRequest, service: Service) -> Answer:
    sent = request.sent(NewTenantRequest)
    new = sent.tenant(sent.id)
    if service.tenants.is_led_elsewhere:
        raise conflict(
            "tenant-led-elsewhere", "The platform's tenant service says which tenants there are; add it there."
        )

    async def writing(tx: Transaction) -> Answer:
        await register_tenant(tx, new)
        return _answer(new, is_new=True)

    return await _write(request, service, new.id, writing)


async def put_tenant(request: RestRequest, service: Service) -> Answer:
    wanted = request.sent(TenantRequest).tenant(request.id)

    async def writing(tx: Transaction) -> Answer:
        required = request.conditions.versions_required
        await replace_tenant(tx, wanted, versions_required=required, settings_only=service.tenants.is_led_elsewhere)
        return _answer(wanted)

    return await _write(request, service, wanted.id, writing)


async def _write(
    request: RestRequest, service: Service, tenant_id: str, writing: Callable[[Transaction], Awaitable[Answer]]
) -> Answer:
    """Write in a transaction of the tenant that is changed: what operators do with it stands in its own access log."""
    request_hash = "" if request.idempotency_key is None else hash_of(request)

    async def attempt(tx: Transaction) -> Answer:
        answer = await once(tx, request, request_hash, writing)
        log_write(tx, request.visit, answer)
        return answer

    answer = await service.database.run(tenant_id, request.token.subject, attempt)
    service.tenants.forget(tenant_id)
    return answer


def _summary(tenant: Tenant) -> dict[str, Any]:
    return {
        "id": tenant.id,
        "name": tenant.name,
        "country": tenant.country,
        "currency": tenant.currency,
        "timezone": tenant.timezone,
        "licence": "active" if tenant.active else "suspended",
    }


def _answer(tenant: Tenant, *, is_new: bool = False) -> Answer:
    document = TenantDocument(
        **_summary(tenant),
        facilities=dict(tenant.facilities),
        settings=dict(tenant.settings),
        defaults=replace(tenant, settings={}).all_settings(),
    )
    location = f"tenants/{tenant.id}" if is_new else ""
    return answer_of(document, status=201 if is_new else 200, version=tenant_version(tenant), location=location)


ROUTES = (
    RestRoute(
        method="GET",
        path="/tenants",
        summary="List the tenants",
        description="By id.",
        filters=TenantFilter,
        gives=TenantPage,
        business_scope=SCOPE,
        of_operators=True,
        reads=list_tenants,
    ),
    RestRoute(
        method="POST",
        path="/tenants",
        summary="Register a tenant",
        takes=NewTenantRequest,
        gives=TenantDocument,
        business_scope=SCOPE,
        of_operators=True,
        status=201,
        serves=post_tenant,
    ),
    RestRoute(
        method="GET",
        path="/tenants/{id}",
        summary="Read a tenant",
        description="The ETag is for If-Match of a change.",
        gives=TenantDocument,
        business_scope=SCOPE,
        of_operators=True,
        reads=get_tenant,
    ),
    RestRoute(
        method="PUT",
        path="/tenants/{id}",
        summary="Change a tenant",
        description="As a whole; with If-Match, only where it is still what was read (else 412). In force on every"
        " process within two seconds.",
        takes=TenantRequest,
        gives=TenantDocument,
        business_scope=SCOPE,
        of_operators=True,
        serves=put_tenant,
    ),
)

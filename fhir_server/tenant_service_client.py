"""The platform's tenant service over HTTP: the adapter behind `billing/tenant_service.py`.

docs/tenants.md is its contract.
"""

from __future__ import annotations

import asyncio
from urllib.parse import quote

import httpx
import msgspec

from billing.tenant_service import Freshness, TenantServiceUnclearError
from billing.tenants import refuse_facts
from fhir_server.settings import Settings
from ledger.errors import Refusal
from ledger.tenant import Tenant

MODULE = "billing"
LICENSED = "active"
_ANSWER_BYTES_MAX = 256 * 1024


class _Facility(msgspec.Struct, frozen=True):
    id: str
    name: str


class _Facts(msgspec.Struct, frozen=True):
    """What the service says of a tenant. Members that are not known here are passed over."""

    id: str
    name: str
    country: str
    currency: str
    timezone: str
    facilities: tuple[_Facility, ...] = ()
    modules: dict[str, str] = msgspec.field(default_factory=dict)


_read = msgspec.json.Decoder(_Facts).decode


def tenant_service_of(settings: Settings) -> TenantServiceClient | None:
    """The tenant service of the settings, None where there is none."""
    if not settings.tenant_service_url:
        return None
    file = settings.tenant_service_secret_file
    secret = "" if file is None else file.read_text(encoding="ascii").strip()
    return TenantServiceClient(settings.tenant_service_url, secret, settings.tenant_service_timeout_seconds)


def freshness_of(settings: Settings) -> Freshness:
    return Freshness(settings.tenant_service_cache_seconds, settings.tenant_service_stale_seconds)


class TenantServiceClient:
    """Asks one tenant service. No redirect is followed and no proxy of the environment is used."""

    def __init__(self, url: str, secret: str, timeout_seconds: float) -> None:
        self._url = url.rstrip("/")
        self._timeout_seconds = timeout_seconds
        headers = {"accept": "application/json", **({"authorization": f"Bearer {secret}"} if secret else {})}
        self._http = httpx.AsyncClient(
            timeout=timeout_seconds, trust_env=False, follow_redirects=False, headers=headers
        )

    async def close(self) -> None:
        await self._http.aclose()

    async def find(self, tenant_id: str) -> Tenant | None:
        try:
            async with asyncio.timeout(self._timeout_seconds):
                status, content = await self._get(f"{self._url}/tenants/{quote(tenant_id, safe='')}")
        except TimeoutError:
            raise TenantServiceUnclearError(f"no answer within {self._timeout_seconds:g} seconds") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as failure:
            raise TenantServiceUnclearError(type(failure).__name__) from None
        if status == httpx.codes.NOT_FOUND:
            return None
        if status != httpx.codes.OK:
            raise TenantServiceUnclearError(f"it answered {status}")
        return _said(content, tenant_id)

    async def _get(self, url: str) -> tuple[int, bytes]:
        content = b""
        async with self._http.stream("GET", url) as answer:
            async for chunk in answer.aiter_bytes():
                content += chunk
                if len(content) > _ANSWER_BYTES_MAX:
                    raise TenantServiceUnclearError("its answer is too large")
        return answer.status_code, content


def _said(content: bytes, tenant_id: str) -> Tenant:
    try:
        said = _read(content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise TenantServiceUnclearError("its answer is not what docs/tenants.md has") from None
    if said.id != tenant_id:
        raise TenantServiceUnclearError("it answered of another tenant")
    tenant = Tenant(
        said.id,
        said.name,
        said.country,
        said.currency,
        said.timezone,
        # Whatever else it says, or nothing: there is no licence.
        active=said.modules.get(MODULE) == LICENSED,
        facilities={each.id: each.name for each in said.facilities},
    )
    try:
        refuse_facts(tenant)
    except Refusal as refusal:
        raise TenantServiceUnclearError(f"what it says cannot be kept: {refusal.code}") from None
    return tenant

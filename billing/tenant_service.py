"""The platform's tenant service as billing sees it: a port. `fhir_server/tenant_service_client.py` asks a real one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ledger.tenant import Tenant


class TenantServiceUnclearError(Exception):
    """It did not say whether there is such a tenant, or what it is: the message says why, and nothing that was sent."""


class TenantService(Protocol):
    """Who the tenants of the platform are, and which of them have a licence for billing."""

    async def find(self, tenant_id: str) -> Tenant | None:
        """The facts of a tenant (its settings are ours), inactive without a licence; None where it is not known there.

        A TenantServiceUnclearError where that cannot be found out now.
        """
        ...


@dataclass(frozen=True, slots=True)
class Freshness:
    """For how long what the tenant service said holds: without asking again, and while it does not answer."""

    kept_seconds: float = 60
    stale_seconds: float = 4 * 3600

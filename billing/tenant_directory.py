"""Which tenants there are and whether they are licensed, asked by every request: read often, so kept for a moment.

Where there is a tenant service, the registry here is what it last said, with the moment when it said so. Every server
of a database shares that, so one asks for all, and a server that starts during an outage goes on with what is known. A
licence that is withdrawn there has its effect here when the registry is asked to be confirmed the next time.
"""

from __future__ import annotations

import asyncio
import logging
from math import inf
from time import monotonic
from weakref import WeakValueDictionary

from billing.tenant_service import Freshness, TenantService, TenantServiceUnclearError
from billing.tenants import is_tenant_id
from ledger.errors import Category, refuse
from ledger.tenant import Tenant
from storage import tenants
from storage.tenants import Registered
from storage.transaction import Database

log = logging.getLogger(__name__)

KEPT_SECONDS = 2.0
REST_SECONDS = 5.0
"""How long a tenant service that did not answer is left alone, so that requests do not all wait for it."""

_KEPT_MAX = 10_000
_ACTOR = "tenant-service"


class TenantDirectory:
    """Tenants by id. A change of the registry reaches every process within two seconds."""

    def __init__(
        self,
        database: Database,
        service: TenantService | None = None,
        freshness: Freshness | None = None,
    ) -> None:
        self._database = database
        self._service = service
        self._freshness = freshness or Freshness()
        self._kept: dict[str, tuple[float, Tenant | None]] = {}
        self._asking: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._resting_until = float("-inf")

    @property
    def is_led_elsewhere(self) -> bool:
        """Whether a tenant service says what tenants there are, so that only their settings are changed here."""
        return self._service is not None

    async def get(self, tenant_id: str) -> Tenant | None:
        """The tenant, None where there is none. Refused (503) where nobody can say so for certain."""
        kept = self._kept.get(tenant_id)
        if kept is not None and monotonic() - kept[0] < KEPT_SECONDS:
            return kept[1]
        registered = await tenants.read_registered(self._database, tenant_id)
        tenant = None if registered is None else registered.tenant
        if self._service is not None and is_tenant_id(tenant_id) and not self._is_fresh(registered):
            tenant = await self._confirmed(self._service, tenant_id)
        if len(self._kept) > _KEPT_MAX:
            self._kept.clear()
        self._kept[tenant_id] = (monotonic(), tenant)
        return tenant

    def forget(self, tenant_id: str) -> None:
        """Read the tenant anew the next time: this process has just changed it."""
        self._kept.pop(tenant_id, None)

    def _is_fresh(self, registered: Registered | None) -> bool:
        return _age(registered) < self._freshness.kept_seconds

    async def _confirmed(self, service: TenantService, tenant_id: str) -> Tenant | None:
        """The tenant as the service says it, which is then registered; while it is away, as it is registered."""
        async with self._asking.setdefault(tenant_id, asyncio.Lock()):
            # Whoever held the lock has perhaps asked.
            registered = await tenants.read_registered(self._database, tenant_id)
            if self._is_fresh(registered):
                return None if registered is None else registered.tenant
            try:
                said = await self._ask(service, tenant_id)
            except TenantServiceUnclearError:
                if registered is None or _age(registered) >= self._freshness.stale_seconds:
                    message = "The platform's tenant service does not say whether this tenant is licensed; try again."
                    raise refuse(Category.UNAVAILABLE, "tenant-service-unavailable", message) from None
                return registered.tenant
            return await self._register(tenant_id, said, registered)

    async def _ask(self, service: TenantService, tenant_id: str) -> Tenant | None:
        if monotonic() < self._resting_until:
            raise TenantServiceUnclearError("it did not answer a moment ago")
        try:
            return await service.find(tenant_id)
        except TenantServiceUnclearError as unclear:
            self._resting_until = monotonic() + REST_SECONDS
            log.warning("the tenant service does not say what %s is: %s", tenant_id, unclear)
            raise

    async def _register(self, tenant_id: str, said: Tenant | None, registered: Registered | None) -> Tenant | None:
        if said is None and registered is None:
            return None
        if said is not None and registered is not None and said.currency != registered.tenant.currency:
            log.warning("the tenant service says another currency of %s, which stays where it has accounts", tenant_id)
        async with self._database.transaction(tenant_id, _ACTOR) as tx:
            if said is None:
                # Fail closed: who is not known there any more has no licence, also while the service is away later.
                tenants.suspend(tx)
            else:
                tenants.confirm(tx, said)
        return await tenants.read(self._database, tenant_id)


def _age(registered: Registered | None) -> float:
    """By the clock of the database, which all servers share; what was never confirmed is as old as can be."""
    return inf if registered is None or registered.age_seconds is None else registered.age_seconds

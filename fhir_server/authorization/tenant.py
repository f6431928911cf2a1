"""The tenant of a request: the one that its token names, never one that the request names itself."""

from __future__ import annotations

from billing.tenant_directory import TenantDirectory
from fhir_server.authorization.token import AccessToken
from ledger.errors import Category, refuse
from ledger.tenant import Tenant


async def tenant_of(directory: TenantDirectory, token: AccessToken) -> Tenant:
    """The tenant, before any of its data is looked at; refused where it is unknown or has no licence."""
    return await licensed_tenant(directory, token.tenant_id)


async def licensed_tenant(directory: TenantDirectory, tenant_id: str) -> Tenant:
    """The tenant with this id, refused as above: also again and again where something goes on for long."""
    tenant = await directory.get(tenant_id)
    if tenant is None:
        raise refuse(Category.NOT_ALLOWED, "unknown-tenant", "The token's tenant is not registered on this server.")
    if not tenant.active:
        raise refuse(
            Category.NOT_ALLOWED, "MODULE_NOT_ACTIVE", "The billing module is not active for the token's tenant."
        )
    return tenant

"""Who asks, and as which tenant: the first decision about every request that is not open, FHIR or REST."""

from __future__ import annotations

from fhir_server.access_log import Visit
from fhir_server.authorization.tenant import tenant_of
from fhir_server.authorization.token import AccessToken
from fhir_server.service import Service
from ledger.tenant import Tenant


async def authorize(service: Service, authorization: str, visit: Visit) -> tuple[AccessToken, Tenant]:
    """The token of an Authorization header and its tenant; refused where either is not valid.

    The visit learns whose token it is as soon as that is certain, so that a denial is logged with who was denied.
    """
    visit.token = token = await service.verifier.verify_header(authorization)
    tenant = await tenant_of(service.tenants, token)
    service.rate_limits.check(tenant, token.client)
    return token, tenant

"""Who asks, and as which tenant: the first decision about every request that is not open, FHIR or REST."""

from __future__ import annotations

from fhir_server.access_log import Visit
from fhir_server.authorization.tenant import tenant_of
from fhir_server.authorization.token import AccessToken
from fhir_server.rate_limits import Peer
from fhir_server.service import Service
from ledger.errors import Category, Refusal, refuse
from ledger.tenant import OPERATORS, Tenant

# Nothing is read or written as it: it stands where requests have a tenant.
_OPERATORS = Tenant(OPERATORS, "Operators", "", "", "UTC")


async def authorize(
    service: Service, authorization: str, visit: Visit, peer: Peer = None
) -> tuple[AccessToken, Tenant]:
    """The token of an Authorization header and its tenant; refused where either is not valid.

    The visit learns whose token it is as soon as that is certain, so that a denial is logged with who was denied.
    `peer` is who is at the other end of the connection.
    """
    token = await _verified(service, authorization, visit, peer)
    tenant = await tenant_of(service.tenants, token)
    service.rate_limits.check_tenant(tenant)
    return token, tenant


async def authorize_operator(
    service: Service, authorization: str, visit: Visit, peer: Peer = None
) -> tuple[AccessToken, Tenant]:
    """The same for what is of no tenant: the token is one of operators, and no tenant's, whatever its scopes are."""
    token = await _verified(service, authorization, visit, peer)
    if token.tenant_id != OPERATORS:
        message = "This is for operators of the server, whose tokens are of no tenant; a tenant reads its /settings."
        raise refuse(Category.NOT_ALLOWED, "operators-only", message)
    return token, _OPERATORS


async def _verified(service: Service, authorization: str, visit: Visit, peer: Peer) -> AccessToken:
    try:
        visit.token = token = await service.verifier.verify_header(authorization)
    except Refusal as refusal:
        if refusal.category is Category.UNAUTHENTICATED:
            service.rate_limits.count_failure(peer)
        raise
    # Before it is asked whether there is a licence: a denial is written, which a client may not have done at will.
    service.rate_limits.check_client(token.tenant_id, token.client)
    return token

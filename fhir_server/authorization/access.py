"""Who asks, and as which tenant: the first decision about every request that is not open, FHIR or REST."""

from __future__ import annotations

from billing.tenants import TenantDirectory
from fhir_server.authorization.tenant import tenant_of
from fhir_server.authorization.token import AccessToken, TokenVerifier
from ledger.tenant import Tenant


async def authorize(
    verifier: TokenVerifier, directory: TenantDirectory, authorization: str
) -> tuple[AccessToken, Tenant]:
    """The token of an Authorization header and its tenant; refused where either is not valid."""
    token = verifier.verify_header(authorization)
    return token, await tenant_of(directory, token)

"""`/.well-known/smart-configuration`: how a client gets and uses a token.

https://hl7.org/fhir/smart-app-launch/STU2.2/conformance.html#using-well-known
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from fhir_server.authorization.smart_scopes import BUSINESS_SCOPES, EVERY_BUSINESS_SCOPE
from fhir_server.settings import Settings
from fhir_server.token_endpoint import ALGORITHMS, token_url

SMART_PATH, JWKS_PATH = "/.well-known/smart-configuration", "/.well-known/jwks.json"

_SCOPES = [
    *(
        f"{level}/{name}.{letters}"
        for level in ("system", "user", "patient")
        for name in ("*",)
        for letters in ("cruds", "rs")
    ),
    "system/AuditEvent.rs",
    EVERY_BUSINESS_SCOPE,
    *BUSINESS_SCOPES,
]


def smart_configuration(settings: Settings) -> Callable[[Request], Awaitable[Response]]:
    """Where tokens come from here: of the built-in issuer, if it is on, else of the only one that is trusted."""
    content = json.dumps(_configuration(settings)).encode()

    async def answer(_: Request) -> Response:
        return Response(content, media_type="application/json")

    return answer


def _configuration(settings: Settings) -> dict[str, Any]:
    configuration: dict[str, Any] = {
        "scopes_supported": _SCOPES,
        "capabilities": ["permission-v1", "permission-v2", "permission-patient", "permission-user"],
    }
    if not settings.built_in_issuer_is_on:
        issuers = [each.issuer for each in settings.trusted_issuers]
        return configuration | ({"issuer": issuers[0]} if len(issuers) == 1 else {})
    return {
        **configuration,
        "issuer": settings.token_issuer,
        "jwks_uri": settings.base_url.removesuffix("/fhir") + JWKS_PATH,
        "token_endpoint": token_url(settings.base_url),
        "grant_types_supported": ["client_credentials"],
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "capabilities": ["client-confidential-asymmetric", *configuration["capabilities"]],
    }

"""`/.well-known/smart-configuration`: how a client gets and uses a token.

https://hl7.org/fhir/smart-app-launch/STU2.2/conformance.html#using-well-known
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from fhir_server.settings import Settings

_SCOPES = [
    "system/*.cruds",
    "system/*.rs",
    "user/*.cruds",
    "user/*.rs",
    "billing:*",
    "billing:payment:post",
]


def smart_configuration(settings: Settings) -> Callable[[Request], Awaitable[Response]]:
    """Only what is there: tokens come from `./run token`, so that no token endpoint is named yet."""
    configuration = {
        "issuer": settings.token_issuer,
        "scopes_supported": _SCOPES,
        "capabilities": ["permission-v1", "permission-v2", "permission-user"],
    }
    content = json.dumps(configuration).encode()

    async def answer(_: Request) -> Response:
        return Response(content, media_type="application/json")

    return answer

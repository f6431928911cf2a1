"""What stands at `/`: where the rest is, for whoever comes by."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from fhir_server.settings import Settings
from fhir_server.smart_configuration import SMART_PATH


def root(settings: Settings) -> Callable[[Request], Awaitable[Response]]:
    base = settings.base_url
    links = {
        "fhir": base,
        "metadata": f"{base}/metadata",
        "smart-configuration": f"{base}{SMART_PATH}",
        "rest": "/api/v1/billing/openapi.json",
        "openapi": "/openapi.json",
        "docs": "/docs",
        "healthz": "/healthz",
        "readyz": "/readyz",
    }

    async def answer(_: Request) -> Response:
        return JSONResponse(links)

    return answer

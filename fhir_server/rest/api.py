"""The REST API as the composition root mounts it: its routes, its OpenAPI document, and what answers where none is."""

from __future__ import annotations

import json
from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, compile_path
from starlette.types import Receive, Scope, Send

from fhir_server.outcomes import MethodNotAllowed
from fhir_server.rest.endpoint import RestEndpoint, send_refusal
from fhir_server.rest.openapi import DocumentedRoute, openapi_document
from fhir_server.rest.route import BASE_PATH, RestRoute
from fhir_server.rest.routes import ROUTES
from fhir_server.service import Service
from ledger.errors import not_found

OPENAPI_PATH = f"{BASE_PATH}/openapi.json"
VERSION = "v1"


class NoRoute:
    """Answers what is asked for under the base path and is not there."""

    def __init__(self, routes: Sequence[RestRoute]) -> None:
        self._paths = [(compile_path(route.full_path)[0], route.method) for route in routes]

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        allowed = {method for path, method in self._paths if path.match(scope["path"])}
        if allowed:
            await send_refusal(send, MethodNotAllowed(scope["method"], allowed))
        else:
            message = f"There is nothing at this path; see {OPENAPI_PATH}."
            await send_refusal(send, not_found("unknown-path", message))


def rest_api(service: Service) -> list[BaseRoute]:
    endpoint = RestEndpoint(service)
    routes = [DocumentedRoute(route, endpoint) for route in ROUTES]
    document = json.dumps(openapi_document(routes, VERSION, "/")).encode()

    async def openapi(_: Request) -> Response:
        return Response(document, media_type="application/json")

    return [
        *routes,
        # It says how to ask, as the CapabilityStatement does, and is as open.
        Route(OPENAPI_PATH, openapi),
        Route(f"{BASE_PATH}/{{path:path}}", NoRoute(ROUTES)),
        Route(BASE_PATH, NoRoute(ROUTES)),
    ]

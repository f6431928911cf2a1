"""`/openapi.json`: one OpenAPI document of all there is, the FHIR API and the internal one.

The FHIR routes are none of FastAPI's, so their paths are made from the table of routes and put beside its own.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from capability.openapi import FhirDescription
from capability.publication import VERSION
from fhir_server.fhir_endpoint import FHIR_PATH
from fhir_server.interactions.capabilities import served_by
from fhir_server.rest.openapi import DocumentedRoute
from fhir_server.rest.openapi import openapi_document as rest_document
from fhir_server.route import RouteTable

_DESCRIPTION = (
    "The FHIR R4 API of the billing service at /fhir, and its internal API. In FHIR, search parameters may have"
    " modifiers behind their names (`identifier:not`) and be chained (`account.identifier`), which OpenAPI cannot say:"
    " /fhir/metadata does. In the internal API money is a whole number of minor units, and errors are problem details"
    " (RFC 9457); their codes are the same in both."
)


def openapi_document(app: FastAPI, routes: RouteTable, base_url: str) -> dict[str, Any]:
    """The document: that of the internal API, with the paths of FHIR before its paths and the components of both."""
    fhir = FhirDescription(served_by(routes, base_url), FHIR_PATH)
    internal = [route for route in app.routes if isinstance(route, DocumentedRoute)]
    document = rest_document(internal, VERSION, "/")
    document["info"] |= {"title": "Billing", "description": _DESCRIPTION}
    document["paths"] = fhir.paths(routes.routes) | document["paths"]
    for kind, found in fhir.components().items():
        own = document["components"].setdefault(kind, {})
        assert not own.keys() & found.keys(), f"{kind} of the same name: {own.keys() & found.keys()}"
        own.update(found)
    return document


def openapi(document: Callable[[], dict[str, Any]]) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint. The document is made when the first client asks, for it takes a while and few want it."""

    @cache
    def content() -> bytes:
        return json.dumps(document()).encode()

    async def answer(_: Request) -> Response:
        return Response(content(), media_type="application/json")

    return answer

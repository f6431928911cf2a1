"""The OpenAPI document of the REST API, and its routes as FastAPI knows them.

FastAPI makes the document from signatures; each route's is put together from its declaration. Documents of other parts
of the server can be merged into it: https://spec.openapis.org/oas/v3.1.0
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from inspect import Parameter, Signature
from typing import Annotated, Any, cast, get_args, get_origin

from fastapi import Body, Header, Path, Query
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.types import Receive, Scope, Send

from fhir_server.rest.documents import NoFilter
from fhir_server.rest.endpoint import RestEndpoint
from fhir_server.rest.problems import MEDIA_TYPE, ProblemDetails
from fhir_server.rest.route import RestRoute

TITLE = "Billing"
DESCRIPTION = (
    "The internal REST API, beside FHIR at /fhir: the same commands, rules and ledger. Money is a whole number of minor"
    " units. Errors are problem details (RFC 9457); `code` is stable and the same as in FHIR's OperationOutcome."
)
_SCHEMAS = "#/components/schemas/"
_JSON = "application/json"
_parameters_of = re.compile(r"\{(\w+)\}").findall


class DocumentedRoute(APIRoute):
    """A route that FastAPI finds and describes, and that ours carries out."""

    def __init__(self, route: RestRoute, endpoint: RestEndpoint) -> None:
        self._declared = route
        self._endpoint = endpoint
        super().__init__(
            route.full_path,
            _described(route),
            methods=[route.method],
            response_model=route.gives,
            response_model_exclude_none=True,
            status_code=route.status,
            summary=route.summary,
            description=route.description,
            tags=[route.noun],
            operation_id=_operation_id(route),
            responses={
                **({} if route.other_status is None else {route.other_status: {"model": route.gives}}),
                "default": {
                    "description": "Refused; nothing was written.",
                    "content": {
                        MEDIA_TYPE: {
                            "schema": {"$ref": f"{_SCHEMAS}{ProblemDetails.__name__}"},
                            "example": example_of(ProblemDetails),
                        }
                    },
                },
            },
            openapi_extra={"security": [{"bearer": list(scopes)} for scopes in scopes_of(route)], **_examples(route)},
        )

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._endpoint.answer(self._declared, scope, receive, send)


def openapi_document(routes: Sequence[DocumentedRoute], version: str, server_url: str) -> dict[str, Any]:
    """`server_url` is where the paths of the document begin."""
    document = get_openapi(
        title=TITLE, version=version, description=DESCRIPTION, routes=routes, servers=[{"url": server_url}]
    )
    components = document.setdefault("components", {})
    _, schemas = models_json_schema([(ProblemDetails, "serialization")], ref_template=_SCHEMAS + "{model}")
    components.setdefault("schemas", {}).update(schemas["$defs"])
    components["securitySchemes"] = {
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "An access token. The names at each operation are the scopes that it must have.",
        }
    }
    return document


def scopes_of(route: RestRoute) -> list[tuple[str, ...]]:
    """The sets of scopes of which a token must have one, whole."""
    own = (route.business_scope,) if route.business_scope else ()
    all_of = (*(f"system/{resource_type}.{permission}" for resource_type, permission in route.needs), *own)
    return [(*all_of, scope) for scope in route.any_scope] or [all_of]


def example_of(model: type[BaseModel]) -> Any:
    """The example of a document: its own, or of a page and the like one made of those of its members."""
    own = model.model_config.get("json_schema_extra")
    if isinstance(own, dict) and own.get("examples"):
        return cast("list[Any]", own["examples"])[0]
    members = {field.alias or name: _example_of(field.annotation) for name, field in model.model_fields.items()}
    return {name: example for name, example in members.items() if example is not None}


def _example_of(annotation: Any) -> Any:
    """Of a document, and of a list of them; None of anything else."""
    if get_origin(annotation) is list:
        inner = _example_of(get_args(annotation)[0])
        return None if inner is None else [inner]
    is_document = isinstance(annotation, type) and issubclass(annotation, BaseModel)
    return example_of(annotation) if is_document else None


def _examples(route: RestRoute) -> dict[str, Any]:
    """What is sent and what is answered, to be laid over the operation."""
    answer = {"content": {_JSON: {"example": example_of(route.gives)}}}
    shown: dict[str, Any] = {
        "responses": {str(status): answer for status in (route.status, route.other_status) if status is not None}
    }
    if route.takes is not None:
        shown["requestBody"] = {"content": {_JSON: {"example": example_of(route.takes)}}}
    return shown


def _operation_id(route: RestRoute) -> str:
    """`post_refunds_id_approve`."""
    return "_".join([route.method.lower(), *re.findall(r"[a-z-]+", route.path)]).replace("-", "_")


def _described(route: RestRoute) -> Any:
    """A function with the signature that says what the route takes. Nobody calls it."""
    parameters = [_parameter(name, Annotated[str, Path()]) for name in _parameters_of(route.path)]
    if route.filters is not NoFilter:
        parameters.append(_parameter("query", Annotated[route.filters, Query()]))
    if route.takes is not None:
        parameters.append(_parameter("body", Annotated[route.takes, Body()]))
    if route.method == "POST":
        key = Header(alias="Idempotency-Key", description="The request with it is carried out once.", max_length=255)
        if route.needs_idempotency_key:
            parameters.append(_parameter("idempotency_key", Annotated[str, key]))
        else:
            parameters.append(_parameter("idempotency_key", Annotated[str | None, key], default=None))

    async def endpoint() -> None: ...

    endpoint.__signature__ = Signature(parameters)  # type: ignore[attr-defined]  # inspect and FastAPI read it
    return endpoint


def _parameter(name: str, annotation: Any, default: Any = Parameter.empty) -> Parameter:
    return Parameter(name, Parameter.KEYWORD_ONLY, annotation=annotation, default=default)

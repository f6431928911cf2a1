"""The capabilities interaction, and the definitions that the CapabilityStatement refers to. All are open to everyone.

https://hl7.org/fhir/R4/http.html#capabilities
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from http import HTTPStatus
from typing import Literal

from capability.conformance import AUDIT_PARAMETERS, DEFINITION_PARAMETERS, TOPIC_PARAMETERS, Conformance, Definition
from capability.search_documentation import served_parameter
from capability.served import Served, ServedParameter, ServedType
from fhir_server.fhir_request import FhirRequest, Query, take
from fhir_server.interactions.conditional_delete import ConditionalDelete
from fhir_server.interactions.patch_document import PATCH_FORMATS
from fhir_server.responses import Answer, bundle, json_string
from fhir_server.route import Route, RouteTable
from fhir_server.service import Service
from fhir_server.token_endpoint import token_url
from fhir_server.websocket_address import websocket_url
from ledger.errors import invalid, not_found
from mappers import MAPPERS
from mappers.extensions import BACKPORT
from mappers.resource import SEARCH_PARAMETERS
from mappers.search_includes import includes_of, reverse_includes_of
from mappers.search_query import encode_query
from mappers.search_text import split_values, unescaped
from mappers.subscription_topics import TOPICS
from storage.search_folding import fold

_DIGITS_MAX = 9


async def capabilities(request: FhirRequest, service: Service) -> Answer:
    mode = take(list(request.query), "mode")
    if mode not in {None, "full", "normative"}:
        raise invalid("mode-not-supported", "mode is full or normative; there is no terminology here.", issue="value")
    return Answer(HTTPStatus.OK, _conformance_of(service).statement)


async def read_definition(request: FhirRequest, service: Service) -> Answer:
    found = _conformance_of(service).definition(request.resource_type, request.id)
    if found is None:
        raise not_found("not-found", f"There is no {request.resource_type}/{request.id}.")
    return Answer(HTTPStatus.OK, found.content)


async def search_definitions(request: FhirRequest, service: Service) -> Answer:
    """All that match, by id, on one page where `_count` says nothing else: they are few."""
    found = _conformance_of(service).definitions(request.resource_type)
    applied: Query = []
    query = list(request.query)
    count, after = _count_of(take(query, "_count")), take(query, "_cursor") or ""
    known = [parameter.name for parameter in _parameters(request.resource_type)]
    for name, value in query:
        if name in known:
            if not value:
                raise invalid("search-value-invalid", f"'{name}': send a value.", issue="value")
            found = [each for each in found if _matches(each, name, value)]
            applied.append((name, value))
        elif request.preferences.is_lenient is not True:
            message = f"'{name[:60]}' is no search parameter of {request.resource_type}. There are: {', '.join(known)}."
            raise invalid("unknown-search-parameter", message, issue="not-supported")
    base = f"{request.base_url}/{request.resource_type}"
    applied += [] if count is None else [("_count", str(count))]
    rest = [each for each in found if each.id > after]
    shown = rest[:count]
    links = [("self", _url(base, [*applied, *([("_cursor", after)] if after else [])]))]
    if shown and len(shown) < len(rest):
        links.append(("next", _url(base, [*applied, ("_cursor", shown[-1].id)])))
    entries = [_entry(f"{base}/{each.id}", each) for each in shown]
    return Answer(HTTPStatus.OK, bundle("searchset", entries, total=len(found), links=links))


def _count_of(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > _DIGITS_MAX:
        raise invalid("search-value-invalid", "'_count': send a number of matches.", issue="value")
    return int(text)


def _url(base: str, query: Query) -> str:
    return f"{base}?{encode_query(query)}" if query else base


def _matches(definition: Definition, name: str, value: str) -> bool:
    wanted = [unescaped(each) for each in split_values(value)]
    match name:
        case "_id":
            return definition.id in wanted
        case "url":
            return definition.url in wanted
        case _:
            return any(fold(definition.name).startswith(fold(each)) for each in wanted if each)


def _entry(url: str, definition: Definition) -> bytes:
    return b'{"fullUrl":%b,"resource":%b,"search":{"mode":"match"}}' % (json_string(url), definition.content)


def _conformance_of(service: Service) -> Conformance:
    settings = service.settings
    token = token_url(service.base_url) if settings.built_in_issuer_is_on else ""
    return _conformance(service.routes, service.base_url, bool(settings.allowed_origins), token)


@lru_cache(maxsize=4)
def _conformance(routes: RouteTable, base_url: str, allows_cross_origin: bool, token: str) -> Conformance:
    served = replace(served_by(routes, base_url), allows_cross_origin=allows_cross_origin, token_url=token)
    return Conformance(served)


def served_by(routes: RouteTable, base_url: str) -> Served:
    """What the table of routes serves, as data."""
    system = {route.interaction for route in routes.routes if not route.types}
    return Served(
        base_url=base_url,
        types=tuple(_served_type(routes, name) for name in routes.types),
        patch_formats=PATCH_FORMATS if any(route.interaction == "patch" for route in routes.routes) else (),
        system_parameters=tuple(map(served_parameter, SEARCH_PARAMETERS)),
        system_operations=tuple(
            dict.fromkeys(route.operation for route in routes.routes if not route.types and route.operation is not None)
        ),
        compartments=("patient",) if "search-compartment" in system else (),
        instantiates=(f"{BACKPORT}/CapabilityStatement/backport-subscription-server-r4",),
        websocket_url=websocket_url(base_url),
        system_interactions=(
            # One route takes both kinds of Bundle.
            *(("transaction", "batch") if "transaction" in system else ()),
            *sorted(system & {"history-system", "search-system"}),
        ),
    )


def _served_type(routes: RouteTable, name: str) -> ServedType:
    own = [route for route in routes.routes if name in route.types]
    is_kept = name in MAPPERS
    paths = {(route.method, route.path) for route in own}
    return ServedType(
        name=name,
        interactions=tuple(dict.fromkeys(route.interaction for route in own if route.operation is None)),
        parameters=_parameters(name),
        includes=includes_of(name) if is_kept else (),
        reverse_includes=reverse_includes_of(name) if is_kept else (),
        operations=tuple(dict.fromkeys(route.operation for route in own if route.operation is not None)),
        is_kept=is_kept,
        conditional_update=("PUT", "[type]") in paths,
        conditional_delete=_conditional_delete(own),
        profiles=(f"{BACKPORT}/StructureDefinition/backport-subscription",) if name == "Subscription" else (),
        topics=tuple(TOPICS) if name == "Subscription" else (),
    )


def _conditional_delete(own: list[Route]) -> Literal["not-supported", "single", "multiple"]:
    for route in own:
        if isinstance(route.writes, ConditionalDelete):
            return "multiple" if route.writes.many else "single"
    return "not-supported"


def _parameters(name: str) -> tuple[ServedParameter, ...]:
    if name not in MAPPERS:
        own = {"AuditEvent": AUDIT_PARAMETERS, "Basic": TOPIC_PARAMETERS}
        return own.get(name, DEFINITION_PARAMETERS)
    declared = sorted(MAPPERS[name].search_parameters, key=lambda parameter: parameter.code)
    return tuple(map(served_parameter, declared))

"""What a route is, and how a path finds its route: one look into a dictionary, for paths of FHIR have few shapes."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from fhir_server.authorization.smart_scopes import Permission
from fhir_server.fhir_request import FhirRequest, Reading, Writing
from fhir_server.operation_declaration import Operation
from fhir_server.outcomes import MethodNotAllowed
from fhir_server.responses import Answer
from ledger.errors import Refusal, invalid, not_found
from mappers.r4.definitions import resource_types

_is_id = re.compile(r"[A-Za-z0-9\-.]{1,64}").fullmatch


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One row of the table of routes. `interaction` is FHIR's code of it, or `operation`.

    Exactly one of `reads`, `writes` and `serves` is there. The first two look at the request and give back what is to
    be done with a database or in a transaction, so that a Bundle can look at all of its entries before it opens one;
    `serves` does it all itself (its second argument is the `Service`, which knows the table of routes, so this class).
    `needs` are the permissions that a token must have, each for a resource type; without one, for that in the path.
    """

    method: str
    path: str
    interaction: str
    types: tuple[str, ...] = ()
    needs: tuple[tuple[str, Permission], ...] = ()
    body: Literal["", "json", "json?", "form", "patch"] = ""
    is_open: bool = False
    operation: Operation | None = None
    reads: Callable[[FhirRequest], Reading] | None = None
    writes: Callable[[FhirRequest], Writing] | None = None
    serves: Callable[[FhirRequest, Any], Awaitable[Answer]] | None = None

    @property
    def name(self) -> str:
        """`POST [type]/[id]/$issue`: what metrics count."""
        return f"{self.method} {self.path}"

    def check_token(self, request: FhirRequest) -> None:
        scopes = request.token.scopes
        for resource_type, permission in self.needs:
            if resource_type:
                # Of what an operation makes besides, it is not looked at whether it is of the part.
                scopes.require_all(resource_type, permission)
            else:
                scopes.require(request.resource_type, permission)
        if self.operation is not None and self.operation.business_scope:
            scopes.require_business(self.operation.business_scope)


class Match(NamedTuple):
    """A route and what the path says."""

    route: Route
    resource_type: str = ""
    id: str = ""
    version_id: str = ""


class RouteTable:
    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes = tuple(routes)
        self.types = tuple(dict.fromkeys(name for route in self.routes for name in route.types))
        self._by_path: dict[str, dict[str, Route]] = {}
        for route in self.routes:
            for path in [route.path.replace("[type]", name) for name in route.types] or [route.path]:
                methods = self._by_path.setdefault(path, {})
                assert route.method not in methods, f"{route.method} {path} is there twice"
                methods[route.method] = route

    def match(self, method: str, path: str) -> Match:
        """The route of a path under the base, `Invoice/1/_history/2`; refused where there is none."""
        segments = path.removesuffix("/").split("/")
        shape = _shape(segments)
        methods = self._by_path.get(shape)
        if methods is None:
            raise self._no_such_path(segments)
        # HEAD is GET without the body (https://hl7.org/fhir/R4/http.html#head).
        route = methods.get("GET" if method == "HEAD" else method)
        if route is None:
            raise MethodNotAllowed(method, [*methods, *(["HEAD"] if "GET" in methods else [])])
        if route.path.startswith("Patient/"):
            if not _is_id(segments[1]):
                raise _bad_id(method, segments[0])
            return Match(route, segments[2] if segments[2] in self.types else "", segments[1])
        if segments[0] not in self.types:
            return Match(route)
        if len(segments) == 1 or segments[1][0] in "_$":
            return Match(route, segments[0])
        if not _is_id(segments[1]):
            raise _bad_id(method, segments[0])
        return Match(route, segments[0], segments[1], segments[3] if len(segments) > 3 else "")

    def _no_such_path(self, segments: list[str]) -> Refusal:
        name = segments[0]
        if name in self.types:
            return not_found("unknown-path", f"There is nothing at this path of {name}; see [base]/metadata.")
        if name in resource_types():
            return not_found(
                "type-not-served", f"{name} is not served here; this server keeps {', '.join(self.types)}."
            )
        return not_found("unknown-path", "There is nothing at this path, and no such resource type in FHIR R4.")


def _shape(segments: list[str]) -> str:
    """The path with the ids left out: `Invoice/[id]/_history/[vid]`."""
    match segments:
        case [only]:
            return only
        case [first, second] if second[:1] in {"_", "$"}:
            return f"{first}/{second}"
        case [first, second] if second:
            return f"{first}/[id]"
        case [first, second, third] if second:
            return f"{first}/[id]/{third}"
        case [first, second, third, "_search"] if second:
            return f"{first}/[id]/{third}/_search"
        case [first, second, "_history", fourth] if second and fourth:
            return f"{first}/[id]/_history/[vid]"
        case [first, second, "_history", fourth, fifth] if second and fourth and fifth[:1] == "$":
            return f"{first}/[id]/_history/[vid]/{fifth}"
        case _:
            return "no such shape"


def _bad_id(method: str, resource_type: str) -> Refusal:
    message = "An id has 1 to 64 characters of A-Z, a-z, 0-9, - and .; there is no resource with this one."
    if method == "PUT":
        return invalid("invalid-id", message, f"{resource_type}.id", "value")
    return not_found("not-found", message)

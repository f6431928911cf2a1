"""The FHIR API as OpenAPI paths, derived as the CapabilityStatement is: from the table of routes, the declarations of
operations and the search parameters of the mappers. https://spec.openapis.org/oas/v3.1.0
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from capability.json_schemas import Schema, reference_to, schemas_of
from capability.openapi_parameters import (
    PATH_PARAMETERS,
    QUERIES,
    SUMMARY_OF_ONE,
    Parameter,
    criteria_queries,
    header,
    history_queries,
    query,
    search_queries,
)
from capability.served import OperationDeclared, Served, ServedType
from mappers.compartments import PATIENT_COMPARTMENT

_FHIR_JSON, _FHIR_XML = "application/fhir+json", "application/fhir+xml"
_JSON_PATCH, _FORM = "application/json-patch+json", "application/x-www-form-urlencoded"
_BY_CRITERIA = frozenset({"PUT", "PATCH", "DELETE"})

BEARER = "bearer"
"""The security scheme, which the document that this becomes a part of defines."""

# Beside the types that are kept.
_SCHEMAS = ("Bundle", "CapabilityStatement", "OperationOutcome", "Parameters")

PathItems = dict[str, dict[str, Any]]


class RouteDeclared(Protocol):
    """A row of the table of routes."""

    @property
    def method(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def interaction(self) -> str: ...
    @property
    def types(self) -> Sequence[str]: ...
    @property
    def body(self) -> str: ...
    @property
    def is_open(self) -> bool: ...
    @property
    def operation(self) -> OperationDeclared | None: ...


@dataclass(frozen=True, slots=True)
class _Described:
    """What an interaction is: the statuses that are no refusals, and what is answered ('' is the type of the path)."""

    title: str
    statuses: tuple[int, ...] = (200,)
    content: str = "Bundle"
    headers: tuple[str, ...] = ()


_CHANGES = ("If-Match", "If-None-Match", "Prefer")
_READS = ("If-None-Match", "If-Modified-Since")
_INTERACTIONS = {
    "read": _Described("read the current version", (200, 304), "", _READS),
    "vread": _Described("read one version", (200, 304), "", _READS),
    "create": _Described("create", (200, 201), "", ("If-None-Exist", "Idempotency-Key", "Prefer")),
    "update": _Described("update, or create under an id", (200, 201), "", _CHANGES),
    "patch": _Described("patch", (200,), "", _CHANGES),
    "delete": _Described("delete", (204,), headers=("If-Match",)),
    "search-type": _Described("search", headers=("Prefer",)),
    "search-compartment": _Described("search all that is a patient's", headers=("Prefer",)),
    "search-system": _Described("search across types", headers=("Prefer",)),
    "history-instance": _Described("the versions of one resource"),
    "history-type": _Described("the versions of all of a type"),
    "history-system": _Described("the versions of all types"),
    "transaction": _Described("carry out a batch or a transaction", headers=("Idempotency-Key", "Prefer")),
    "capabilities": _Described("what this server can do", content="CapabilityStatement"),
}

_SAID_OF = {
    200: "It was carried out.",
    201: "It was created.",
    204: "It is deleted, or was not there.",
    304: "The client has this version already.",
}
_REFUSALS_OF_OPEN = (400, 404, 406)
_REFUSALS_OF_READS = (400, 401, 403, 404, 406, 410, 429, 503)
_REFUSALS_OF_WRITES = (400, 401, 403, 404, 406, 409, 410, 412, 413, 415, 422, 429, 503)


@dataclass(frozen=True, slots=True)
class FhirDescription:
    """The FHIR part of an OpenAPI document. `base_path`: the path of the FHIR base, such as `/fhir`."""

    served: Served
    base_path: str

    def paths(self, routes: Iterable[RouteDeclared]) -> PathItems:
        types = {each.name: each for each in self.served.types}
        items: PathItems = {}
        for route in routes:
            for name in route.types or ("",):
                path = f"{self.base_path}/{_template(route, name)}".rstrip("/")
                items.setdefault(path, {})[route.method.lower()] = self._operation(route, types.get(name))
        return items

    def components(self) -> dict[str, Any]:
        refusal = {"description": "Why it was not carried out.", "content": _contents(reference_to("OperationOutcome"))}
        return {
            "schemas": schemas_of(self._with_schema()),
            "responses": {"Refusal": refusal},
        }

    def _with_schema(self) -> list[str]:
        return [*(each.name for each in self.served.types if each.is_kept), *_SCHEMAS]

    def _operation(self, route: RouteDeclared, of_type: ServedType | None) -> dict[str, Any]:
        described = _described(route)
        name = "" if of_type is None else of_type.name
        is_by_criteria = route.path == "[type]" and route.method in _BY_CRITERIA
        operation: dict[str, Any] = {
            "operationId": _operation_id(route, name),
            "tags": [name or "System"],
            "summary": f"{name}: {described.title}{' by criteria' if is_by_criteria else ''}".removeprefix(": "),
            "parameters": [
                *(PATH_PARAMETERS[each] for each in PATH_PARAMETERS if f"[{each}]" in route.path),
                *(criteria_queries(of_type) if of_type is not None and is_by_criteria else ()),
                *self._queries(route, of_type),
                *(query(each, QUERIES[each]) for each in ("_format", "_pretty")),
                *(header(each, is_required=_needs(route, each)) for each in described.headers),
            ],
            "responses": self._responses(route, described, name),
            "security": [] if route.is_open else [{BEARER: []}],
        }
        if route.operation is not None:
            operation["description"] = route.operation.description
        if route.body:
            operation["requestBody"] = _request_body(route, name)
        return operation

    def _queries(self, route: RouteDeclared, of_type: ServedType | None) -> list[Parameter]:
        if route.body == "form":
            return []
        match route.interaction:
            case "search-type" | "search-system" | "search-compartment":
                return search_queries(self.served, of_type, self._types_to_name(route))
            case "history-instance" | "history-type" | "history-system":
                return history_queries()
            case "read" | "vread" if not route.is_open and of_type is not None and of_type.is_kept:
                return [query("_summary", SUMMARY_OF_ONE), query("_elements", {"type": "string", "minLength": 1})]
            case "capabilities":
                return [query("mode", QUERIES["mode"])]
            case "operation" if route.method == "GET" and route.operation is not None:
                inputs = [each for each in route.operation.parameters if each.use == "in"]
                return [query(each.name, reference_to(each.type), each.documentation) for each in inputs]
            case _:
                return []

    def _types_to_name(self, route: RouteDeclared) -> list[str]:
        if route.interaction == "search-compartment":
            return list(PATIENT_COMPARTMENT)
        return [] if route.types else [each.name for each in self.served.types if each.is_kept]

    def _responses(self, route: RouteDeclared, described: _Described, resource_type: str) -> dict[str, Any]:
        content = described.content or resource_type
        wanted = reference_to(content if content in self._with_schema() else "Resource")
        if "Prefer" in described.headers:
            # With `return=OperationOutcome`.
            wanted = {"anyOf": [wanted, reference_to("OperationOutcome")]}
        responses: dict[str, Any] = {}
        for status in described.statuses:
            has_content = {"content": _contents(wanted)} if status in {200, 201} else {}
            responses[str(status)] = {"description": _SAID_OF[status], **has_content}
        refusals = _REFUSALS_OF_READS if route.method == "GET" else _REFUSALS_OF_WRITES
        for status in _REFUSALS_OF_OPEN if route.is_open else refusals:
            responses[str(status)] = {"$ref": "#/components/responses/Refusal"}
        return responses


def _template(route: RouteDeclared, resource_type: str) -> str:
    return route.path.replace("[type]", resource_type).replace("[", "{").replace("]", "}")


def _operation_id(route: RouteDeclared, resource_type: str) -> str:
    """`Invoice-issue-post-by-id`: unique, and made of what does not change."""
    code = route.interaction if route.operation is None else route.operation.code
    if route.path.startswith("Patient/"):
        what = "-of-patient"
    elif "[vid]" in route.path and route.operation is not None:
        what = "-by-version"
    else:
        what = "-by-id" if "[id]" in route.path else ""
    return f"{resource_type or 'system'}-{code}-{route.method.lower()}{what}"


def _described(route: RouteDeclared) -> _Described:
    operation = route.operation
    if operation is None:
        return _INTERACTIONS[route.interaction]
    outputs = [each.type for each in operation.parameters if each.use == "out"]
    # One output that is a resource is answered as it is: https://hl7.org/fhir/R4/operations.html#response
    content = outputs[0] if len(outputs) == 1 and outputs[0] != "Meta" else "Parameters"
    headers = ("Idempotency-Key",) if operation.affects_state else ()
    return _Described(operation.title, content=content, headers=headers)


def _needs(route: RouteDeclared, name: str) -> bool:
    return name == "Idempotency-Key" and route.operation is not None and route.operation.needs_idempotency_key


def _request_body(route: RouteDeclared, resource_type: str) -> dict[str, Any]:
    match route.body:
        case "form":
            return {"required": False, "content": {_FORM: {"schema": _FORM_SCHEMA}}}
        case "patch":
            contents = {_JSON_PATCH: {"schema": _PATCH_SCHEMA}, **_contents(reference_to("Parameters"))}
            return {"required": True, "content": contents}
    name = "Parameters" if route.operation is not None else resource_type or "Bundle"
    return {"required": route.body == "json", "content": _contents(reference_to(name))}


def _contents(schema: Schema) -> dict[str, Any]:
    # What the schema says is said of JSON; XML has the same elements.
    return {_FHIR_JSON: {"schema": schema}, _FHIR_XML: {"schema": {"type": "string"}}}


_FORM_SCHEMA: Schema = {"type": "object", "additionalProperties": {"type": "string"}}
_PATCH_SCHEMA: Schema = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {
            "op": {"enum": ["add", "remove", "replace", "move", "copy", "test"]},
            "path": {"type": "string"},
            "from": {"type": "string"},
            "value": {},
        },
        "required": ["op", "path"],
    },
}

"""The parameters of the FHIR API as OpenAPI has them: in paths, in queries and in headers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from capability.json_schemas import Schema, reference_to
from capability.served import Served, ServedParameter, ServedType
from mappers.search_query import SUMMARIES, TOTALS

Parameter = dict[str, Any]

_TEXT: Schema = {"type": "string", "minLength": 1}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_TAGS: Schema = {"type": "string", "pattern": r'^(\*|(W/)?"[0-9]{1,9}")$'}
_PREFERENCE = "^(return=(minimal|representation|OperationOutcome)|handling=(strict|lenient))$"
_DATE = r"[12][0-9]{3}(-(0[1-9]|1[0-2])(-(0[1-9]|1[0-9]|2[0-8])(T([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?Z)?)?)?"

PATH_PARAMETERS: dict[str, Parameter] = {
    "id": {
        "name": "id",
        "in": "path",
        "required": True,
        "schema": reference_to("id"),
        "description": "The logical id.",
    },
    "vid": {
        "name": "vid",
        "in": "path",
        "required": True,
        "schema": {"type": "string", "pattern": "^[1-9][0-9]{0,8}$"},
        "description": "The version: 1, 2, 3 ...",
    },
}

QUERIES: dict[str, Schema] = {
    "_format": {"type": "string", "enum": ["json", "xml", "application/fhir+json", "application/fhir+xml"]},
    "_pretty": {"type": "string", "enum": ["true", "false"]},
    "_count": _COUNT,
    "_since": {"type": "string", "pattern": f"^{_DATE}$"},
    "_at": {"type": "string", "pattern": f"^{_DATE}$"},
    "_summary": {"type": "string", "enum": list(SUMMARIES)},
    "_total": {"type": "string", "enum": list(TOTALS)},
    "mode": {"type": "string", "enum": ["full", "normative"]},
}
SUMMARY_OF_ONE: Schema = {"type": "string", "enum": [name for name in SUMMARIES if name != "count"]}
_HISTORY_SORT: Schema = {"type": "string", "enum": ["_lastUpdated", "-_lastUpdated"]}

HEADERS: dict[str, tuple[Schema, str]] = {
    "If-Match": (_TAGS, 'Only where this is the current version, such as W/"3".'),
    "If-None-Match": (_TAGS, "Only where this is not the current version; * where there is none."),
    "If-Modified-Since": (_TEXT, "Only where it was changed since, as an HTTP date."),
    "If-None-Exist": (
        {"type": "string", "pattern": r"^identifier=[A-Za-z0-9:/|._-]+$"},
        "Only where this search finds nothing, such as identifier=http://his|1.",
    ),
    "Idempotency-Key": (
        {"type": "string", "pattern": "^[A-Za-z0-9._:-]{1,255}$"},
        "A value of the client's own for each request: repeated with it, the request is carried out once.",
    ),
    "Prefer": (
        {"anyOf": [{"type": "string", "pattern": _PREFERENCE}, {"type": "string"}]},
        "return=minimal, representation or OperationOutcome; handling=strict or lenient. Others are ignored (RFC 7240)",
    ),
}

_PATTERNS = {
    "date": rf"^(eq|ne|gt|lt|ge|le|sa|eb|ap)?{_DATE}$",
    "number": r"^(eq|ne|gt|lt|ge|le|sa|eb|ap)?-?[0-9]{1,9}([.][0-9]{1,9})?$",
}


def query(name: str, schema: Schema, description: str = "") -> Parameter:
    said = {"description": description} if description else {}
    return {"name": name, "in": "query", "required": False, "schema": schema, **said}


def history_queries() -> list[Parameter]:
    return [*(query(name, QUERIES[name]) for name in ("_count", "_since", "_at")), query("_sort", _HISTORY_SORT)]


def header(name: str, *, is_required: bool) -> Parameter:
    schema, description = HEADERS[name]
    return {"name": name, "in": "header", "required": is_required, "schema": schema, "description": description}


def criteria_queries(of_type: ServedType) -> list[Parameter]:
    """The search parameters of a type. OpenAPI has no way to say that a name may have a modifier behind it."""
    return [_search_query(each) for each in of_type.parameters]


def search_queries(served: Served, of_type: ServedType | None, types: Sequence[str]) -> list[Parameter]:
    """All that a search may be asked; `types` are those that `_type` may name, none where it may not be sent."""
    if of_type is not None and not of_type.is_kept:
        return [*criteria_queries(of_type), query("_count", QUERIES["_count"])]
    criteria = served.system_parameters if of_type is None else of_type.parameters
    found = [_search_query(each) for each in criteria]
    if types:
        found.append(query("_type", {"type": "string", "enum": list(types)}, "Types, separated by commas."))
    found += [query(name, QUERIES[name]) for name in ("_count", "_summary", "_total")]
    if of_type is None:
        return [*found, query("_sort", {"type": "string", "enum": ["_id", "-_id", "_lastUpdated", "-_lastUpdated"]})]
    return [
        *found,
        query("_sort", _TEXT, "Parameters, separated by commas; - before one for descending."),
        query("_elements", _TEXT, "Elements to show, separated by commas."),
        *_include_queries(of_type),
    ]


def _include_queries(of_type: ServedType) -> list[Parameter]:
    wanted = (("_include", of_type.includes), ("_revinclude", of_type.reverse_includes))
    return [query(name, {"type": "string", "enum": list(values)}) for name, values in wanted if values]


def _search_query(parameter: ServedParameter) -> Parameter:
    pattern = _PATTERNS.get(parameter.type)
    schema = {"type": "string", "pattern": pattern} if pattern else _TEXT
    return query(parameter.name, schema, parameter.documentation)

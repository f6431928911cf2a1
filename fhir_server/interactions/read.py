"""The read interaction: the current version of a resource. https://hl7.org/fhir/R4/http.html#read"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus

from fhir_server.fhir_request import FhirRequest, Reading, take
from fhir_server.responses import Answer
from ledger.errors import Category, Refusal, invalid, not_found, refuse
from mappers.search_query import SUMMARIES, read_elements
from mappers.search_subset import summary_of, with_elements
from mappers.search_values import ValueRefusedError
from storage.resource_versions import StoredVersion, read_latest
from storage.transaction import Reader

_SUMMARIES = tuple(name for name in SUMMARIES if name != "count")
"""What `_summary` can show of one resource."""


def read(request: FhirRequest) -> Reading:
    shown = part_wanted(request)

    async def reading(reader: Reader) -> Answer:
        found = await read_latest(reader, request.tenant.id, request.resource_type, request.id)
        return shown(answer_of_version(request, found))

    return reading


def part_wanted(request: FhirRequest) -> Callable[[Answer], Answer]:
    """Makes of an answer what `_summary` or `_elements` asks to be shown; other parameters mean nothing to a read.

    https://hl7.org/fhir/R4/http.html#parameters
    """
    if not request.query:
        return _whole
    query = list(request.query)
    summary, elements = take(query, "_summary"), take(query, "_elements")
    if summary is not None and elements is not None:
        raise invalid("parameter-invalid", "_summary and _elements cannot be combined.", issue="value")
    if elements is not None:
        try:
            names = read_elements(request.resource_type, elements)
        except ValueRefusedError as error:
            raise invalid("parameter-invalid", f"_elements: {error}.", issue="value") from None
        return lambda answer: replace(answer, content=with_elements(answer.content, names))
    if summary is None or summary == "false":
        return _whole
    if summary not in _SUMMARIES:
        raise invalid("parameter-invalid", f"_summary of one resource is {', '.join(_SUMMARIES)}.", issue="value")
    return lambda answer: replace(answer, content=summary_of(answer.content, summary))


def _whole(answer: Answer) -> Answer:
    return answer


def answer_of_version(request: FhirRequest, found: StoredVersion | None) -> Answer:
    """A version as it is stored: the content, or that it was deleted, or that there is none."""
    if found is None:
        raise not_found("not-found", f"There is no {request.url}.")
    version, last_updated, content = found
    if content is None:
        raise deleted(request)
    return Answer(
        HTTPStatus.OK,
        content.encode(),
        version,
        last_updated,
        f"{request.resource_type}/{request.id}/_history/{version}",
    )


def deleted(request: FhirRequest) -> Refusal:
    name = f"{request.resource_type}/{request.id}"
    return refuse(Category.GONE, "deleted", f"{name} is deleted; {name}/_history has what it was.")

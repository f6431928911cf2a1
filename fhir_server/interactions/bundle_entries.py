"""The entries of a batch or transaction Bundle as requests. https://hl7.org/fhir/R4/bundle.html#Bundle.entry.request"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from billing.own_references import own_among
from fhir_server.fhir_request import FhirRequest, Query, query_of, take
from fhir_server.idempotency import entry_key
from fhir_server.interactions.patch_document import of_entry
from fhir_server.media_types import Preferences, ReturnPreference
from fhir_server.outcomes import outcome_of, status_of, success_outcome
from fhir_server.preconditions import NO_CONDITIONS, Conditions, conditions_of
from fhir_server.responses import Answer, json_object, json_string, status_line
from fhir_server.route import Route, RouteTable
from ledger.errors import Category, Refusal, invalid, refuse
from mappers.literal_references import LiteralReference, literal_references
from mappers.mapper import instant

_CONDITIONS = frozenset({"ifMatch", "ifNoneMatch", "ifModifiedSince", "ifNoneExist"})


@dataclass(slots=True)
class Entry:
    """An entry whose method and URL are those of a route. `literals` are what the references in its resource say.

    They are found once for all that asks for them; `take_document` keeps them true.
    """

    index: int
    route: Route
    request: FhirRequest
    full_url: str
    id_as_asked: str
    query_as_asked: Query
    literals: list[LiteralReference] = field(default_factory=list)

    def take_document(self, document: dict[str, Any]) -> None:
        self.literals = literal_references(document)
        self.request.document, self.request.references = document, own_among(self.literals, self.request.base_url)


def place_of(index: int) -> str:
    return f"Bundle.entry[{index}]"


def read_entry(
    outer: FhirRequest,
    table: RouteTable,
    index: int,
    entry: dict[str, Any],
    *,
    url: str | None = None,
    is_of_transaction: bool = False,
) -> Entry:
    """The request that an entry asks for, with what the Bundle's own request says of everything else.

    `url` stands for the one in the entry where temporary ids in it are replaced.
    """
    asked = entry.get("request")
    place = place_of(index)
    if asked is None:
        raise invalid("entry-request-missing", "Each entry says in request what is to be done.", place, "required")
    method = asked["method"]
    path, query = split_url(asked["url"] if url is None else url, outer.base_url, f"{place}.request.url")
    match = table.match(method, path)
    if match.route.body == "form" or not _is_of_bundles(match.route, is_of_transaction=is_of_transaction):
        raise invalid("entry-url", "This cannot be asked for in a Bundle.", f"{place}.request.url", "not-supported")
    resource = resource_of(match.route, entry)
    key = outer.idempotency_key
    request = FhirRequest(
        method,
        match.route.name,
        path,
        outer.token,
        outer.tenant,
        outer.base_url,
        match.resource_type,
        match.id,
        match.version_id,
        query,
        _conditions(asked, place),
        outer.preferences,
        idempotency_key=entry_key(key, index) if key is not None and method == "POST" else None,
        document=resource,
        place=place,
        takes_conditional_references=is_of_transaction,
        endpoints=outer.endpoints,
        terminology=outer.terminology,
        interaction=match.route.interaction,
    )
    if resource is None and match.route.body in {"json", "patch"}:
        raise invalid("body-missing", f"{method} needs a resource in the entry.", f"{place}.resource", "required")
    match.route.check_token(request)
    return Entry(index, match.route, request, entry.get("fullUrl", ""), match.id, query)


def resource_of(route: Route, entry: dict[str, Any]) -> dict[str, Any] | None:
    """The document of an entry, where its route takes one: its resource, or the patch in it."""
    resource = entry.get("resource") if route.body else None
    return of_entry(resource) if resource is not None and route.body == "patch" else resource


def _is_of_bundles(route: Route, *, is_of_transaction: bool) -> bool:
    """What a route serves by itself has no part in a transaction, unless it needs no database; a Bundle has none."""
    return route.serves is None or route.is_open or (route.operation is not None and not is_of_transaction)


def split_url(url: str, base_url: str, place: str) -> tuple[str, list[tuple[str, str]]]:
    """The path relative to the base, and the query."""
    relative = url.removeprefix(base_url + "/")
    path, _, query = relative.partition("?")
    if ":" in path or path.startswith("/"):
        raise invalid("entry-url", "The url of an entry is relative to the base: Invoice/1.", place, "value")
    if not query:
        return path, []
    pairs = query_of(query)
    take(pairs, "_format")
    take(pairs, "_pretty")
    return path, pairs


def _conditions(asked: dict[str, Any], place: str) -> Conditions:
    if _CONDITIONS.isdisjoint(asked):
        return NO_CONDITIONS
    conditions = conditions_of(asked.get("ifMatch"), asked.get("ifNoneMatch"), None, asked.get("ifNoneExist"))
    if "ifModifiedSince" not in asked:
        return conditions
    try:
        since = datetime.fromisoformat(asked["ifModifiedSince"])
    except ValueError:
        place = f"{place}.request.ifModifiedSince"
        raise invalid("instant-invalid", "ifModifiedSince is an instant.", place, "value") from None
    return replace(conditions, if_modified_since=since)


def answer_entry(entry: Entry, answer: Answer) -> bytes:
    """The entry of the response Bundle."""
    request = entry.request
    if request.method in {"GET", "HEAD"} and request.conditions.not_modified(answer.version, answer.last_updated):
        return json_object([(b"response", json_object([(b"status", json_string(status_line(304)))]))])
    resource, outcome = _resource_and_outcome(request, answer)
    names_version = answer.location and (answer.is_new or answer.says)
    full_url = f"{request.base_url}/{answer.location.partition('/_history/')[0]}" if answer.location else ""
    response = [
        (b"status", json_string(status_line(answer.status))),
        (b"location", json_string(answer.location) if names_version else b""),
        (b"etag", json_string(answer.etag) if answer.version else b""),
        (b"lastModified", json_string(instant(answer.last_updated)) if answer.last_updated else b""),
        (b"outcome", outcome),
    ]
    return json_object(
        [
            (b"fullUrl", json_string(full_url) if full_url else b""),
            (b"resource", resource),
            (b"response", json_object(response)),
        ]
    )


def _resource_and_outcome(request: FhirRequest, answer: Answer) -> tuple[bytes, bytes]:
    preferences: Preferences = request.preferences
    if request.method == "HEAD":
        return b"", b""
    if answer.says and preferences.returns is ReturnPreference.OPERATION_OUTCOME:
        return b"", success_outcome(answer.says)
    return answer.body(preferences), b""


def refused_entry(refusal: Refusal, index: int) -> bytes:
    """The entry of a batch response for an entry that was refused."""
    outcome = outcome_of(refusal.problems, place_of(index))
    response = [(b"status", json_string(status_line(status_of(refusal)))), (b"outcome", outcome)]
    return json_object([(b"response", json_object(response))])


def check_size(entries: list[dict[str, Any]], entries_max: int) -> None:
    if len(entries) > entries_max:
        raise refuse(
            Category.TOO_LARGE,
            "bundle-too-large",
            f"A Bundle has at most {entries_max} entries, and this one has {len(entries)}; send several.",
            "Bundle.entry",
        )

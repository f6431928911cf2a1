"""The history interaction on an instance: its versions, newest first. https://hl7.org/fhir/R4/http.html#history

Versions are never changed and new ones come before the first, so a page that begins below a version number shows each
version exactly once, whatever is written while a client pages.
"""

from __future__ import annotations

from http import HTTPStatus

from fhir_server.fhir_request import FhirRequest, Query, Reading, refuse_rest, take
from fhir_server.interactions.vread import VERSION_DIGITS_MAX
from fhir_server.responses import Answer, bundle, instant, json_object, json_string, status_line
from ledger.errors import invalid, not_found
from storage.resource_versions import HistoryEntry, read_history
from storage.transaction import Reader

PAGE_SIZE = 50
PAGE_SIZE_MAX = 1000
CURSOR = "_before"
"""Our paging parameter: versions below this one. Clients follow the `next` link and need not know it."""

_NEWER_THAN_ALL = 2**31 - 1


def history(request: FhirRequest) -> Reading:
    query = list(request.query)
    count = _count(query)
    before = _number(query, CURSOR)
    if request.preferences.is_lenient is not True:
        refuse_rest(query, "_count")

    async def reading(reader: Reader) -> Answer:
        entries, total = await read_history(
            reader,
            request.tenant.id,
            request.resource_type,
            request.id,
            before_version=_NEWER_THAN_ALL if before is None else before,
            count=count + 1,
        )
        if not total:
            raise not_found("not-found", f"There is no {request.resource_type}/{request.id}.")
        return Answer(HTTPStatus.OK, _page(request, entries, total, count, before))

    return reading


def _page(request: FhirRequest, entries: list[HistoryEntry], total: int, count: int, before: int | None) -> bytes:
    path = f"{request.base_url}/{request.resource_type}/{request.id}/_history?_count={count}"
    links = [("self", path if before is None else f"{path}&{CURSOR}={before}")]
    shown = entries[:count]
    if len(entries) > count and shown:
        links.append(("next", f"{path}&{CURSOR}={shown[-1].version}"))
    return bundle("history", [_entry(request, entry) for entry in shown], total=total, links=links)


def _entry(request: FhirRequest, entry: HistoryEntry) -> bytes:
    name = f"{request.resource_type}/{entry.id}"
    method, status = _REQUESTS.get(entry.interaction, _REQUESTS["update"])
    url = request.resource_type if method == "POST" else name
    return json_object(
        [
            (b"fullUrl", json_string(f"{request.base_url}/{name}")),
            (b"resource", (entry.content or "").encode()),
            (b"request", json_object([(b"method", json_string(method)), (b"url", json_string(url))])),
            (
                b"response",
                json_object(
                    [
                        (b"status", json_string(status_line(status))),
                        (b"etag", json_string(f'W/"{entry.version}"')),
                        (b"lastModified", json_string(instant(entry.last_updated))),
                    ]
                ),
            ),
        ]
    )


# What made a version, as the request and the status that Bundle.entry wants to have.
_REQUESTS: dict[str, tuple[str, int]] = {
    "create": ("POST", HTTPStatus.CREATED),
    "update": ("PUT", HTTPStatus.OK),
    "delete": ("DELETE", HTTPStatus.NO_CONTENT),
}


def _count(query: Query) -> int:
    count = _number(query, "_count")
    # 0 asks for the total alone, as in a search.
    return PAGE_SIZE if count is None else min(count, PAGE_SIZE_MAX)


def _number(query: Query, name: str) -> int | None:
    text = take(query, name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= VERSION_DIGITS_MAX):
        raise invalid("parameter-invalid", f"{name} is a whole number of at most {VERSION_DIGITS_MAX} digits.")
    return int(text)

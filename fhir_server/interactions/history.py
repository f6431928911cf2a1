"""The history interactions on an instance, a type and the system. https://hl7.org/fhir/R4/http.html#history

Versions are never changed and a page begins behind the last one of the page before, so that each version is shown once,
whatever is written while a client pages.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

from fhir_server.fhir_request import FhirRequest, Query, Reading, refuse_rest, take
from fhir_server.interactions.search_cursor import Cursor, Cursors
from fhir_server.responses import Answer, bundle, json_object, json_string, status_line
from fhir_server.settings import Settings
from ledger.errors import invalid, not_found
from mappers.mapper import instant
from mappers.search_dates import Interval, read_interval
from mappers.search_query import encode_query
from storage.history import HistoryEntry, HistoryPage, HistoryWanted, Position, read_history
from storage.resource_rows import RESOURCE_TYPES
from storage.search import Anchor
from storage.transaction import Reader

CURSOR = "_cursor"
"""Our paging parameter. Clients follow the `next` link and need not know it."""

PARAMETERS = ("_count", "_since", "_at", "_sort")

_NEWEST_FIRST, _OLDEST_FIRST = "-_lastUpdated", "_lastUpdated"
_DIGITS_MAX = 9


@dataclass(frozen=True, slots=True)
class History:
    """The interaction on all three levels, with its settings."""

    cursors: Cursors
    page_size: int = 50
    page_size_max: int = 1000

    @classmethod
    def of_settings(cls, settings: Settings) -> History:
        most = settings.max_page_size
        return cls(Cursors.of_settings(settings), min(settings.default_page_size, most), most)

    def __call__(self, request: FhirRequest) -> Reading:
        query = list(request.query)
        text = take(query, CURSOR)
        asked = [pair for pair in query if pair[0] in PARAMETERS]
        wanted = self._wanted(request, query, text)
        if request.preferences.is_lenient is not True:
            refuse_rest(query, ", ".join(PARAMETERS))

        async def reading(reader: Reader) -> Answer:
            page = await read_history(reader, request.tenant.id, wanted)
            if not page.is_known:
                raise not_found("not-found", f"There is no {request.resource_type}/{request.id}.")
            links = self._links(request, asked, text, page)
            entries = [_entry(request, entry) for entry in page.entries]
            return Answer(HTTPStatus.OK, bundle("history", entries, total=_total(wanted, page), links=links))

        return reading

    def _wanted(self, request: FhirRequest, query: Query, cursor: str | None) -> HistoryWanted:
        """What is asked for; takes the parameters out of the query."""
        scope = _scope(request, query)
        count = _count(take(query, "_count"), self.page_size_max)
        since, at = _interval(query, "_since"), _interval(query, "_at")
        return HistoryWanted(
            types=(request.resource_type,) if request.resource_type else _types_of_system(request),
            id=request.id or None,
            # 0 asks for the total alone, as in a search.
            count=self.page_size if count is None else count,
            since=None if since is None else since.low,
            at=None if at is None else (at.low, at.high),
            oldest_first=_oldest_first(take(query, "_sort")),
            after=None if cursor is None else _position(self.cursors.read(scope, cursor).anchor),
        )

    def _links(
        self, request: FhirRequest, asked: Query, cursor: str | None, page: HistoryPage
    ) -> list[tuple[str, str]]:
        links = [("self", _url(request, asked, cursor))]
        if page.entries:
            links.append(("first", _url(request, asked, None)))
        if page.more:
            last = page.entries[-1].position
            anchor = Anchor((last.last_updated.isoformat(), last.resource_type, str(last.version)), last.id)
            following = Cursor(anchor, backward=False, asked_at=last.last_updated)
            links.append(("next", _url(request, asked, self.cursors.write(_scope(request, asked), following))))
        return links


def _types_of_system(request: FhirRequest) -> tuple[str, ...]:
    """The types whose history the token may see."""
    scopes = request.token.scopes
    types = tuple(name for name in RESOURCE_TYPES if scopes.allow_whole(name, "s"))
    if not types:
        scopes.require_all(RESOURCE_TYPES[0], "s")
    return types


def _scope(request: FhirRequest, query: Query) -> str:
    """What a cursor belongs to: whose history it is and what is asked of it, but for how much a page shows."""
    asked = [pair for pair in query if pair[0] in PARAMETERS and pair[0] != "_count"]
    return f"{request.tenant.id}\nhistory {request.url.removesuffix('/')}?{encode_query(asked)}"


def _position(anchor: Anchor) -> Position:
    last_updated, resource_type, version = anchor.values
    assert last_updated is not None, "we have signed it"
    assert resource_type is not None, "we have signed it"
    assert version is not None, "we have signed it"
    return Position(datetime.fromisoformat(last_updated), resource_type, anchor.id, int(version))


def _url(request: FhirRequest, asked: Query, cursor: str | None) -> str:
    pairs = [*asked, *([] if cursor is None else [(CURSOR, cursor)])]
    url = f"{request.base_url}/{request.url.removesuffix('/')}"
    return f"{url}?{encode_query(pairs)}" if pairs else url


def _total(wanted: HistoryWanted, page: HistoryPage) -> int | None:
    """The number of all versions, where it is known: of one resource always, else of what fits on the first page."""
    is_all = page.total is None and wanted.after is None and not page.more
    return len(page.entries) if is_all else page.total


def _entry(request: FhirRequest, entry: HistoryEntry) -> bytes:
    name = f"{entry.resource_type}/{entry.id}"
    method, status = _REQUESTS.get(entry.interaction, _REQUESTS["update"])
    url = entry.resource_type if method == "POST" else name
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


def _count(text: str | None, at_most: int) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()):
        raise invalid("parameter-invalid", f"_count is a number of versions from 0 to {at_most}.", issue="value")
    # What is more than a page can have is a whole page, as in a search.
    return at_most if len(text.lstrip("0")) > _DIGITS_MAX else min(int(text), at_most)


def _interval(query: Query, name: str) -> Interval | None:
    text = take(query, name)
    if text is None:
        return None
    interval = read_interval(text, finest="microsecond")
    if interval is None:
        raise invalid("parameter-invalid", f"{name} is a date or a time such as 2026-11-20T08:00:00Z.", issue="value")
    return interval


def _oldest_first(text: str | None) -> bool:
    if text not in {None, _NEWEST_FIRST, _OLDEST_FIRST}:
        message = f"A history is sorted by {_NEWEST_FIRST}, as it is where nobody says, or by {_OLDEST_FIRST}."
        raise invalid("parameter-invalid", message, issue="value")
    return text == _OLDEST_FIRST

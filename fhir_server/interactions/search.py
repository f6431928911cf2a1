"""The search interaction on a type: `GET Invoice?status=issued` and `POST Invoice/_search`.

https://hl7.org/fhir/R4/http.html#search. A page is spliced from the versions as they were rendered; what comes before
and behind it is told by links with a signed cursor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus

import msgspec

from billing.context import Context
from fhir_server.fhir_request import FhirRequest, Query, Reading, take
from fhir_server.interactions.search_cursor import Cursor, Cursors
from fhir_server.interactions.search_includes import Included, allowed, cut_off, left_out, read_included
from fhir_server.outcomes import ERROR_SYSTEM
from fhir_server.responses import Answer, bundle, json_string
from fhir_server.settings import Settings
from ledger.errors import Problem, invalid
from mappers import mapper_for
from mappers.search_query import (
    FORM_PARAMETERS,
    RESULT_PARAMETERS,
    SearchLimits,
    SearchRequest,
    decode_query,
    encode_query,
    read_search,
)
from mappers.search_subset import summary_of, with_elements
from storage.search import Match, Page, PageWanted, read_ids, read_page
from storage.search_criteria import EVERYTHING
from storage.transaction import Reader

CURSOR = "_cursor"
"""Our paging parameter. Clients follow the links and need not know it."""

_MATCH_END = b',"search":{"mode":"match"}}'
_INCLUDE_END = b',"search":{"mode":"include"}}'
_SHOWS_ONLY = frozenset({*RESULT_PARAMETERS, *FORM_PARAMETERS}) - {"_sort"}


@dataclass(frozen=True, slots=True)
class Search:
    """The interaction with its settings. `is_lenient`: unknown parameters are ignored where a client does not say."""

    limits: SearchLimits
    cursors: Cursors
    is_lenient: bool = False

    @classmethod
    def of_settings(cls, settings: Settings) -> Search:
        return cls(
            SearchLimits(min(settings.default_page_size, settings.max_page_size), settings.max_page_size),
            Cursors.of_settings(settings),
            settings.unknown_search_parameters == "ignore",
        )

    def __call__(self, request: FhirRequest) -> Reading:
        query = list(request.query)
        text = take(query, CURSOR)
        scope = _scope(request, query)
        cursor = None if text is None else self.cursors.read(scope, text)
        asked_at = datetime.now(UTC).replace(microsecond=0) if cursor is None else cursor.asked_at
        lenient = request.preferences.is_lenient
        search = read_search(
            request.resource_type,
            mapper_for(request.resource_type).search_parameters,
            query,
            base_url=request.base_url,
            now=asked_at,
            limits=self.limits,
            lenient=self.is_lenient if lenient is None else lenient,
        )
        for joined_type in sorted(search.joined_types):
            request.token.scopes.require(joined_type, "s")
        includes = allowed(search.includes, request.token.scopes)
        withheld = left_out(search.includes, includes)
        wanted = _page_wanted(search, cursor)

        async def reading(reader: Reader) -> Answer:
            page = await read_page(reader, request.tenant.id, wanted)
            included = await read_included(reader, request.tenant.id, search.resource_type, page.matches, includes)
            told = [*search.ignored, *withheld, *([] if included.is_complete else [cut_off()])]
            entries = [*_matches(request, search, page), *_included(request, search, included), *_told(told)]
            links = _Links(request, search, self.cursors, asked_at, text).of(page, cursor)
            total = None if search.total == "none" else page.total
            return Answer(HTTPStatus.OK, bundle("searchset", entries, total=total, links=links))

        return reading


async def match_ids(reader: Reader, context: Context, resource_type: str, query: str, *, limit: int = 2) -> list[str]:
    """The ids of what criteria such as `identifier=http://his|1` match, at most `limit`: for conditional interactions.

    Strict whatever the client prefers: to ignore a criterion would change something else than what was meant.
    """
    search = read_search(
        resource_type,
        mapper_for(resource_type).search_parameters,
        decode_query(query),
        base_url=context.base_url,
        now=datetime.now(UTC),
        limits=SearchLimits(),
    )
    if search.joined_types:
        message = "Chained parameters and _has are for searches; name what is meant by parameters of its own."
        raise invalid("search-not-supported", message, issue="not-supported")
    if search.criterion == EVERYTHING:
        raise invalid("criteria-missing", "The search has no criteria, so that everything matches; send some.")
    return await read_ids(reader, context.tenant.id, resource_type, search.criterion, limit=limit)


def _page_wanted(search: SearchRequest, cursor: Cursor | None) -> PageWanted:
    return PageWanted(
        resource_type=search.resource_type,
        criterion=search.criterion,
        sort=search.sort,
        count=search.count,
        after=None if cursor is None else cursor.anchor,
        backward=cursor is not None and cursor.backward,
        # An estimate may be exact.
        with_total=search.total in {"accurate", "estimate"},
    )


def _scope(request: FhirRequest, query: Query | Sequence[tuple[str, str]]) -> str:
    """What a cursor belongs to: whose search it is, what it asks and in what order."""
    asked = [pair for pair in query if pair[0] not in _SHOWS_ONLY]
    return f"{request.tenant.id}\n{request.resource_type}?{encode_query(asked)}"


@dataclass(frozen=True, slots=True)
class _Links:
    request: FhirRequest
    search: SearchRequest
    cursors: Cursors
    asked_at: datetime
    cursor_text: str | None

    def of(self, page: Page, cursor: Cursor | None) -> list[tuple[str, str]]:
        links = [("self", self._url(self.cursor_text))]
        if not self.search.count:
            return links
        links.append(("first", self._url(None)))
        if not page.matches:
            return links
        backward = cursor is not None and cursor.backward
        if page.more if backward else cursor is not None:
            # Both names are registered for it, and clients look for either.
            before = self._beside(page.matches[0], backward=True)
            links += [("prev", before), ("previous", before)]
        if page.more or backward:
            links.append(("next", self._beside(page.matches[-1], backward=False)))
        return links

    def _beside(self, match: Match, *, backward: bool) -> str:
        scope = _scope(self.request, self.search.applied)
        return self._url(self.cursors.write(scope, Cursor(match.anchor, backward, self.asked_at)))

    def _url(self, cursor: str | None) -> str:
        pairs = [*self.search.applied, *([] if cursor is None else [(CURSOR, cursor)])]
        url = f"{self.request.base_url}/{self.search.resource_type}"
        return f"{url}?{encode_query(pairs)}" if pairs else url


def _matches(request: FhirRequest, search: SearchRequest, page: Page) -> list[bytes]:
    start = _entry_start(request, search.resource_type)
    return [
        b'%b%b","resource":%b%b' % (start, match.anchor.id.encode(), _shown(search, match.content.encode()), _MATCH_END)
        for match in page.matches
    ]


def _included(request: FhirRequest, search: SearchRequest, included: Included) -> list[bytes]:
    """What comes along is shown whole, for `_elements` are those of the matches; a summary is one of everything."""
    starts = {name: _entry_start(request, name) for name, _ in included.entries}
    return [
        b'%b%b","resource":%b%b'
        % (starts[name], match.anchor.id.encode(), summary_of(match.content.encode(), search.summary), _INCLUDE_END)
        for name, match in included.entries
    ]


def _entry_start(request: FhirRequest, resource_type: str) -> bytes:
    return b'{"fullUrl":' + json_string(f"{request.base_url}/{resource_type}/")[:-1]


def _shown(search: SearchRequest, content: bytes) -> bytes:
    if search.elements:
        return with_elements(content, search.elements)
    return content if search.summary == "false" else summary_of(content, search.summary)


def _told(problems: Sequence[Problem]) -> list[bytes]:
    """What was left out, said in the Bundle. https://hl7.org/fhir/R4/search.html#errors"""
    if not problems:
        return []
    issues = [
        {
            "severity": "warning",
            "code": problem.issue,
            "details": {"coding": [{"system": ERROR_SYSTEM, "code": problem.code}], "text": problem.message},
            "diagnostics": problem.message,
        }
        for problem in problems
    ]
    outcome = {"resourceType": "OperationOutcome", "issue": issues}
    return [msgspec.json.encode({"resource": outcome, "search": {"mode": "outcome"}})]

"""The search interaction on a type: `GET Invoice?status=issued` and `POST Invoice/_search`.

https://hl7.org/fhir/R4/http.html#search. A page is spliced from the versions as they were rendered; what comes before
and behind it is told by links with a signed cursor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus

import msgspec

from billing.context import Context
from fhir_server.authorization.narrowing import narrowing_of
from fhir_server.fhir_request import FhirRequest, Query, Reading, take
from fhir_server.interactions.search_cursor import Cursor, Cursors
from fhir_server.interactions.search_includes import Included, allowed, cut_off, left_out, read_included
from fhir_server.interactions.search_plan import asks_for_plan, plan_of
from fhir_server.outcomes import ERROR_SYSTEM
from fhir_server.responses import Answer, bundle, json_string
from fhir_server.settings import Settings
from ledger.errors import Problem, invalid
from mappers import MAPPERS, mapper_for
from mappers.compartments import PATIENT_COMPARTMENT, in_compartment_of
from mappers.search_across import read_searches
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
from storage.search import Anchor, Match, PageWanted, read_ids
from storage.search_across import MergedPage, read_across
from storage.search_criteria import EVERYTHING, Criterion, every
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
        explains = asks_for_plan(request, query, has_cursor=text is not None)
        cursor = None if text is None else self.cursors.read(_scope(request, query), text)
        asked_at = datetime.now(UTC).replace(microsecond=0) if cursor is None else cursor.asked_at
        searches, applied = self._asked(request, query, asked_at)
        asked, scopes = searches[0], request.token.scopes
        for joined_type in sorted({name for each in searches for name in each.joined_types}):
            # What a chain asks about other resources is an answer about them; those of the type that the token may not
            # search are as if they were not there.
            scopes.require(joined_type, "s")
        wished = list(dict.fromkeys(include for each in searches for include in each.includes))
        includes = allowed(wished, scopes)
        withheld = left_out(wished, includes)
        within = partial(narrowing_of, request.token, request.base_url)
        after_type, wanted = _pages_wanted(searches, cursor)
        if explains:
            return plan_of(request, _path(request), applied, wanted)

        async def reading(reader: Reader) -> Answer:
            page = await read_across(reader, request.tenant.id, wanted, after_type)
            included = await read_included(reader, request.tenant.id, page.matches, includes, within)
            told = [*asked.ignored, *withheld, *([] if included.is_complete else [cut_off()])]
            entries = [*_matches(request, asked, page), *_included(request, asked, included), *_told(told)]
            links = _Links(request, applied, self.cursors, asked_at, text)
            total = None if asked.total == "none" else page.total
            return Answer(
                HTTPStatus.OK, bundle("searchset", entries, total=total, links=links.of(page, cursor, asked.count))
            )

        return reading

    def _asked(
        self, request: FhirRequest, query: Query, now: datetime
    ) -> tuple[list[SearchRequest], list[tuple[str, str]]]:
        """A search for each type that is asked for, and the parameters that were applied."""
        types, applied = _types(request, query)
        lenient = request.preferences.is_lenient
        searches = read_searches(
            types,
            query,
            base_url=request.base_url,
            now=now,
            limits=self.limits,
            lenient=self.is_lenient if lenient is None else lenient,
            within=partial(narrowing_of, request.token, request.base_url, permission="s"),
        )
        applied += searches[0].applied
        if request.token.scopes.is_narrowed:
            searches = [_narrowed(request, each) for each in searches]
        if not request.id:
            return searches, applied
        return [
            replace(each, criterion=every(in_compartment_of(request.id, each.resource_type), each.criterion))
            for each in searches
        ], applied


def _narrowed(request: FhirRequest, search: SearchRequest) -> SearchRequest:
    """The search in the part of the type that the token may search."""
    narrowing = narrowing_of(request.token, request.base_url, search.resource_type, "s")
    return search if narrowing is None else replace(search, criterion=every(search.criterion, narrowing))


def _types(request: FhirRequest, query: Query) -> tuple[list[str], list[tuple[str, str]]]:
    """The types that are searched, and `_type` if that says so; without it, those that the token may search."""
    if request.resource_type:
        return [request.resource_type], []
    kept, scopes = list(PATIENT_COMPARTMENT if request.id else MAPPERS), request.token.scopes
    wanted = take(query, "_type")
    if wanted is None:
        types = [each for each in kept if scopes.allow(each, "s")]
        if not types:
            scopes.require(kept[0], "s")
        return types, []
    types = list(dict.fromkeys(wanted.split(",")))
    if not set(types) <= set(kept):
        message = f"_type: send one or more of {', '.join(kept)}, separated by commas."
        raise invalid("search-value-invalid", message, issue="value")
    for each in types:
        scopes.require(each, "s")
    return types, [("_type", wanted)]


async def match_ids(
    reader: Reader,
    context: Context,
    resource_type: str,
    query: str,
    *,
    limit: int = 2,
    within: Criterion | None = None,
) -> list[str]:
    """The ids of what criteria such as `identifier=http://his|1` match, at most `limit`: for conditional interactions.

    `within` is the part of the type that the token may search.
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
    criterion = search.criterion if within is None else every(search.criterion, within)
    return await read_ids(reader, context.tenant.id, resource_type, criterion, limit=limit)


def _pages_wanted(searches: Sequence[SearchRequest], cursor: Cursor | None) -> tuple[str, list[PageWanted]]:
    """A page of each search, and the type of the row behind which they begin."""
    after_type, after = "", None
    if cursor is not None:
        after_type, _, id_ = cursor.anchor.id.partition("/")
        after = Anchor(cursor.anchor.values, id_)
    return after_type, [
        PageWanted(
            resource_type=search.resource_type,
            criterion=search.criterion,
            sort=search.sort,
            count=search.count,
            after=after,
            backward=cursor is not None and cursor.backward,
            # An estimate may be exact.
            with_total=search.total in {"accurate", "estimate"},
        )
        for search in searches
    ]


def _path(request: FhirRequest) -> str:
    """What is searched, under the base: a type, a compartment or everything."""
    return f"Patient/{request.id}/{request.resource_type or '*'}" if request.id else request.resource_type


def _scope(request: FhirRequest, query: Query | Sequence[tuple[str, str]]) -> str:
    """What a cursor belongs to: whose search it is, what it asks and in what order."""
    asked = [pair for pair in query if pair[0] not in _SHOWS_ONLY]
    return f"{request.tenant.id}\n{_path(request)}?{encode_query(asked)}"


@dataclass(frozen=True, slots=True)
class _Links:
    request: FhirRequest
    applied: Sequence[tuple[str, str]]
    cursors: Cursors
    asked_at: datetime
    cursor_text: str | None

    def of(self, page: MergedPage, cursor: Cursor | None, count: int) -> list[tuple[str, str]]:
        myself = self._url(self.cursor_text)
        links = [("self", myself)]
        if not count:
            return links
        links.append(("first", myself if self.cursor_text is None else self._url(None)))
        if not page.matches:
            return links
        backward = cursor is not None and cursor.backward
        if page.more if backward else cursor is not None:
            # Both names are registered for it, and clients look for either.
            before = self._beside(*page.matches[0], backward=True)
            links += [("prev", before), ("previous", before)]
        if page.more or backward:
            links.append(("next", self._beside(*page.matches[-1], backward=False)))
        return links

    def _beside(self, resource_type: str, match: Match, *, backward: bool) -> str:
        scope = _scope(self.request, self.applied)
        anchor = Anchor(match.anchor.values, f"{resource_type}/{match.anchor.id}")
        return self._url(self.cursors.write(scope, Cursor(anchor, backward, self.asked_at)))

    def _url(self, cursor: str | None) -> str:
        pairs = [*self.applied, *([] if cursor is None else [(CURSOR, cursor)])]
        path = _path(self.request)
        url = f"{self.request.base_url}/{path}" if path else self.request.base_url
        return f"{url}?{encode_query(pairs)}" if pairs else url


def _matches(request: FhirRequest, search: SearchRequest, page: MergedPage) -> list[bytes]:
    starts = {name: _entry_start(request, name) for name, _ in page.matches}
    return [
        b'%b%b","resource":%b%b'
        % (starts[name], match.anchor.id.encode(), _shown(search, match.content.encode()), _MATCH_END)
        for name, match in page.matches
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

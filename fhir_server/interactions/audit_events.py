"""The access log as FHIR AuditEvents: read by id and searched, newest first.

It says who looked at what, so a token needs a scope that names AuditEvent, or `billing:audit:read`; a wildcard for all
types is not meant for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

from fhir_server.fhir_request import FhirRequest, Query, Reading, take
from fhir_server.interactions.search_cursor import Cursor, Cursors
from fhir_server.responses import Answer, bundle, json_string
from fhir_server.settings import Settings
from ledger.errors import Refusal, invalid, not_found
from mappers.audit_event import ACTIONS, EXECUTED, OUTCOMES, audit_event
from mappers.r4.json_text import encode
from mappers.search_dates import read_interval
from mappers.search_query import encode_query
from storage.access_log import AccessFilter, read_accesses
from storage.search import Anchor
from storage.transaction import Reader

TYPE = "AuditEvent"
CURSOR = "_cursor"
PARAMETERS = ("_id", "action", "agent-name", "altid", "date", "entity", "outcome", "subtype")
_NOTHING = (0, -1)
_MICROSECOND = timedelta(microseconds=1)


def read_audit_event(request: FhirRequest) -> Reading:
    _check_scope(request)

    async def reading(reader: Reader) -> Answer:
        found = await read_accesses(reader, request.tenant.id, AccessFilter(id=request.id), 1)
        if not found:
            raise not_found("not-found", f"There is no {request.url}.")
        return Answer(HTTPStatus.OK, encode(audit_event(*found[0])))

    return reading


@dataclass(frozen=True, slots=True)
class AuditEvents:
    """The search, with its settings."""

    cursors: Cursors
    page_size: int
    page_size_max: int

    @classmethod
    def of_settings(cls, settings: Settings) -> AuditEvents:
        most = settings.max_page_size
        return cls(Cursors.of_settings(settings), min(settings.default_page_size, most), most)

    def __call__(self, request: FhirRequest) -> Reading:
        _check_scope(request)
        query = list(request.query)
        text = take(query, CURSOR)
        count_text = take(query, "_count")
        count = self._count(count_text)
        if take(query, "_sort") not in {None, "-date"}:
            raise _invalid("_sort", "audit events come newest first, by -date")
        take(query, "_total"), take(query, "_format"), take(query, "_pretty")
        wanted = _filter_of(query)
        scope = f"{request.tenant.id}\naudit {encode_query(query)}"
        if text is not None:
            wanted = wanted._replace(before_id=self.cursors.read(scope, text).anchor.id)

        async def reading(reader: Reader) -> Answer:
            found = await read_accesses(reader, request.tenant.id, wanted, count + 1) if count else []
            shown = found[:count]
            applied = [*query, *([] if count_text is None else [("_count", str(count))])]
            links = [("self", _url(request, applied, text))]
            if len(found) > count > 0:
                cursor = Cursor(Anchor((), shown[-1][0]), backward=False, asked_at=datetime.now(UTC))
                links.append(("next", _url(request, applied, self.cursors.write(scope, cursor))))
            entries = [_entry(request, id_, encode(audit_event(id_, access))) for id_, access in shown]
            total = len(shown) if text is None and len(found) <= count and count else None
            return Answer(HTTPStatus.OK, bundle("searchset", entries, total=total, links=links))

        return reading

    def _count(self, text: str | None) -> int:
        if text is None:
            return self.page_size
        if not (text.isascii() and text.isdigit() and len(text) < 10):
            raise _invalid("_count", "send a number")
        return min(int(text), self.page_size_max)


def _check_scope(request: FhirRequest) -> None:
    scopes = request.token.scopes
    scopes.require_all(TYPE, "r" if request.id else "s")
    if not scopes.names(TYPE):
        scopes.require_business("billing:audit:read")


def _filter_of(query: Query) -> AccessFilter:
    wanted = AccessFilter()
    for name, value in query:
        if name not in PARAMETERS:
            message = f"{TYPE} is searched by {', '.join(PARAMETERS)}, with _count and the links of the pages."
            raise invalid("unknown-search-parameter", message, issue="not-supported")
        if "," in value or not value:
            raise _invalid(name, "send one value")
        if "\x00" in value:
            raise _invalid(name, "text cannot hold the character NUL")
        match name:
            case "_id":
                wanted = wanted._replace(id=value)
            case "agent-name" | "altid":
                wanted = wanted._replace(actor=value)
            case "entity":
                resource_type, _, id_ = value.rpartition("/")
                wanted = wanted._replace(resource_type=resource_type.rpartition("/")[2] or None, resource_id=id_)
            case "subtype":
                wanted = wanted._replace(interaction=value.rpartition("|")[2])
            case "action":
                wanted = wanted._replace(interactions=_interactions(value.rpartition("|")[2]))
            case "outcome":
                low, high = OUTCOMES.get(value.rpartition("|")[2], _NOTHING)
                wanted = wanted._replace(status_min=low, status_max=high)
            case _:
                wanted = _at(wanted, value)
    return wanted


def _interactions(action: str) -> tuple[str, ...]:
    if action == EXECUTED:
        return ("operation", "rest", "transaction", "batch", "")
    return tuple(sorted(ACTIONS.get(action, ())))


def _at(wanted: AccessFilter, value: str) -> AccessFilter:
    prefix, text = (value[:2], value[2:]) if value[:2].isalpha() else ("eq", value)
    interval = read_interval(text, finest="microsecond")
    if interval is None:
        raise _invalid("date", "send a date or a time such as ge2026-11-20")
    since = {
        "eq": interval.low,
        "ge": interval.low,
        "gt": _beside(interval.high, _MICROSECOND),
        "sa": _beside(interval.high, _MICROSECOND),
    }
    until = {
        "eq": interval.high,
        "le": interval.high,
        "lt": _beside(interval.low, -_MICROSECOND),
        "eb": _beside(interval.low, -_MICROSECOND),
    }
    if prefix not in since and prefix not in until:
        raise _invalid("date", f"the prefixes are {', '.join(sorted({*since, *until}))}")
    if prefix in since:
        wanted = wanted._replace(since=max(since[prefix], wanted.since or since[prefix]))
    if prefix in until:
        wanted = wanted._replace(until=min(until[prefix], wanted.until or until[prefix]))
    return wanted


def _beside(moment: datetime, step: timedelta) -> datetime:
    """The moment before or behind; at the ends of the calendar, where nothing happened, itself."""
    try:
        return moment + step
    except OverflowError:
        return moment


def _url(request: FhirRequest, query: Query, cursor: str | None) -> str:
    pairs = [*query, *([] if cursor is None else [(CURSOR, cursor)])]
    url = f"{request.base_url}/{TYPE}"
    return f"{url}?{encode_query(pairs)}" if pairs else url


def _entry(request: FhirRequest, id_: str, content: bytes) -> bytes:
    full_url = json_string(f"{request.base_url}/{TYPE}/{id_}")
    return b'{"fullUrl":%b,"resource":%b,"search":{"mode":"match"}}' % (full_url, content)


def _invalid(name: str, why: str) -> Refusal:
    return invalid("search-value-invalid", f"'{name}': {why}.", issue="value")

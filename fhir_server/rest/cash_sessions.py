"""`/cash-sessions`: a drawer is opened with a float and closed against what was counted."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StringConstraints

from billing.close_cash_session import close_cash_session
from billing.open_cash_session import open_cash_session
from fhir_server.responses import Answer
from fhir_server.rest.answers import answer_of
from fhir_server.rest.documents import Amount, Document, PageFilter, example_config
from fhir_server.rest.pages import anchor_of, page_of, size_of
from fhir_server.rest.request import Reading, RestRequest, Writing
from fhir_server.rest.route import RestRoute
from ledger.cash_session import CashSession
from ledger.errors import not_found
from ledger.money import AMOUNT_MINOR_MAX
from storage import cash_sessions
from storage.transaction import Reader, Transaction

SCOPE = "billing:payment:post"

Status = Literal["open", "closed"]
Drawer = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9\-.]{0,63}$")]


class CountedAmount(Amount):
    """What lies in a drawer: not less than nothing."""

    minor_units: Annotated[int, Field(ge=0, le=AMOUNT_MINOR_MAX)]


class OpenRequest(Document):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"drawer": "counter-1", "float": {"currency": "AFN", "minor_units": 500000}}]}
    )

    drawer: Drawer
    float_: Annotated[CountedAmount, Field(alias="float", description="What is in the drawer at the beginning.")]


class CloseRequest(Document):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"declared": {"currency": "AFN", "minor_units": 1245000}}]}
    )

    declared: Annotated[CountedAmount, Field(description="What was counted in the drawer.")]


class SessionDocument(Document):
    """A session. What was expected is told once it is closed: whoever counts does not know it before."""

    model_config = example_config(
        {
            "id": "12",
            "status": "closed",
            "drawer": "counter-1",
            "float": {"currency": "AFN", "minor_units": 500000},
            "opened_by": "cashier-7",
            "opened_at": "2026-03-01T05:30:00.104412Z",
            "declared": {"currency": "AFN", "minor_units": 1245000},
            "expected": {"currency": "AFN", "minor_units": 1246000},
            "over": {"currency": "AFN", "minor_units": -1000},
            "closed_by": "cashier-7",
            "closed_at": "2026-03-01T12:30:00.104412Z",
        }
    )

    model_config |= ConfigDict(populate_by_name=True, serialize_by_alias=True)

    id: str
    status: Status
    drawer: str
    float_: Annotated[Amount, Field(alias="float")]
    opened_by: str
    opened_at: datetime
    declared: Amount | None = None
    expected: Annotated[Amount | None, Field(description="The float and all cash that moved in the session.")] = None
    over: Annotated[Amount | None, Field(description="Declared less expected; below zero some was short.")] = None
    closed_by: str | None = None
    closed_at: datetime | None = None


class SessionFilter(PageFilter):
    drawer: Drawer | None = None
    status: Status | None = None


class SessionPage(Document):
    items: list[SessionDocument]
    next: Annotated[str | None, Field(description="The cursor of the next page, where there is one.")] = None


def post_session(request: RestRequest) -> Writing:
    sent = request.sent(OpenRequest)

    async def writing(tx: Transaction) -> Answer:
        opened = await open_cash_session(tx, request.context, drawer=sent.drawer, float_=sent.float_.money())
        return answer_of(_document(opened), status=201, location=f"cash-sessions/{opened.id}")

    return writing


def close(request: RestRequest) -> Writing:
    declared = request.sent(CloseRequest).declared.money()

    async def writing(tx: Transaction) -> Answer:
        return answer_of(_document(await close_cash_session(tx, request.context, request.id, declared=declared)))

    return writing


def get_session(request: RestRequest) -> Reading:
    async def reading(reader: Reader) -> Answer:
        found = await cash_sessions.read(reader, request.tenant.id, request.id)
        if found is None:
            raise not_found("not-found", f"There is no cash session {request.id}.")
        return answer_of(_document(found))

    return reading


def list_sessions(request: RestRequest) -> Reading:
    asked, size, before = request.asked(SessionFilter), size_of(request), anchor_of(request)
    is_open = None if asked.status is None else asked.status == "open"

    async def reading(reader: Reader) -> Answer:
        rows = await cash_sessions.page(
            reader, request.tenant.id, drawer=asked.drawer, is_open=is_open, before=before, count=size + 1
        )
        page, following = page_of(request, rows, [row.id for row in rows])
        return answer_of(SessionPage(items=[_document(row) for row in page], next=following))

    return reading


def _document(session: CashSession) -> SessionDocument:
    def amount(minor_units: int | None) -> Amount | None:
        return None if minor_units is None else Amount.of_minor(session.currency, minor_units)

    return SessionDocument(
        id=session.id,
        status="open" if session.is_open else "closed",
        drawer=session.drawer,
        float_=Amount.of_minor(session.currency, session.float_minor),
        opened_by=session.opened_by,
        opened_at=session.opened_at,
        declared=amount(session.declared_minor),
        expected=amount(session.expected_minor),
        over=amount(session.over_minor),
        closed_by=session.closed_by,
        closed_at=session.closed_at,
    )


ROUTES = (
    RestRoute(
        method="POST",
        path="/cash-sessions",
        summary="Open a drawer",
        takes=OpenRequest,
        gives=SessionDocument,
        business_scope=SCOPE,
        status=201,
        writes=post_session,
    ),
    RestRoute(
        method="POST",
        path="/cash-sessions/{id}/close",
        summary="Close a drawer against what was counted",
        description="What is over or short of the expected amount is booked, 5300 against 1010.",
        takes=CloseRequest,
        gives=SessionDocument,
        business_scope=SCOPE,
        writes=close,
    ),
    RestRoute(
        method="GET",
        path="/cash-sessions",
        summary="List cash sessions",
        description="The latest opened first.",
        filters=SessionFilter,
        gives=SessionPage,
        business_scope=SCOPE,
        reads=list_sessions,
    ),
    RestRoute(
        method="GET",
        path="/cash-sessions/{id}",
        summary="Read a cash session",
        gives=SessionDocument,
        business_scope=SCOPE,
        reads=get_session,
    ),
)

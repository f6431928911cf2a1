"""`/periods`: posting periods, which are soft-closed, closed for ever, or reopened."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from billing.close_period import close_period
from billing.posting_periods import ShownPeriod, list_periods, read_period
from billing.reopen_period import reopen_period
from billing.soft_close_period import soft_close_period
from fhir_server.responses import Answer
from fhir_server.rest.answers import answer_of
from fhir_server.rest.documents import Day, Document, PageFilter, Text, example_config
from fhir_server.rest.pages import anchor_of, page_of, size_of
from fhir_server.rest.request import Reading, RestRequest, Writing
from fhir_server.rest.route import RestRoute
from fhir_server.rest.trial_balance import TrialBalanceLine, line_of
from ledger.posting_period import PostingPeriod, Status
from ledger.recognition import Point
from ledger.trial_balance import LedgerAccountTotal
from storage.transaction import Reader, Transaction

SCOPE = "billing:period:close"
_READERS = (SCOPE, "billing:check:read")


class SoftCloseRequest(Document):
    model_config = ConfigDict(json_schema_extra={"examples": [{"last_day": "2026-10-31"}, {}]})

    last_day: Annotated[Day | None, Field(description="When it ends; with its month, where nothing is said.")] = None


class ReopenRequest(Document):
    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "A bank statement was missing"}]})

    reason: Text


_EXAMPLE: JsonDict = {
    "status": "soft-closed",
    "first_day": "2026-02-01",
    "last_day": "2026-02-28",
    "changed_at": "2026-03-01T05:30:00.104412Z",
    "changed_by": "controller-1",
}


class PeriodChangeDocument(Document):
    """What was done to a period."""

    model_config = example_config(_EXAMPLE)

    status: Status
    first_day: Day
    last_day: Day
    changed_at: datetime | None = None
    changed_by: str | None = None
    reason: str | None = None


class PeriodDocument(Document):
    """A range of days, both included. Its id is the day on which it begins."""

    model_config = example_config({"id": "2026-02-01", **_EXAMPLE, "recognition_point": "capture"})

    id: str
    status: Status
    first_day: Day
    last_day: Day
    changed_at: Annotated[datetime | None, Field(description="None of a period that was open ever since.")] = None
    changed_by: str | None = None
    reason: str | None = None
    recognition_point: Annotated[
        Point, Field(description="By which point the revenue is recognised of all charges that count in it.")
    ]


class ShownPeriodDocument(PeriodDocument):
    """A period, all that was done to it, and the trial balance that it was closed with."""

    model_config = example_config(
        {"id": "2026-02-01", **_EXAMPLE, "recognition_point": "capture", "changes": [_EXAMPLE]}
    )

    changes: Annotated[list[PeriodChangeDocument], Field(description="The oldest first.")]
    closing_balance: Annotated[
        list[TrialBalanceLine] | None,
        Field(description="All that is effective up to its last day, as it was when it was closed, and stays."),
    ] = None


class PeriodFilter(PageFilter):
    status: Status | None = None


class PeriodPage(Document):
    items: list[PeriodDocument]
    next: Annotated[str | None, Field(description="The cursor of the next page, where there is one.")] = None


def get_periods(request: RestRequest) -> Reading:
    asked, size, before = request.asked(PeriodFilter), size_of(request), anchor_of(request)

    async def reading(reader: Reader) -> Answer:
        found = await list_periods(reader, request.context)
        rows = [
            period
            for period in reversed(found)
            if asked.status in (None, period.status) and (before is None or period.id < before)
        ][: size + 1]
        page, following = page_of(request, rows, [row.id for row in rows])
        return answer_of(PeriodPage(items=[_document(row) for row in page], next=following))

    return reading


def get_period(request: RestRequest) -> Reading:
    async def reading(reader: Reader) -> Answer:
        return answer_of(_shown(await read_period(reader, request.context, request.id)))

    return reading


def soft_close(request: RestRequest) -> Writing:
    last_day = request.sent(SoftCloseRequest).last_day

    async def writing(tx: Transaction) -> Answer:
        return answer_of(_document(await soft_close_period(tx, request.context, request.id, last_day=last_day)))

    return writing


def close(request: RestRequest) -> Writing:
    async def writing(tx: Transaction) -> Answer:
        await close_period(tx, request.id)
        return answer_of(_shown(await read_period(tx, request.context, request.id)))

    return writing


def reopen(request: RestRequest) -> Writing:
    reason = request.sent(ReopenRequest).reason

    async def writing(tx: Transaction) -> Answer:
        return answer_of(_document(await reopen_period(tx, request.id, reason=reason)))

    return writing


def _document(period: PostingPeriod) -> PeriodDocument:
    point = period.recognition_point
    return PeriodDocument(id=period.id, **_change(period).model_dump(), recognition_point=point)


def _change(period: PostingPeriod) -> PeriodChangeDocument:
    return PeriodChangeDocument(
        status=period.status,
        first_day=period.first_day,
        last_day=period.last_day,
        changed_at=period.changed_at,
        changed_by=period.changed_by,
        reason=period.reason,
    )


def _shown(shown: ShownPeriod) -> ShownPeriodDocument:
    return ShownPeriodDocument(
        **_document(shown.period).model_dump(),
        changes=[_change(each) for each in shown.changes],
        closing_balance=_balance(shown.closing_balance),
    )


def _balance(totals: Sequence[LedgerAccountTotal]) -> list[TrialBalanceLine] | None:
    return [line_of(total) for total in totals] or None


ROUTES = (
    RestRoute(
        method="GET",
        path="/periods",
        summary="List posting periods",
        description="The latest first, from that of today on.",
        filters=PeriodFilter,
        gives=PeriodPage,
        any_scope=_READERS,
        reads=get_periods,
    ),
    RestRoute(
        method="GET",
        path="/periods/{id}",
        summary="Read a posting period",
        description="With what was done to it, and the trial balance that it was closed with.",
        gives=ShownPeriodDocument,
        any_scope=_READERS,
        reads=get_period,
    ),
    RestRoute(
        method="POST",
        path="/periods/{id}/soft-close",
        summary="Soft-close a posting period",
        description="What is of it counts on the first day behind it from now on, unless who posts may close periods."
        " It is the next open one, and over. It waits for what is being posted.",
        takes=SoftCloseRequest,
        gives=PeriodDocument,
        business_scope=SCOPE,
        writes=soft_close,
    ),
    RestRoute(
        method="POST",
        path="/periods/{id}/close",
        summary="Close a posting period for ever",
        description="The first of those that are soft-closed. Nothing is posted into it any more, by anybody, and the"
        " trial balance through its last day is kept.",
        gives=ShownPeriodDocument,
        business_scope=SCOPE,
        writes=close,
    ),
    RestRoute(
        method="POST",
        path="/periods/{id}/reopen",
        summary="Reopen a soft-closed posting period",
        description="The last of those that are soft-closed. What is closed stays so.",
        takes=ReopenRequest,
        gives=PeriodDocument,
        business_scope=SCOPE,
        writes=reopen,
    ),
)

"""`/payment-plans`: what a patient owes on invoices, in instalments."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from pydantic import ConfigDict, Field

from billing.cancel_payment_plan import cancel_payment_plan
from billing.find_payment_plans import find_payment_plans
from billing.make_payment_plan import EqualInstalments, PlanRequest, make_payment_plan
from billing.payment_plan_state import PlanState, read_plan
from fhir_server.responses import Answer
from fhir_server.rest.answers import answer_of
from fhir_server.rest.documents import (
    AccountReference,
    Amount,
    Day,
    Document,
    InvoiceReference,
    PageFilter,
    PositiveAmount,
    Text,
    id_of,
)
from fhir_server.rest.pages import anchor_of, page_of, size_of
from fhir_server.rest.request import Reading, RestRequest, Writing
from fhir_server.rest.route import RestRoute
from ledger.errors import invalid
from ledger.money import Money
from ledger.payment_plan import INSTALMENTS_MAX, INVOICES_MAX, PlanEvent, PlanEventKind, PlanStatus, Unit
from storage.transaction import Reader, Transaction

SCOPE = "billing:plan:write"


class AgreedInstalment(Document):
    due: Annotated[Day, Field(description="Until when it is to be paid.")]
    amount: PositiveAmount


class EqualSchedule(Document):
    """Instalments that differ by one minor unit at most, the larger first."""

    count: Annotated[int, Field(ge=1, le=INSTALMENTS_MAX)]
    first_due: Day
    unit: Annotated[Unit, Field(description="A month that has no such day gives its last.")]
    every: Annotated[int, Field(ge=1, le=366, description="How many units lie between two of them.")] = 1


class PlanBody(Document):
    """What is agreed: `instalments` that come to what the patient owes on the invoices, or `equal` ones."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "account": "Account/1",
                    "invoices": ["Invoice/7"],
                    "equal": {"count": 3, "first_due": "2027-01-31", "unit": "month"},
                }
            ]
        }
    )

    account: AccountReference
    invoices: Annotated[list[InvoiceReference], Field(min_length=1, max_length=INVOICES_MAX)]
    instalments: Annotated[list[AgreedInstalment] | None, Field(min_length=1, max_length=INSTALMENTS_MAX)] = None
    equal: EqualSchedule | None = None
    note: Text | None = None


class CancelBody(Document):
    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "The family asks for longer terms."}]})

    reason: Text


class PlanInstalment(Document):
    """An instalment: what was agreed, what is to be paid of it by now, and what of that is paid."""

    number: int
    due: date
    agreed: Amount
    amount: Annotated[Amount, Field(description="Less than was agreed where credits or write-offs lowered the plan.")]
    paid: Amount
    open: Amount


class PlanHappening(Document):
    """What was recorded of a plan after it was made."""

    kind: PlanEventKind
    on: date
    at: datetime
    by: str
    reason: str | None = None
    overdue: Annotated[Amount | None, Field(description="What was overdue when it was found in default.")] = None
    overdue_since: date | None = None


class PlanDocument(Document):
    """A plan as it stands. What is paid follows from what is settled on its invoices; nobody sets it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "01a1fc28",
                    "status": "active",
                    "account": "Account/1",
                    "invoices": ["Invoice/7"],
                    "amount": {"currency": "AFN", "minor_units": 45000},
                    "paid": {"currency": "AFN", "minor_units": 15000},
                    "open": {"currency": "AFN", "minor_units": 30000},
                    "next_due": "2027-02-28",
                    "instalments": [
                        {
                            "number": number,
                            "due": due,
                            "agreed": {"currency": "AFN", "minor_units": 15000},
                            "amount": {"currency": "AFN", "minor_units": 15000},
                            "paid": {"currency": "AFN", "minor_units": paid},
                            "open": {"currency": "AFN", "minor_units": 15000 - paid},
                        }
                        for number, due, paid in (
                            (1, "2027-01-31", 15000),
                            (2, "2027-02-28", 0),
                            (3, "2027-03-31", 0),
                        )
                    ],
                    "made_on": "2026-12-20",
                    "made_by": "cashier-7",
                    "made_at": "2026-12-20T05:30:00Z",
                    "events": [],
                }
            ]
        }
    )

    id: str
    status: PlanStatus
    account: AccountReference
    invoices: list[InvoiceReference]
    amount: Annotated[Amount, Field(description="What is to be paid in all, by now.")]
    paid: Amount
    open: Amount
    overdue: Annotated[Amount | None, Field(description="What should have been paid by today.")] = None
    overdue_since: date | None = None
    next_due: Annotated[date | None, Field(description="When the first instalment is due that is not paid.")] = None
    instalments: list[PlanInstalment]
    note: str | None = None
    made_on: date
    made_by: str
    made_at: datetime
    events: list[PlanHappening]


class PlanFilter(PageFilter):
    account: AccountReference | None = None
    invoice: InvoiceReference | None = None
    status: PlanStatus | None = None


class PlanPage(Document):
    items: list[PlanDocument]
    next: Annotated[str | None, Field(description="The cursor of the next page, where there is one.")] = None


def post_plan(request: RestRequest) -> Writing:
    sent = request.sent(PlanBody)
    wanted = PlanRequest(
        account_id=id_of(sent.account),
        invoice_ids=[id_of(invoice) for invoice in dict.fromkeys(sent.invoices)],
        schedule=_schedule(sent),
        note=sent.note,
    )

    async def writing(tx: Transaction) -> Answer:
        made = await make_payment_plan(tx, request.context, wanted)
        return answer_of(_document(made), status=201, location=f"payment-plans/{made.plan.id}")

    return writing


def _schedule(sent: PlanBody) -> EqualInstalments | list[tuple[date, Money]]:
    if (sent.instalments is None) == (sent.equal is None):
        raise invalid("value-invalid", "Send instalments, or equal.", "/instalments")
    if sent.equal is not None:
        equal = sent.equal
        return EqualInstalments(equal.count, equal.first_due, equal.unit, equal.every)
    return [(each.due, each.amount.money()) for each in sent.instalments or []]


def cancel(request: RestRequest) -> Writing:
    reason = request.sent(CancelBody).reason

    async def writing(tx: Transaction) -> Answer:
        return answer_of(_document(await cancel_payment_plan(tx, request.context, request.id, reason=reason)))

    return writing


def get_plan(request: RestRequest) -> Reading:
    async def reading(reader: Reader) -> Answer:
        return answer_of(_document(await read_plan(reader, request.context, request.id)))

    return reading


def list_plans(request: RestRequest) -> Reading:
    asked, size, before = request.asked(PlanFilter), size_of(request), anchor_of(request)

    async def reading(reader: Reader) -> Answer:
        states = await find_payment_plans(
            reader,
            request.context,
            account_id=None if asked.account is None else id_of(asked.account),
            invoice_id=None if asked.invoice is None else id_of(asked.invoice),
            status=asked.status,
            before=before,
            count=size + 1,
        )
        page, following = page_of(request, states, [state.plan.id for state in states])
        return answer_of(PlanPage(items=[_document(state) for state in page], next=following))

    return reading


def _document(state: PlanState) -> PlanDocument:
    plan = state.plan

    def amount(minor_units: int) -> Amount:
        return Amount.of_minor(plan.currency, minor_units)

    def happening(event: PlanEvent) -> PlanHappening:
        return PlanHappening(
            kind=event.kind,
            on=event.on,
            at=event.at,
            by=event.by,
            reason=event.reason,
            overdue=None if event.overdue_minor is None else amount(event.overdue_minor),
            overdue_since=event.overdue_since,
        )

    return PlanDocument(
        id=plan.id,
        status=state.status,
        account=f"Account/{plan.account_id}",
        invoices=[f"Invoice/{invoice_id}" for invoice_id in plan.invoice_ids],
        amount=amount(state.scheduled_minor),
        paid=amount(state.paid_minor),
        open=amount(state.open_minor),
        overdue=None if state.overdue is None else amount(state.overdue.amount_minor),
        overdue_since=None if state.overdue is None else state.overdue.since,
        next_due=None if plan.is_cancelled or state.next_due is None else state.next_due.due,
        instalments=[
            PlanInstalment(
                number=number,
                due=each.due,
                agreed=amount(each.agreed_minor),
                amount=amount(each.scheduled_minor),
                paid=amount(each.paid_minor),
                open=amount(each.open_minor),
            )
            for number, each in enumerate(state.instalments, 1)
        ],
        note=plan.note,
        made_on=plan.made_on,
        made_by=plan.made_by,
        made_at=plan.made_at,
        events=[happening(event) for event in plan.events],
    )


ROUTES = (
    RestRoute(
        method="POST",
        path="/payment-plans",
        summary="Make a payment plan",
        description="Over issued invoices of one account; the instalments come to what the patient owes on them.",
        takes=PlanBody,
        gives=PlanDocument,
        needs=(("Invoice", "r"),),
        business_scope=SCOPE,
        needs_idempotency_key=True,
        status=201,
        writes=post_plan,
    ),
    RestRoute(
        method="GET",
        path="/payment-plans",
        summary="List payment plans",
        description="The latest made first.",
        filters=PlanFilter,
        gives=PlanPage,
        needs=(("Invoice", "s"),),
        reads=list_plans,
    ),
    RestRoute(
        method="GET",
        path="/payment-plans/{id}",
        summary="Read a payment plan",
        gives=PlanDocument,
        needs=(("Invoice", "r"),),
        reads=get_plan,
    ),
    RestRoute(
        method="POST",
        path="/payment-plans/{id}/cancel",
        summary="Cancel a payment plan",
        description="What is owed is due on the due dates of the invoices again.",
        takes=CancelBody,
        gives=PlanDocument,
        needs=(("Invoice", "r"),),
        business_scope=SCOPE,
        writes=cancel,
    ),
)

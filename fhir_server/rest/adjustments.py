"""`/adjustments`: requested, and applied at once or when somebody else has approved them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from billing.adjust_account import AdjustmentRequest, adjust_account
from billing.apply_adjustment import AppliedAdjustment
from billing.approve_adjustment import approve_adjustment
from billing.reject_adjustment import reject_adjustment
from fhir_server.responses import Answer
from fhir_server.rest.answers import answer_of
from fhir_server.rest.decisions import ApprovalsNeeded, DecisionDocument, ReasonRequest, decision_documents
from fhir_server.rest.documents import (
    AccountReference,
    Amount,
    Document,
    InvoiceReference,
    PageFilter,
    PaymentReference,
    PositiveAmount,
    Text,
    example_config,
    id_of,
)
from fhir_server.rest.pages import anchor_of, page_of, size_of
from fhir_server.rest.request import Reading, RestRequest, Writing
from fhir_server.rest.route import RestRoute
from ledger.errors import not_found
from storage import adjustments
from storage.adjustments import AdjustmentWithDecisions
from storage.transaction import Reader, Transaction

REQUEST, APPROVE = "billing:adjustment:request", "billing:adjustment:approve"

Status = Literal["pending-approval", "applied", "rejected"]
Type = Literal["write-off", "courtesy", "charity", "contractual", "correction"]


class AdjustmentRequestDocument(Document):
    """It goes to the invoice, or to the account's invoices, the oldest due first; at most what is due."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "account": "Account/1",
                    "type": "write-off",
                    "amount": {"currency": "AFN", "minor_units": 50000},
                    "reason": "uncollectible",
                }
            ]
        }
    )

    account: AccountReference
    type: Type
    amount: PositiveAmount
    reason: Text
    invoice: InvoiceReference | None = None


class AdjustedInvoice(Document):
    invoice: InvoiceReference
    amount: Amount
    credit_note: Annotated[InvoiceReference | None, Field(description="The credit note that lowered it.")] = None


class AdjustmentDocument(Document):
    """An adjustment, with all that was decided of it and what it went to."""

    model_config = example_config(
        {
            "id": "9",
            "status": "applied",
            "account": "Account/1",
            "type": "write-off",
            "amount": {"currency": "AFN", "minor_units": 20000},
            "reason": "bad debt",
            "requested_by": "cashier-7",
            "requested_at": "2026-03-01T05:30:00.104412Z",
            "approvals_needed": 1,
            "decisions": [{"decision": "approved", "by": "manager-2", "at": "2026-03-01T05:30:00.104412Z"}],
            "invoices": [{"invoice": "Invoice/7", "amount": {"currency": "AFN", "minor_units": 20000}}],
        }
    )

    id: str
    status: Status
    account: AccountReference
    invoice: Annotated[InvoiceReference | None, Field(description="The invoice that was asked for.")] = None
    payment: Annotated[PaymentReference | None, Field(description="Of a recovery: where the money is from.")] = None
    type: Annotated[Type | Literal["provision", "recovery"], Field()]
    amount: Amount
    reason: str
    requested_by: str
    requested_at: datetime
    approvals_needed: ApprovalsNeeded
    decisions: list[DecisionDocument]
    invoices: Annotated[list[AdjustedInvoice], Field(description="What it went to, once it is applied.")]


class AdjustmentFilter(PageFilter):
    account: AccountReference | None = None
    type: Type | Literal["provision", "recovery"] | None = None
    status: Status | None = None


class AdjustmentPage(Document):
    items: list[AdjustmentDocument]
    next: Annotated[str | None, Field(description="The cursor of the next page, where there is one.")] = None


def post_adjustment(request: RestRequest) -> Writing:
    sent = request.sent(AdjustmentRequestDocument)
    wanted = AdjustmentRequest(
        account_id=id_of(sent.account),
        type=sent.type,
        amount=sent.amount.money(),
        reason=sent.reason,
        invoice_id=None if sent.invoice is None else id_of(sent.invoice),
    )

    async def writing(tx: Transaction) -> Answer:
        return made_answer(await adjust_account(tx, request.context, wanted))

    return writing


def approve(request: RestRequest) -> Writing:
    return _deciding(lambda tx: approve_adjustment(tx, request.context, request.id))


def reject(request: RestRequest) -> Writing:
    reason = request.sent(ReasonRequest).reason
    return _deciding(lambda tx: reject_adjustment(tx, request.context, request.id, reason=reason))


def get_adjustment(request: RestRequest) -> Reading:
    async def reading(reader: Reader) -> Answer:
        found = await adjustments.read(reader, request.tenant.id, request.id)
        if found is None:
            raise not_found("not-found", f"There is no adjustment {request.id}.")
        return answer_of(_stored(found))

    return reading


def list_adjustments(request: RestRequest) -> Reading:
    asked, size, before = request.asked(AdjustmentFilter), size_of(request), anchor_of(request)

    async def reading(reader: Reader) -> Answer:
        found = await adjustments.page(
            reader,
            request.tenant.id,
            account_id=None if asked.account is None else id_of(asked.account),
            kind=asked.type,
            status=asked.status,
            before=before,
            count=size + 1,
        )
        page, following = page_of(request, found, [each.adjustment.id for each in found])
        return answer_of(AdjustmentPage(items=[_stored(each) for each in page], next=following))

    return reading


def made_answer(made: AppliedAdjustment) -> Answer:
    """201 and where it is."""
    return answer_of(document_of(made), status=201, location=f"adjustments/{made.adjustment.id}")


def _deciding(decide: Callable[[Transaction], Awaitable[AppliedAdjustment]]) -> Writing:
    async def writing(tx: Transaction) -> Answer:
        return answer_of(document_of(await decide(tx)))

    return writing


def _stored(found: AdjustmentWithDecisions) -> AdjustmentDocument:
    return document_of(AppliedAdjustment(*found, ()))


def document_of(made: AppliedAdjustment) -> AdjustmentDocument:
    adjustment = made.adjustment
    return AdjustmentDocument.model_construct(
        id=adjustment.id,
        status=made.status,  # type: ignore[arg-type]  # there is no other
        account=f"Account/{adjustment.account_id}",
        invoice=None if adjustment.invoice_id is None else f"Invoice/{adjustment.invoice_id}",
        payment=None if adjustment.payment_id is None else f"PaymentReconciliation/{adjustment.payment_id}",
        type=adjustment.type,  # type: ignore[arg-type]  # nor here
        amount=Amount.of_minor(adjustment.currency, adjustment.amount_minor),
        reason=adjustment.reason,
        requested_by=adjustment.requested_by,
        requested_at=adjustment.requested_at,
        approvals_needed=adjustment.approvals_needed,
        decisions=decision_documents(made.decisions),
        invoices=[
            AdjustedInvoice.model_construct(
                invoice=f"Invoice/{part.invoice_id}",
                amount=Amount.of_minor(adjustment.currency, part.amount_minor),
                credit_note=None if part.credit_note_id is None else f"Invoice/{part.credit_note_id}",
            )
            for part in made.parts
        ],
    )


ROUTES = (
    RestRoute(
        method="POST",
        path="/adjustments",
        summary="Request an adjustment",
        description="As the FHIR operation Account/[id]/$adjust. Applied at once at or below the limit.",
        takes=AdjustmentRequestDocument,
        gives=AdjustmentDocument,
        status=201,
        business_scope=REQUEST,
        needs_idempotency_key=True,
        writes=post_adjustment,
    ),
    RestRoute(
        method="GET",
        path="/adjustments",
        summary="List adjustments",
        description="The latest requested first; provisions and recoveries are among them.",
        filters=AdjustmentFilter,
        gives=AdjustmentPage,
        any_scope=(REQUEST, APPROVE),
        reads=list_adjustments,
    ),
    RestRoute(
        method="GET",
        path="/adjustments/{id}",
        summary="Read an adjustment",
        gives=AdjustmentDocument,
        any_scope=(REQUEST, APPROVE),
        reads=get_adjustment,
    ),
    RestRoute(
        method="POST",
        path="/adjustments/{id}/approve",
        summary="Approve an adjustment",
        description="Not by who requested it, and by nobody twice (403 separation-of-duties). Refused where less is due"
        " by now.",
        gives=AdjustmentDocument,
        business_scope=APPROVE,
        writes=approve,
    ),
    RestRoute(
        method="POST",
        path="/adjustments/{id}/reject",
        summary="Reject an adjustment",
        takes=ReasonRequest,
        gives=AdjustmentDocument,
        business_scope=APPROVE,
        writes=reject,
    ),
)

"""`/refunds`: requested, approved or rejected by somebody else, then paid."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from billing.approve_refund import approve_refund
from billing.fail_refund import fail_refund
from billing.locked_refund import LockedRefund
from billing.pay_refund import pay_refund
from billing.reject_refund import reject_refund
from billing.request_refund import RefundRequest, request_refund
from fhir_server.responses import Answer
from fhir_server.rest.answers import answer_of
from fhir_server.rest.decisions import ApprovalsNeeded, DecisionDocument, ReasonRequest, decision_documents
from fhir_server.rest.documents import (
    AccountReference,
    Amount,
    Document,
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
from ledger.approval import Decision, status_of
from ledger.errors import not_found
from ledger.refund import WHEN_APPROVED, Refund
from storage import refunds
from storage.transaction import Reader, Transaction

REQUEST, APPROVE, PAY = "billing:refund:request", "billing:refund:approve", "billing:refund:pay"

Status = Literal["pending-approval", "approved", "paid", "rejected", "failed"]
Method = Literal["cash", "card", "bank-transfer", "mobile-money", "cheque", "other"]


class RefundRequestDocument(Document):
    """The payment's unapplied money is held for it, or owed back at once where no approval is needed."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "payment": "PaymentReconciliation/5",
                    "amount": {"currency": "AFN", "minor_units": 150000},
                    "reason": "The operation did not take place.",
                    "method": "cash",
                }
            ]
        }
    )

    payment: PaymentReference
    amount: PositiveAmount
    reason: Text
    method: Annotated[Method | None, Field(description="How it is to be paid; else from where the money lies.")] = None
    deallocate: Annotated[
        bool, Field(description="Take allocated money off its invoices where it is needed, the latest first.")
    ] = False


class PayRequest(Document):
    model_config = ConfigDict(json_schema_extra={"examples": [{"method": "cash"}]})

    method: Annotated[Method | None, Field(description="How it is paid, where it is not as it was requested.")] = None
    drawer: Annotated[
        str | None,
        Field(
            description="Where cash comes out; without it of the cashier's open session, else main.",
            pattern=r"^[A-Za-z0-9][A-Za-z0-9\-.]{0,63}$",
        ),
    ] = None


class RefundDocument(Document):
    """A refund, with all that was decided of it."""

    model_config = example_config(
        {
            "id": "8",
            "status": "pending-approval",
            "payment": "PaymentReconciliation/5",
            "account": "Account/1",
            "amount": {"currency": "AFN", "minor_units": 150000},
            "reason": "The operation did not take place.",
            "deallocated": False,
            "requested_by": "cashier-7",
            "requested_at": "2026-03-01T05:30:00.104412Z",
            "approvals_needed": 1,
            "decisions": [],
        }
    )

    id: str
    status: Status
    payment: PaymentReference
    account: Annotated[AccountReference | None, Field(description="Whose money it is, where an account owns it.")] = (
        None
    )
    payer: Annotated[str | None, Field(description="Whose money it is, where a payer owns it.")] = None
    amount: Amount
    reason: str
    method: str | None = None
    deallocated: Annotated[bool, Field(description="Money was taken off invoices for it.")]
    requested_by: str
    requested_at: datetime
    approvals_needed: ApprovalsNeeded
    decisions: list[DecisionDocument]


class RefundFilter(PageFilter):
    payment: PaymentReference | None = None
    account: AccountReference | None = None
    status: Status | None = None


class RefundPage(Document):
    items: list[RefundDocument]
    next: Annotated[str | None, Field(description="The cursor of the next page, where there is one.")] = None


def post_refund(request: RestRequest) -> Writing:
    sent = request.sent(RefundRequestDocument)
    wanted = RefundRequest(
        payment_id=id_of(sent.payment),
        amount=sent.amount.money(),
        reason=sent.reason,
        method=sent.method,
        deallocate=sent.deallocate,
    )

    async def writing(tx: Transaction) -> Answer:
        made = await request_refund(tx, request.context, wanted)
        document = _document(made.refund, made.decisions)
        return answer_of(document, status=201, location=f"refunds/{made.refund.id}")

    return writing


def approve(request: RestRequest) -> Writing:
    return _deciding(lambda tx: approve_refund(tx, request.context, request.id))


def reject(request: RestRequest) -> Writing:
    reason = request.sent(ReasonRequest).reason
    return _deciding(lambda tx: reject_refund(tx, request.context, request.id, reason=reason))


def pay(request: RestRequest) -> Writing:
    sent = request.sent(PayRequest)
    return _deciding(lambda tx: pay_refund(tx, request.context, request.id, method=sent.method, drawer=sent.drawer))


def fail(request: RestRequest) -> Writing:
    reason = request.sent(ReasonRequest).reason
    return _deciding(lambda tx: fail_refund(tx, request.context, request.id, reason=reason))


def get_refund(request: RestRequest) -> Reading:
    async def reading(reader: Reader) -> Answer:
        found = await refunds.read(reader, request.tenant.id, request.id)
        if found is None:
            raise not_found("not-found", f"There is no refund {request.id}.")
        return answer_of(_document(*found))

    return reading


def list_refunds(request: RestRequest) -> Reading:
    asked, size, before = request.asked(RefundFilter), size_of(request), anchor_of(request)

    async def reading(reader: Reader) -> Answer:
        found = await refunds.page(
            reader,
            request.tenant.id,
            payment_id=None if asked.payment is None else id_of(asked.payment),
            account_id=None if asked.account is None else id_of(asked.account),
            status=asked.status,
            before=before,
            count=size + 1,
        )
        page, following = page_of(request, found, [each.refund.id for each in found])
        return answer_of(RefundPage(items=[_document(*each) for each in page], next=following))

    return reading


def _deciding(decide: Callable[[Transaction], Awaitable[LockedRefund]]) -> Writing:
    async def writing(tx: Transaction) -> Answer:
        locked = await decide(tx)
        return answer_of(_document(locked.refund, locked.decisions))

    return writing


def _document(refund: Refund, decisions: Sequence[Decision]) -> RefundDocument:
    owner = refund.owner
    return RefundDocument.model_construct(
        id=refund.id,
        status=status_of(refund, decisions, WHEN_APPROVED),  # type: ignore[arg-type]  # there is no other
        payment=f"PaymentReconciliation/{refund.payment_id}",
        account=None if owner.account_id is None else f"Account/{owner.account_id}",
        payer=owner.payer,
        amount=Amount.of_minor(refund.currency, refund.amount_minor),
        reason=refund.reason,
        method=refund.method,
        deallocated=refund.deallocates,
        requested_by=refund.requested_by,
        requested_at=refund.requested_at,
        approvals_needed=refund.approvals_needed,
        decisions=decision_documents(decisions),
    )


ROUTES = (
    RestRoute(
        method="POST",
        path="/refunds",
        summary="Request a refund",
        description="As the FHIR operation PaymentReconciliation/[id]/$refund. Approved at once at or below the limit.",
        takes=RefundRequestDocument,
        gives=RefundDocument,
        status=201,
        business_scope=REQUEST,
        needs_idempotency_key=True,
        writes=post_refund,
    ),
    RestRoute(
        method="GET",
        path="/refunds",
        summary="List refunds",
        description="The latest requested first.",
        filters=RefundFilter,
        gives=RefundPage,
        any_scope=(REQUEST, APPROVE, PAY),
        reads=list_refunds,
    ),
    RestRoute(
        method="GET",
        path="/refunds/{id}",
        summary="Read a refund",
        gives=RefundDocument,
        any_scope=(REQUEST, APPROVE, PAY),
        reads=get_refund,
    ),
    RestRoute(
        method="POST",
        path="/refunds/{id}/approve",
        summary="Approve a refund",
        description="Not by who requested it, and by nobody twice (403 separation-of-duties).",
        gives=RefundDocument,
        business_scope=APPROVE,
        writes=approve,
    ),
    RestRoute(
        method="POST",
        path="/refunds/{id}/reject",
        summary="Reject a refund",
        description="What it held is free again.",
        takes=ReasonRequest,
        gives=RefundDocument,
        business_scope=APPROVE,
        writes=reject,
    ),
    RestRoute(
        method="POST",
        path="/refunds/{id}/pay",
        summary="Say that a refund is paid",
        description="The body may be left out.",
        takes=PayRequest,
        gives=RefundDocument,
        business_scope=PAY,
        writes=pay,
    ),
    RestRoute(
        method="POST",
        path="/refunds/{id}/fail",
        summary="Say that an approved refund could not be paid",
        description="The money is unapplied again.",
        takes=ReasonRequest,
        gives=RefundDocument,
        business_scope=PAY,
        writes=fail,
    ),
)

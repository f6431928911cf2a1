"""`/payments`: money received, with what it was put to."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from billing.post_payment import PaymentRequest, PostedPayment, post_payment
from fhir_server.responses import Answer
from fhir_server.rest.answers import answer_of
from fhir_server.rest.documents import (
    AccountReference,
    Amount,
    Day,
    Document,
    InvoiceReference,
    PageFilter,
    PaymentReference,
    PositiveAmount,
    Text,
    id_of,
)
from fhir_server.rest.pages import anchor_of, page_of, size_of
from fhir_server.rest.request import Reading, RestRequest, Writing
from fhir_server.rest.route import RestRoute
from ledger.errors import not_found
from storage import payment_register
from storage.payment_register import PaymentRow
from storage.transaction import Reader, Transaction

Status = Literal["posted", "reversed", "kept"]
Method = Literal["cash", "card", "bank-transfer", "mobile-money", "cheque", "other"]


class PaymentRequestDocument(Document):
    """Pays the named invoices of the account in their order, else its open ones, the oldest due first; what exceeds
    the amounts due stays unapplied."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "account": "Account/1",
                    "amount": {"currency": "AFN", "minor_units": 45000},
                    "method": "cash",
                    "tendered": {"currency": "AFN", "minor_units": 50000},
                    "invoices": ["Invoice/7"],
                }
            ]
        }
    )

    account: AccountReference
    amount: PositiveAmount
    method: Method
    date: Annotated[Day | None, Field(description="When it was paid; today at the tenant's place without it.")] = None
    reference: Annotated[Text | None, Field(description="The payer's or the provider's reference of it.")] = None
    payer: Annotated[
        str | None,
        Field(
            description="Who pays, where it is not the patient: Organization/1 is a payer.",
            pattern=r"^(Patient|RelatedPerson|Organization)/[A-Za-z0-9\-.]{1,64}$",
        ),
    ] = None
    tendered: Annotated[PositiveAmount | None, Field(description="What was handed over in cash.")] = None
    drawer: Annotated[
        str | None,
        Field(
            description="Where cash is put; without it where the cashier's open session is, else main.",
            pattern=r"^[A-Za-z0-9][A-Za-z0-9\-.]{0,63}$",
        ),
    ] = None
    invoices: Annotated[list[InvoiceReference], Field(default_factory=list, max_length=100)]


class AllocationDocument(Document):
    invoice: InvoiceReference
    amount: Amount


class PaymentDocument(Document):
    """A payment. All of it is the FHIR resource that `reference` names."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "5",
                    "reference": "PaymentReconciliation/5",
                    "status": "posted",
                    "account": "Account/1",
                    "method": "cash",
                    "date": "2026-03-01",
                    "amount": {"currency": "AFN", "minor_units": 45000},
                    "unapplied": {"currency": "AFN", "minor_units": 0},
                    "allocations": [{"invoice": "Invoice/7", "amount": {"currency": "AFN", "minor_units": 45000}}],
                    "notice": "PaymentNotice/6",
                    "change": {"currency": "AFN", "minor_units": 5000},
                    "received_by": "cashier-7",
                    "received_at": "2026-03-01T05:30:00.104412Z",
                }
            ]
        }
    )

    id: str
    reference: PaymentReference
    status: Annotated[Status, Field(description="Kept: it posted nothing, as a draft does.")]
    account: AccountReference | None = None
    payer: str | None = None
    method: str | None = None
    date: str | None = None
    payment_reference: Annotated[str | None, Field(description="The payer's or the provider's reference.")] = None
    amount: Amount | None = None
    unapplied: Amount | None = None
    refunded: Amount | None = None
    allocations: list[AllocationDocument]
    notice: Annotated[str | None, Field(description="The PaymentNotice that was made with it.")] = None
    change: Annotated[Amount | None, Field(description="What is to be given back of what was tendered.")] = None
    received_by: str
    received_at: datetime


class PaymentFilter(PageFilter):
    account: Annotated[AccountReference | None, Field(description="Which owns what is left of it.")] = None
    payer: Annotated[str | None, Field(description="Who issued it, such as Organization/1.")] = None
    method: Method | None = None
    status: Status | None = None
    date_from: Annotated[Day | None, Field(description="Paid on this day or later.")] = None
    date_to: Annotated[Day | None, Field(description="Paid on this day or earlier.")] = None


class PaymentPage(Document):
    items: list[PaymentDocument]
    next: Annotated[str | None, Field(description="The cursor of the next page, where there is one.")] = None


def post(request: RestRequest) -> Writing:
    sent = request.sent(PaymentRequestDocument)
    wanted = PaymentRequest(
        account_id=id_of(sent.account),
        amount=sent.amount.money(),
        method=sent.method,
        on=sent.date,
        reference=sent.reference,
        payer=None if sent.payer is None else {"reference": sent.payer},
        tendered=None if sent.tendered is None else sent.tendered.money(),
        drawer=sent.drawer,
        invoice_ids=tuple(id_of(invoice) for invoice in sent.invoices),
    )

    async def writing(tx: Transaction) -> Answer:
        posted = await post_payment(tx, request.context, wanted)
        row = await payment_register.read(tx, request.tenant.id, posted.payment.id)
        assert row is not None
        return answer_of(_document(row, **_at_the_counter(posted)), status=201, location=f"payments/{row.id}")

    return writing


def _at_the_counter(posted: PostedPayment) -> dict[str, Any]:
    change = None if posted.change is None else Amount.of(posted.change)
    return {"notice": f"PaymentNotice/{posted.notice.id}", "change": change}


def get_payment(request: RestRequest) -> Reading:
    async def reading(reader: Reader) -> Answer:
        row = await payment_register.read(reader, request.tenant.id, request.id)
        if row is None:
            raise not_found("not-found", f"There is no payment {request.id}.")
        return answer_of(_document(row), version=row.version)

    return reading


def list_payments(request: RestRequest) -> Reading:
    asked, size, before = request.asked(PaymentFilter), size_of(request), anchor_of(request)
    account_id = None if asked.account is None else id_of(asked.account)

    async def reading(reader: Reader) -> Answer:
        rows = await payment_register.page(
            reader,
            request.tenant.id,
            account_id=account_id,
            payer=asked.payer,
            method=asked.method,
            status=asked.status,
            date_from=None if asked.date_from is None else asked.date_from.isoformat(),
            date_to=None if asked.date_to is None else asked.date_to.isoformat(),
            before=before,
            count=size + 1,
        )
        page, following = page_of(request, rows, [row.id for row in rows])
        return answer_of(PaymentPage(items=[_document(row) for row in page], next=following))

    return reading


def _document(row: PaymentRow, **more: Any) -> PaymentDocument:
    currency = row.currency or ""
    has_money = row.currency is not None and row.amount_minor is not None
    return PaymentDocument.model_construct(
        id=row.id,
        reference=f"PaymentReconciliation/{row.id}",
        status=_status(row),
        account=None if row.account_id is None else f"Account/{row.account_id}",
        payer=row.issuer,
        method=row.method,
        date=row.date,
        payment_reference=row.reference,
        amount=Amount.of_minor(currency, row.amount_minor or 0) if has_money else None,
        unapplied=Amount.of_minor(currency, row.unapplied_minor) if has_money else None,
        refunded=None if row.refunded_minor is None else Amount.of_minor(currency, row.refunded_minor),
        allocations=[_allocation(each, currency) for each in sorted(row.allocated)],
        received_by=row.created_by,
        received_at=row.created_at,
        **more,
    )


def _status(row: PaymentRow) -> Status:
    if row.status == "active" and row.outcome in (None, "complete", "partial"):
        return "posted"
    return "reversed" if row.is_posted else "kept"


def _allocation(written: str, currency: str) -> AllocationDocument:
    invoice_id, _, amount = written.rpartition("=")
    return AllocationDocument(invoice=f"Invoice/{invoice_id}", amount=Amount.of_minor(currency, int(amount)))


ROUTES = (
    RestRoute(
        method="POST",
        path="/payments",
        summary="Receive a payment",
        takes=PaymentRequestDocument,
        gives=PaymentDocument,
        needs=(("Account", "u"), ("PaymentReconciliation", "c"), ("PaymentNotice", "c")),
        business_scope="billing:payment:post",
        needs_idempotency_key=True,
        status=201,
        writes=post,
    ),
    RestRoute(
        method="GET",
        path="/payments",
        summary="List payments",
        description="The latest made first.",
        filters=PaymentFilter,
        gives=PaymentPage,
        needs=(("PaymentReconciliation", "s"),),
        reads=list_payments,
    ),
    RestRoute(
        method="GET",
        path="/payments/{id}",
        summary="Read a payment",
        gives=PaymentDocument,
        needs=(("PaymentReconciliation", "r"),),
        reads=get_payment,
    ),
)

"""`/gateway-payments`: cards and mobile money through a payment gateway, by a token of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Annotated

from pydantic import ConfigDict, Field

from billing.payment_gateway import PaymentGateway
from billing.request_gateway_payment import request_gateway_payment
from fhir_server.access_log import log_write
from fhir_server.gateway_resolution import charge, resolve
from fhir_server.idempotency import hash_of, once
from fhir_server.responses import Answer
from fhir_server.rest.answers import answer_of
from fhir_server.rest.documents import (
    AccountReference,
    Amount,
    Document,
    InvoiceReference,
    PageFilter,
    PaymentReference,
    PositiveAmount,
    example_config,
    id_of,
)
from fhir_server.rest.pages import anchor_of, page_of, size_of
from fhir_server.rest.request import Reading, RestRequest
from fhir_server.rest.route import RestRoute
from fhir_server.service import Service
from ledger.errors import conflict, not_found, rule_broken
from ledger.gateway_payment import GatewayMethod, GatewayPayment, GatewayStatus
from storage import gateway_payments
from storage.transaction import Reader, Transaction

SCOPE = "billing:payment:post"


class GatewayPaymentRequest(Document):
    """What to charge. It pays as a payment does: the named invoices in their order, else the open ones."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "account": "Account/1",
                    "amount": {"currency": "AFN", "minor_units": 45000},
                    "method": "card",
                    "token": "tok_9f86d081884c7d65",
                    "invoices": ["Invoice/7"],
                }
            ]
        }
    )

    account: AccountReference
    amount: PositiveAmount
    method: GatewayMethod
    token: Annotated[
        str,
        Field(
            description="The gateway's token of the card or wallet. It is passed on and not kept.",
            pattern=r"^[A-Za-z0-9_\-.:]{8,255}$",
        ),
    ]
    payer: Annotated[
        str | None,
        Field(
            description="Who pays, where it is not the patient: Organization/1 is a payer.",
            pattern=r"^(Patient|RelatedPerson|Organization)/[A-Za-z0-9\-.]{1,64}$",
        ),
    ] = None
    invoices: Annotated[list[InvoiceReference], Field(default_factory=list, max_length=100)]


class GatewayPaymentDocument(Document):
    """What a gateway was asked for. Unknown: it has not said the end of it, and it is asked again."""

    model_config = example_config(
        {
            "id": "11",
            "status": "captured",
            "account": "Account/1",
            "method": "card",
            "amount": {"currency": "AFN", "minor_units": 45000},
            "invoices": ["Invoice/7"],
            "payment": "PaymentReconciliation/5",
            "gateway_reference": "ch_71",
            "requested_by": "cashier-7",
            "requested_at": "2026-03-01T05:30:00.104412Z",
            "resolved_by": "cashier-7",
            "resolved_at": "2026-03-01T05:30:00.104412Z",
        }
    )

    id: str
    status: GatewayStatus
    account: AccountReference
    method: GatewayMethod
    amount: Amount
    invoices: list[InvoiceReference]
    payer: str | None = None
    payment: Annotated[PaymentReference | None, Field(description="What was posted, once it is captured.")] = None
    gateway_reference: str | None = None
    reason: Annotated[str | None, Field(description="The gateway's code, where it captured nothing.")] = None
    requested_by: str
    requested_at: datetime
    resolved_by: str | None = None
    resolved_at: datetime | None = None


class GatewayPaymentFilter(PageFilter):
    account: AccountReference | None = None
    status: GatewayStatus | None = None


class GatewayPaymentPage(Document):
    items: list[GatewayPaymentDocument]
    next: Annotated[str | None, Field(description="The cursor of the next page, where there is one.")] = None


async def post(request: RestRequest, service: Service) -> Answer:
    gateway, sent = _gateway(service), request.sent(GatewayPaymentRequest)

    async def writing(tx: Transaction) -> Answer:
        payment = await request_gateway_payment(
            tx,
            request.context,
            account_id=id_of(sent.account),
            amount=sent.amount.money(),
            method=sent.method,
            invoice_ids=tuple(dict.fromkeys(id_of(invoice) for invoice in sent.invoices)),
            payer=sent.payer,
        )
        return answer_of(_document(payment), status=202, location=f"gateway-payments/{payment.id}")

    request_hash = hash_of(request)

    async def attempt(tx: Transaction) -> Answer:
        answer = await once(tx, request, request_hash, writing)
        log_write(tx, request.visit, answer)
        return answer

    begun = await service.database.run(request.tenant.id, request.token.subject, attempt)
    payment = await _read(service.database, request.tenant.id, begun.location.rpartition("/")[2])
    if payment.status == "unknown":
        # The first time, or again after whoever asked before did not hear the end of it: for the gateway it is one.
        payment = await charge(service.database, gateway, request.context, payment, sent.token)
    return replace(_ended(payment), replayed=begun.replayed)


def _ended(payment: GatewayPayment) -> Answer:
    if payment.status == "declined":
        reason = f" ({payment.reason})" if payment.reason else ""
        text = f"The gateway declined the payment{reason}; nothing was charged. Another try takes another key."
        raise rule_broken("payment-declined", text)
    if payment.status == "cancelled":
        text = "The gateway never charged it, and it is cancelled. Another try takes another key."
        raise conflict("payment-cancelled", text)
    status = 201 if payment.status == "captured" else 202
    return answer_of(_document(payment), status=status, location=f"gateway-payments/{payment.id}")


async def post_resolve(request: RestRequest, service: Service) -> Answer:
    gateway = _gateway(service)

    async def attempt(tx: Transaction) -> GatewayPayment:
        payment = await _read(tx, request.tenant.id, request.id)
        log_write(tx, request.visit, answer_of(_document(payment)))
        return payment

    payment = await service.database.run(request.tenant.id, request.token.subject, attempt)
    settled_after = service.settings.gateway_settled
    return answer_of(_document(await resolve(service.database, gateway, request.context, payment, settled_after)))


def get_gateway_payment(request: RestRequest) -> Reading:
    async def reading(reader: Reader) -> Answer:
        return answer_of(_document(await _read(reader, request.tenant.id, request.id)))

    return reading


def list_gateway_payments(request: RestRequest) -> Reading:
    asked, size, before = request.asked(GatewayPaymentFilter), size_of(request), anchor_of(request)
    account_id = None if asked.account is None else id_of(asked.account)

    async def reading(reader: Reader) -> Answer:
        rows = await gateway_payments.page(
            reader, request.tenant.id, account_id=account_id, status=asked.status, before=before, count=size + 1
        )
        page, following = page_of(request, rows, [row.id for row in rows])
        return answer_of(GatewayPaymentPage(items=[_document(row) for row in page], next=following))

    return reading


def _gateway(service: Service) -> PaymentGateway:
    if service.gateway is None:
        text = "This server has no payment gateway; receive the payment as /payments, with the provider's reference."
        raise rule_broken("gateway-not-configured", text)
    return service.gateway


async def _read(reader: Reader, tenant_id: str, payment_id: str) -> GatewayPayment:
    payment = await gateway_payments.read(reader, tenant_id, payment_id)
    if payment is None:
        raise not_found("not-found", f"There is no gateway payment {payment_id}.")
    return payment


def _document(payment: GatewayPayment) -> GatewayPaymentDocument:
    return GatewayPaymentDocument(
        id=payment.id,
        status=payment.status,
        account=f"Account/{payment.account_id}",
        method=payment.method,
        amount=Amount.of(payment.amount),
        invoices=[f"Invoice/{invoice_id}" for invoice_id in payment.invoice_ids],
        payer=payment.payer,
        payment=f"PaymentReconciliation/{payment.id}" if payment.status == "captured" else None,
        gateway_reference=payment.gateway_reference,
        reason=payment.reason,
        requested_by=payment.requested_by,
        requested_at=payment.requested_at,
        resolved_by=payment.resolved_by,
        resolved_at=payment.resolved_at,
    )


ROUTES = (
    RestRoute(
        method="POST",
        path="/gateway-payments",
        summary="Charge a card or a wallet through the payment gateway",
        description="201: captured and posted. 202: the gateway has not said the end of it; it is resolved later.",
        takes=GatewayPaymentRequest,
        gives=GatewayPaymentDocument,
        business_scope=SCOPE,
        needs_idempotency_key=True,
        status=201,
        other_status=202,
        serves=post,
    ),
    RestRoute(
        method="GET",
        path="/gateway-payments",
        summary="List what the gateway was asked for",
        description="The latest asked for first.",
        filters=GatewayPaymentFilter,
        gives=GatewayPaymentPage,
        business_scope=SCOPE,
        reads=list_gateway_payments,
    ),
    RestRoute(
        method="GET",
        path="/gateway-payments/{id}",
        summary="Read what the gateway was asked for",
        gives=GatewayPaymentDocument,
        business_scope=SCOPE,
        reads=get_gateway_payment,
    ),
    RestRoute(
        method="POST",
        path="/gateway-payments/{id}/resolve",
        summary="Ask the gateway what became of it",
        description="What it captured is posted, once, whoever asks.",
        gives=GatewayPaymentDocument,
        business_scope=SCOPE,
        serves=post_resolve,
    ),
)

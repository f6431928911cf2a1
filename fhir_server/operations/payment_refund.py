"""`POST PaymentReconciliation/[id]/$refund`: requests that unapplied money of a payment goes back to its owner."""

from __future__ import annotations

from http import HTTPStatus

from billing.request_refund import RefundRequest, request_refund
from fhir_server.fhir_request import FhirRequest, Writing
from fhir_server.operation_declaration import Operation, Parameter
from fhir_server.operations.parameters import Id, parameters, parts_parameter, read_parameters
from fhir_server.operations.post_payment import METHODS
from fhir_server.responses import Answer
from storage.transaction import Transaction

STATUSES = ("pending-approval", "approved", "paid", "rejected")

OPERATION = Operation(
    code="refund",
    resource_type="PaymentReconciliation",
    title="Request a refund",
    description=(
        "Requests that unapplied money of a payment goes back to whose it is. Above the tenant's limits other people"
        " approve it first, and the money is held meanwhile. It is approved, rejected and paid through the internal"
        " REST API. The header Idempotency-Key is required."
    ),
    affects_state=True,
    permission="u",
    business_scope="billing:refund:request",
    needs_idempotency_key=True,
    parameters=(
        Parameter("amount", "in", 1, "1", "Money", "What is refunded, in the payment's currency."),
        Parameter("reason", "in", 1, "1", "string", "Why."),
        Parameter("method", "in", 0, "1", "code", "How it is to be paid; else from where it lies.", codes=METHODS),
        Parameter(
            "deallocate",
            "in",
            0,
            "1",
            "boolean",
            "Take allocated money off its invoices where it is needed, the latest allocation first.",
        ),
        Parameter(
            "refund",
            "out",
            1,
            "1",
            "",
            "The refund.",
            parts=(
                Parameter("id", "out", 1, "1", "id", "Its id in the REST API."),
                Parameter("status", "out", 1, "1", "code", "What it is now.", codes=STATUSES),
            ),
        ),
    ),
)


def payment_refund(request: FhirRequest) -> Writing:
    values = read_parameters(request, OPERATION)

    async def writing(tx: Transaction) -> Answer:
        wanted = RefundRequest(
            payment_id=request.id,
            amount=values["amount"],
            reason=values["reason"],
            method=values["method"],
            deallocate=bool(values["deallocate"]),
        )
        made = await request_refund(tx, request.context, wanted)
        parts = (("id", Id(made.refund.id)), ("status", made.status))
        return Answer(HTTPStatus.OK, parameters([parts_parameter("refund", parts)]))

    return writing

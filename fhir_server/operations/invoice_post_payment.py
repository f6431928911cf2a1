"""`POST Invoice/[id]/$post-payment`: money received for one invoice."""

from __future__ import annotations

from billing.post_payment import PaymentRequest
from fhir_server.fhir_request import FhirRequest, Writing
from fhir_server.operation_declaration import Operation
from fhir_server.operations.parameters import read_parameters
from fhir_server.operations.post_payment import BUSINESS_SCOPE, CREATES, INPUTS, OUTPUTS, payment_request, posting

OPERATION = Operation(
    code="post-payment",
    resource_type="Invoice",
    title="Post a payment on an invoice",
    description=(
        "Records money received and allocates it to the invoice. What exceeds the amount due stays unapplied on the"
        " invoice's account. The header Idempotency-Key is required."
    ),
    affects_state=True,
    permission="u",
    creates=CREATES,
    business_scope=BUSINESS_SCOPE,
    needs_idempotency_key=True,
    parameters=(*INPUTS, *OUTPUTS),
)


def invoice_post_payment(request: FhirRequest) -> Writing:
    return posting(request, _payment)


def _payment(request: FhirRequest) -> PaymentRequest:
    return payment_request(read_parameters(request, OPERATION), invoice_id=request.id)

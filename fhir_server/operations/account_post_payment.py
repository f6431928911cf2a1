"""`POST Account/[id]/$post-payment`: money received for the invoices of an account."""

from __future__ import annotations

from typing import Any

from billing.own_references import own_reference
from billing.post_payment import PaymentRequest
from fhir_server.fhir_request import FhirRequest, Writing
from fhir_server.operation_declaration import Operation, Parameter
from fhir_server.operations.parameters import read_parameters
from fhir_server.operations.post_payment import BUSINESS_SCOPE, CREATES, INPUTS, OUTPUTS, payment_request, posting
from ledger.errors import invalid

OPERATION = Operation(
    code="post-payment",
    resource_type="Account",
    title="Post a payment on an account",
    description=(
        "Records money received and allocates it to the named invoices of the account in their order, or to its open"
        " invoices, oldest due first. What exceeds the amounts due stays unapplied on the account. The header"
        " Idempotency-Key is required."
    ),
    affects_state=True,
    permission="u",
    creates=CREATES,
    business_scope=BUSINESS_SCOPE,
    needs_idempotency_key=True,
    parameters=(
        *INPUTS,
        Parameter("invoice", "in", 0, "*", "Reference", "An invoice that it is for.", targets=("Invoice",)),
        *OUTPUTS,
    ),
)


def account_post_payment(request: FhirRequest) -> Writing:
    return posting(request, _payment)


def _payment(request: FhirRequest) -> PaymentRequest:
    values = read_parameters(request, OPERATION)
    references: list[dict[str, Any]] = values["invoice"]
    invoice_ids = tuple(_invoice_id(request, reference) for reference in references)
    return payment_request(values, account_id=request.id, invoice_ids=invoice_ids)


def _invoice_id(request: FhirRequest, reference: dict[str, Any]) -> str:
    own = own_reference(reference.get("reference", ""), request.base_url)
    if own is None or own[0] != "Invoice":
        raise invalid("parameter-reference", "invoice is a reference to an Invoice here: Invoice/1.", "", "value")
    return own[1]

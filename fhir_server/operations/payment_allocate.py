"""`POST PaymentReconciliation/[id]/$allocate`: puts unapplied money of a payment to invoices."""

from __future__ import annotations

from billing.allocate_payment import allocate_payment
from fhir_server.fhir_request import FhirRequest, Writing
from fhir_server.operation_declaration import Operation, Parameter
from fhir_server.operations.answers import answer_of_operation
from fhir_server.operations.named_allocations import allocation_parameter, named_allocations
from fhir_server.operations.parameters import read_parameters
from fhir_server.responses import Answer
from storage.transaction import Transaction

OPERATION = Operation(
    code="allocate",
    resource_type="PaymentReconciliation",
    title="Allocate a payment",
    description=(
        "Puts unapplied money of a payment to invoices. A payer's money pays the payer's share first, then the"
        " patient's; money of an account pays the patient's share of that account's invoices only. An invoice never"
        " takes more than is due on it."
    ),
    affects_state=True,
    permission="u",
    business_scope="billing:payment:post",
    parameters=(
        allocation_parameter(1, 1, "What goes to an invoice."),
        Parameter("return", "out", 1, "1", "PaymentReconciliation", "The payment as it is now."),
    ),
)


def payment_allocate(request: FhirRequest) -> Writing:
    read_parameters(request, OPERATION)

    async def writing(tx: Transaction) -> Answer:
        # In a Bundle, what it refers to may have turned out to be there already under another id.
        named = named_allocations(request, read_parameters(request, OPERATION)["allocation"])
        return answer_of_operation(await allocate_payment(tx, request.context, request.id, named))

    return writing

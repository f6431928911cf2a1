"""`POST PaymentReconciliation/[id]/$deallocate`: takes money of a payment off invoices again."""

from __future__ import annotations

from billing.deallocate_payment import deallocate_payment
from fhir_server.fhir_request import FhirRequest, Writing
from fhir_server.operation_declaration import Operation, Parameter
from fhir_server.operations.answers import answer_of_operation
from fhir_server.operations.named_allocations import allocation_parameter, named_allocations
from fhir_server.operations.parameters import read_parameters
from fhir_server.responses import Answer
from storage.transaction import Transaction

OPERATION = Operation(
    code="deallocate",
    resource_type="PaymentReconciliation",
    title="Deallocate a payment",
    description=(
        "Takes money of a payment off invoices, the latest allocation first: it is unapplied again, and the invoices"
        " are due. Without a parameter all that is allocated is taken off."
    ),
    affects_state=True,
    permission="u",
    business_scope="billing:payment:post",
    parameters=(
        allocation_parameter(0, 0, "What is taken off an invoice; without an amount, all of the payment on it."),
        Parameter("return", "out", 1, "1", "PaymentReconciliation", "The payment as it is now."),
    ),
)


def payment_deallocate(request: FhirRequest) -> Writing:
    read_parameters(request, OPERATION)

    async def writing(tx: Transaction) -> Answer:
        # In a Bundle, what it refers to may have turned out to be there already under another id.
        named = named_allocations(request, read_parameters(request, OPERATION)["allocation"])
        return answer_of_operation(await deallocate_payment(tx, request.context, request.id, named))

    return writing

"""`POST PaymentReconciliation/[id]/$reverse`: the money is not there after all."""

from __future__ import annotations

from billing.reverse_payment import REASONS, reverse_payment
from fhir_server.fhir_request import FhirRequest, Writing
from fhir_server.operation_declaration import Operation, Parameter
from fhir_server.operations.answers import answer_of_operation
from fhir_server.operations.parameters import read_parameters
from fhir_server.responses import Answer
from storage.transaction import Transaction

OPERATION = Operation(
    code="reverse",
    resource_type="PaymentReconciliation",
    title="Reverse a payment",
    description=(
        "Undoes all that a payment posted: its allocations, what a remittance said of payers' shares, and the receipt,"
        " from the asset that holds the money now. The payment is cancelled. Refused while any of it is held or"
        " refunded."
    ),
    affects_state=True,
    permission="u",
    business_scope="billing:payment:post",
    parameters=(
        Parameter("reason", "in", 1, "1", "code", "Why the money is not there.", codes=REASONS),
        Parameter("date", "in", 0, "1", "date", "When it was taken back; today at the tenant's place without it."),
        Parameter("fee", "in", 0, "1", "Money", "What the bank or the gateway takes for it."),
        Parameter("return", "out", 1, "1", "PaymentReconciliation", "The payment as it is now."),
    ),
)


def payment_reverse(request: FhirRequest) -> Writing:
    values = read_parameters(request, OPERATION)

    async def writing(tx: Transaction) -> Answer:
        change = await reverse_payment(
            tx, request.context, request.id, reason=values["reason"], on=values["date"], fee=values["fee"]
        )
        return answer_of_operation(change)

    return writing

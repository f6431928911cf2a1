"""`POST ChargeItem/[id]/$credit`: takes a charge back, by a credit note where it was issued."""

from __future__ import annotations

from billing.credit_charge import credit_charge
from fhir_server.fhir_request import FhirRequest, Writing
from fhir_server.operation_declaration import Operation, Parameter
from fhir_server.operations.answers import answer_of_operation
from fhir_server.operations.parameters import read_parameters
from fhir_server.responses import Answer
from storage.transaction import Transaction

OPERATION = Operation(
    code="credit",
    resource_type="ChargeItem",
    title="Credit a charge",
    description=(
        "Takes a charge back. Where it was issued, all that is left of its line is credited, as Invoice/$credit does,"
        " and the answer is the credit note. Where it was not, it is aborted, what was posted for it is reversed, and"
        " the answer is the charge."
    ),
    affects_state=True,
    permission="u",
    creates=("Invoice",),
    parameters=(
        Parameter("reason", "in", 1, "1", "string", "Why it is credited; it becomes a note of what is answered."),
        Parameter("return", "out", 1, "1", "Resource", "The credit note (Invoice), or the ChargeItem as it is now."),
    ),
)


def charge_item_credit(request: FhirRequest) -> Writing:
    values = read_parameters(request, OPERATION)

    async def writing(tx: Transaction) -> Answer:
        return answer_of_operation(await credit_charge(tx, request.context, request.id, reason=values["reason"]))

    return writing

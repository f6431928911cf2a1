"""`POST Invoice/[id]/$cancel`: takes an invoice back on which nothing is settled."""

from __future__ import annotations

from billing.cancel_invoice import cancel_invoice
from fhir_server.fhir_request import FhirRequest, Writing
from fhir_server.operation_declaration import Operation, Parameter
from fhir_server.operations.answers import answer_of_operation
from fhir_server.operations.parameters import read_parameters
from fhir_server.responses import Answer
from storage.transaction import Transaction

OPERATION = Operation(
    code="cancel",
    resource_type="Invoice",
    title="Cancel an invoice",
    description=(
        "Cancels an invoice on which nothing is settled: what issuing posted is reversed exactly and its charges can be"
        " billed again. A draft is cancelled without posting. An invoice on which something is settled is credited"
        " instead."
    ),
    affects_state=True,
    permission="u",
    parameters=(
        Parameter("reason", "in", 1, "1", "string", "Why it is cancelled; it becomes the invoice's cancelledReason."),
        Parameter("return", "out", 1, "1", "Invoice", "The invoice as it is now."),
    ),
)


def invoice_cancel(request: FhirRequest) -> Writing:
    values = read_parameters(request, OPERATION)

    async def writing(tx: Transaction) -> Answer:
        return answer_of_operation(await cancel_invoice(tx, request.context, request.id, reason=values["reason"]))

    return writing

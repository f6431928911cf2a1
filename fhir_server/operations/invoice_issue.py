"""`POST Invoice/[id]/$issue`: a draft becomes a debt, with its legal number."""

from __future__ import annotations

from billing.issue_invoice import issue_invoice
from fhir_server.fhir_request import FhirRequest, Writing
from fhir_server.operation_declaration import Operation, Parameter
from fhir_server.operations.answers import answer_of_operation
from fhir_server.operations.parameters import read_parameters
from fhir_server.responses import Answer
from storage.transaction import Transaction

OPERATION = Operation(
    code="issue",
    resource_type="Invoice",
    title="Issue an invoice",
    description=(
        "Issues a draft invoice: completes and checks its totals, gives it the next legal number of its series, freezes"
        " its lines, posts what is owed, and marks its charges as billed."
    ),
    affects_state=True,
    permission="u",
    parameters=(
        Parameter("date", "in", 0, "1", "date", "The date of issue; today at the tenant's place where it is not sent."),
        Parameter("return", "out", 1, "1", "Invoice", "The invoice as it is now."),
    ),
)


def invoice_issue(request: FhirRequest) -> Writing:
    values = read_parameters(request, OPERATION)

    async def writing(tx: Transaction) -> Answer:
        return answer_of_operation(await issue_invoice(tx, request.context, request.id, on=values["date"]))

    return writing

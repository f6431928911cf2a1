"""`POST Invoice/[id]/$credit`: a credit note lowers what is owed of an issued invoice, or has it billed again."""

from __future__ import annotations

from billing.credit_invoice import LineCredit, credit
from fhir_server.fhir_request import FhirRequest, Writing
from fhir_server.operation_declaration import Operation, Parameter
from fhir_server.operations.answers import answer_of_operation
from fhir_server.operations.parameters import Values, read_parameters
from fhir_server.responses import Answer
from storage.transaction import Transaction

OPERATION = Operation(
    code="credit",
    resource_type="Invoice",
    title="Credit an invoice",
    description=(
        "Credits an issued invoice, whole or in part, by a credit note: an Invoice of its own number series with"
        " negative amounts. The invoice counts it as settled; what was paid beyond is taken off it, the latest payment"
        " first, and is unapplied again."
    ),
    affects_state=True,
    permission="u",
    creates=("Invoice",),
    parameters=(
        Parameter("reason", "in", 1, "1", "string", "Why it is credited; it becomes a note of the credit note."),
        Parameter(
            "line",
            "in",
            0,
            "*",
            "",
            "A line to credit; all that is left of the invoice where none is sent.",
            parts=(
                Parameter(
                    "sequence",
                    "in",
                    1,
                    "1",
                    "positiveInt",
                    "The sequence of the line; its place, from 1, where not all lines have a sequence of their own.",
                ),
                Parameter(
                    "amount",
                    "in",
                    0,
                    "1",
                    "Money",
                    "How much of the line is credited, tax included; all that is left of it where it is not sent.",
                ),
            ),
        ),
        Parameter(
            "rebill",
            "in",
            0,
            "1",
            "boolean",
            "Whether what is credited is to be billed again: then its charges are billable. Whole lines only.",
        ),
        Parameter("return", "out", 1, "1", "Invoice", "The credit note."),
    ),
)


def invoice_credit(request: FhirRequest) -> Writing:
    values = read_parameters(request, OPERATION)

    async def writing(tx: Transaction) -> Answer:
        credited = await credit(
            tx,
            request.context,
            request.id,
            reason=values["reason"],
            lines=[_line(at, line) for at, line in enumerate(values["line"])],
            rebill=bool(values["rebill"]),
        )
        return answer_of_operation(credited.note)

    return writing


def _line(at: int, line: Values) -> LineCredit:
    return LineCredit(line["sequence"], line["amount"], f"Parameters.parameter.where(name='line')[{at}]")

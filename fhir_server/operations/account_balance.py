"""`GET or POST Account/[id]/$balance`: what is owed and held on an account, as of any date."""

from __future__ import annotations

from http import HTTPStatus

from billing.account_balance import BalanceSheet, account_balance
from fhir_server.fhir_request import FhirRequest, Writing
from fhir_server.operation_declaration import Operation, Parameter
from fhir_server.operations.parameters import parameters, parts_parameter, read_parameters, value_parameter
from fhir_server.responses import Answer
from storage.transaction import Transaction

BUCKETS = ("current", "1-30", "31-60", "61-90", "91-120", "121+")

OPERATION = Operation(
    code="balance",
    resource_type="Account",
    title="The balance of an account",
    description=(
        "Sums up an account from the journal, as of an effective date and as known at a moment:"
        " total = unbilled + billed-patient + billed-payer - unapplied - refund-payable, and the six buckets of aging"
        " by due date sum to what is billed."
    ),
    affects_state=False,
    permission="r",
    parameters=(
        Parameter("date", "in", 0, "1", "date", "Counts what is effective up to this date; everything without it."),
        Parameter("recorded", "in", 0, "1", "instant", "Counts what was recorded up to this moment; else up to now."),
        Parameter("currency", "out", 1, "1", "code", "The account's currency."),
        Parameter("unbilled", "out", 1, "1", "Money", "Charges captured and not yet on an issued invoice."),
        Parameter("billed-patient", "out", 1, "1", "Money", "What the patient owes on issued invoices."),
        Parameter("billed-payer", "out", 1, "1", "Money", "What payers owe on issued invoices."),
        Parameter("unapplied", "out", 1, "1", "Money", "Money received and not yet allocated, holds included."),
        Parameter("held", "out", 1, "1", "Money", "The part of the unapplied money that requested refunds hold."),
        Parameter("refund-payable", "out", 1, "1", "Money", "Refunds approved and not yet paid out."),
        Parameter("total", "out", 1, "1", "Money", "What is owed in all; negative where it is owed to the patient."),
        Parameter(
            "aging",
            "out",
            0,
            "*",
            "",
            "What is billed and due, by how many days past the due date it is.",
            parts=(
                Parameter("bucket", "out", 1, "1", "code", "Days past due.", codes=BUCKETS),
                Parameter("amount", "out", 1, "1", "Money", "What is due in this bucket."),
            ),
        ),
    ),
)


def get_account_balance(request: FhirRequest) -> Writing:
    values = read_parameters(request, OPERATION)

    async def writing(tx: Transaction) -> Answer:
        sheet = await account_balance(tx, request.context, request.id, on=values["date"], recorded=values["recorded"])
        return Answer(HTTPStatus.OK, _output(sheet))

    return writing


def _output(sheet: BalanceSheet) -> bytes:
    amounts = (
        ("unbilled", sheet.unbilled),
        ("billed-patient", sheet.billed_patient),
        ("billed-payer", sheet.billed_payer),
        ("unapplied", sheet.unapplied),
        ("held", sheet.held),
        ("refund-payable", sheet.refund_payable),
        ("total", sheet.total),
    )
    return parameters(
        [
            value_parameter("currency", sheet.currency),
            *(value_parameter(name, amount) for name, amount in amounts),
            *(parts_parameter("aging", (("bucket", bucket), ("amount", amount))) for bucket, amount in sheet.aging),
        ]
    )

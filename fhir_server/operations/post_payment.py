"""What `$post-payment` is on an invoice and on an account alike: its parameters, and what it answers."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from billing.post_payment import PaymentRequest, PostedPayment, post_payment
from fhir_server.fhir_request import FhirRequest, Writing
from fhir_server.operation_declaration import Parameter
from fhir_server.operations.parameters import Values, parameters, resource_parameter, value_parameter
from fhir_server.responses import Answer
from storage.transaction import Transaction

METHODS = ("cash", "card", "bank-transfer", "mobile-money", "cheque", "other")
CREATES = ("PaymentReconciliation", "PaymentNotice")
BUSINESS_SCOPE = "billing:payment:post"

INPUTS = (
    Parameter("amount", "in", 1, "1", "Money", "What is paid, in the account's currency."),
    Parameter("method", "in", 1, "1", "code", "How it is paid.", codes=METHODS),
    Parameter("date", "in", 0, "1", "date", "When it was paid; today at the tenant's place where it is not sent."),
    Parameter("reference", "in", 0, "1", "string", "The payer's or the provider's reference of the payment."),
    Parameter(
        "payer",
        "in",
        0,
        "1",
        "Reference",
        "Who pays, where it is not the account's patient.",
        targets=("Patient", "RelatedPerson", "Organization"),
    ),
    Parameter("tendered", "in", 0, "1", "Money", "What was handed over in cash; the rest of it is given back."),
)
OUTPUTS = (
    Parameter("payment", "out", 1, "1", "PaymentReconciliation", "The money received, with its allocations."),
    Parameter("notice", "out", 1, "1", "PaymentNotice", "The notice that it was paid."),
    Parameter("invoice", "out", 0, "*", "Invoice", "Each invoice that it settles in part or whole, as it is now."),
    Parameter("change", "out", 0, "1", "Money", "What is to be given back of what was tendered."),
)


def posting(request: FhirRequest, read: Callable[[FhirRequest], PaymentRequest]) -> Writing:
    payment = read(request)

    async def writing(tx: Transaction) -> Answer:
        # In a Bundle, what it refers to may have turned out to be there already under another id.
        posted = await post_payment(tx, request.context, read(request) if request.place else payment)
        return Answer(HTTPStatus.OK, _output(posted))

    return writing


def payment_request(
    values: Values, *, invoice_id: str | None = None, account_id: str | None = None, invoice_ids: tuple[str, ...] = ()
) -> PaymentRequest:
    return PaymentRequest(
        invoice_id=invoice_id,
        account_id=account_id,
        amount=values["amount"],
        method=values["method"],
        on=values["date"],
        reference=values["reference"],
        payer=values["payer"],
        tendered=values["tendered"],
        invoice_ids=invoice_ids,
    )


def _output(posted: PostedPayment) -> bytes:
    items = [
        resource_parameter("payment", posted.payment.content or b""),
        resource_parameter("notice", posted.notice.content or b""),
        *(resource_parameter("invoice", invoice.content or b"") for invoice in posted.invoices),
    ]
    if posted.change is not None:
        items.append(value_parameter("change", posted.change))
    return parameters(items)

"""`POST Account/[id]/$adjust`: writes off, or lowers, what is owed on an account."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from billing.adjust_account import AdjustmentRequest, adjust_account
from billing.apply_adjustment import AppliedAdjustment
from billing.own_references import own_reference
from fhir_server.fhir_request import FhirRequest, Writing
from fhir_server.operation_declaration import Operation, Parameter
from fhir_server.operations.parameters import Id, parameters, parts_parameter, read_parameters, resource_parameter
from fhir_server.responses import Answer
from ledger.adjustment import BY_CREDIT_NOTE, TYPES
from ledger.errors import invalid
from storage.transaction import Transaction

STATUSES = ("pending-approval", "applied", "rejected")

OPERATION = Operation(
    code="adjust",
    resource_type="Account",
    title="Adjust what is owed",
    description=(
        "Writes off or lowers what is due on an account's issued invoices, the oldest due first or one of them. Above"
        " the tenant's limits other people approve it first, through the internal REST API. Courtesy, charity and"
        " corrections make credit notes. The header Idempotency-Key is required."
    ),
    affects_state=True,
    permission="u",
    business_scope="billing:adjustment:request",
    needs_idempotency_key=True,
    parameters=(
        Parameter("type", "in", 1, "1", "code", "What kind of adjustment it is.", codes=TYPES),
        Parameter("amount", "in", 1, "1", "Money", "By how much less is owed; at most what is due."),
        Parameter("reason", "in", 1, "1", "string", "Why."),
        Parameter("invoice", "in", 0, "1", "Reference", "The invoice that it goes to.", targets=("Invoice",)),
        Parameter(
            "adjustment",
            "out",
            1,
            "1",
            "",
            "The adjustment.",
            parts=(
                Parameter("id", "out", 1, "1", "id", "Its id in the REST API."),
                Parameter("status", "out", 1, "1", "code", "What it is now.", codes=STATUSES),
            ),
        ),
        Parameter("invoice", "out", 0, "*", "Invoice", "The credit notes that it made."),
    ),
)


def account_adjust(request: FhirRequest) -> Writing:
    values = read_parameters(request, OPERATION)
    if values["type"] in BY_CREDIT_NOTE:
        request.token.scopes.require_all("Invoice", "c")
    _invoice_id(request, values["invoice"])

    async def writing(tx: Transaction) -> Answer:
        # In a Bundle, what it refers to may have turned out to be there already under another id.
        invoice = read_parameters(request, OPERATION)["invoice"]
        wanted = AdjustmentRequest(
            account_id=request.id,
            type=values["type"],
            amount=values["amount"],
            reason=values["reason"],
            invoice_id=_invoice_id(request, invoice),
        )
        return Answer(HTTPStatus.OK, _output(await adjust_account(tx, request.context, wanted)))

    return writing


def _invoice_id(request: FhirRequest, reference: dict[str, Any] | None) -> str | None:
    if reference is None:
        return None
    own = own_reference(reference.get("reference", ""), request.base_url)
    if own is None or own[0] != "Invoice":
        raise invalid("parameter-reference", "invoice is a reference to an Invoice here: Invoice/1.", "", "value")
    return own[1]


def _output(made: AppliedAdjustment) -> bytes:
    parts = (("id", Id(made.adjustment.id)), ("status", made.status))
    notes = [resource_parameter("invoice", note.content or b"") for note in made.credit_notes]
    return parameters([parts_parameter("adjustment", parts), *notes])

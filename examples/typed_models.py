"""The same resources as typed models of fhir.resources (https://github.com/nazrulworld/fhir.resources).

Start a server (`./run serve --demo`), take the first token that it prints, and:

    pip install fhir.resources
    TOKEN=... python examples/typed_models.py

The models are those of R4B: for the five resources of billing R4 and R4B have the same elements. They are less strict
than the server (they take status="foo"), and write 1500.00 as 1500.0, which is the same amount. The server refuses what
is not valid R4. BASE_URL says where another server is. What it prints is in typed_models.out.
"""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
import uuid
from decimal import Decimal
from typing import TypeVar

from fhir.resources.R4B.account import Account
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.chargeitem import ChargeItem
from fhir.resources.R4B.fhirresourcemodel import FHIRResourceModel
from fhir.resources.R4B.invoice import Invoice, InvoiceLineItem
from fhir.resources.R4B.money import Money
from fhir.resources.R4B.operationoutcome import OperationOutcome
from fhir.resources.R4B.parameters import Parameters, ParametersParameter
from fhir.resources.R4B.reference import Reference

BASE_URL = os.environ.get("BASE_URL", "http://127.0.0.1:8080/fhir")
TOKEN = os.environ["TOKEN"]

Model = TypeVar("Model", bound=FHIRResourceModel)


class RefusedError(Exception):
    """The server refused a request, and says in an OperationOutcome why: with the place and how to mend it."""

    def __init__(self, outcome: OperationOutcome) -> None:
        self.outcome = outcome
        super().__init__("; ".join(str(issue.diagnostics) for issue in outcome.issue))


def send(answer: type[Model], method: str, path: str, resource: FHIRResourceModel | None = None) -> Model:
    request = urllib.request.Request(  # noqa: S310 - the server is the caller's own
        f"{BASE_URL}/{path}",
        method=method,
        data=None if resource is None else resource.model_dump_json(exclude_none=True).encode(),
        headers={
            "Authorization": f"Bearer {TOKEN}",
            "Content-Type": "application/fhir+json",
            # Whatever asks for money to be posted needs one; on other requests it makes a repetition safe.
            "Idempotency-Key": str(uuid.uuid4()),
        },
    )
    try:
        with urllib.request.urlopen(request) as response:  # noqa: S310
            return answer.model_validate(json.loads(response.read(), parse_float=Decimal))
    except urllib.error.HTTPError as error:
        raise RefusedError(OperationOutcome.model_validate_json(error.read())) from None


def main() -> None:
    patient = Reference(reference="Patient/typed")
    account = send(Account, "POST", "Account", Account(status="active", subject=[patient]))
    charges = [
        send(
            ChargeItem,
            "POST",
            "ChargeItem",
            ChargeItem(
                status="billable",
                code={"text": name},
                subject=patient,
                account=[Reference(reference=f"Account/{account.id}")],
                priceOverride=Money(value=price, currency="AFN"),
                overrideReason="Agreed at the desk",
            ),
        )
        for name, price in (("Inpatient day", Decimal("2500.00")), ("Complete blood count", Decimal("350.00")))
    ]
    draft = Invoice(
        status="draft",
        subject=patient,
        recipient=patient,
        account=Reference(reference=f"Account/{account.id}"),
        lineItem=[
            InvoiceLineItem(chargeItemReference=Reference(reference=f"ChargeItem/{charge.id}")) for charge in charges
        ],
    )
    invoice = send(Invoice, "POST", "Invoice", draft)
    invoice = send(Invoice, "POST", f"Invoice/{invoice.id}/$issue")
    print(f"{numbers(invoice)}: {invoice.status}, {invoice.totalGross and invoice.totalGross.value} AFN")

    try:
        send(ChargeItem, "POST", "ChargeItem", ChargeItem(status="foo", code={"text": "?"}, subject=patient))
    except RefusedError as refused:
        print(f"refused: {refused}")

    payment = Parameters(
        parameter=[
            ParametersParameter(name="amount", valueMoney=invoice.totalGross),
            ParametersParameter(name="method", valueCode="card"),
        ]
    )
    answer = send(Parameters, "POST", f"Invoice/{invoice.id}/$post-payment", payment)
    print("answered: " + ", ".join(str(p.name) for p in answer.parameter or ()))

    page = send(Bundle, "GET", f"Invoice?account=Account/{account.id}&status=balanced")
    found = [entry.resource for entry in page.entry or () if isinstance(entry.resource, Invoice)]
    print("balanced: " + ", ".join(numbers(invoice) for invoice in found))


def numbers(invoice: Invoice) -> str:
    return ", ".join(identifier.value or "" for identifier in invoice.identifier or ())


if __name__ == "__main__":
    main()

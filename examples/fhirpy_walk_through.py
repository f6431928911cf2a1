"""From a charge to a balanced invoice with fhirpy, a FHIR client for Python (https://github.com/beda-software/fhir-py).

Start a server (`./run serve --demo`), take the first token that it prints, and:

    pip install fhirpy
    TOKEN=... python examples/fhirpy_walk_through.py

BASE_URL says where another server is. What it prints is in fhirpy_walk_through.out.
"""

from __future__ import annotations

import os
import uuid
from decimal import Decimal
from typing import Any

from fhirpy import SyncFHIRClient
from fhirpy.base.exceptions import OperationOutcome

BASE_URL = os.environ.get("BASE_URL", "http://127.0.0.1:8080/fhir")
AUTHORIZATION = f"Bearer {os.environ['TOKEN']}"
EXTENSION = "https://billing.ghasi.example/fhir/StructureDefinition"
PATIENT = {"reference": "Patient/fhirpy"}


def main() -> None:
    client = SyncFHIRClient(BASE_URL, authorization=AUTHORIZATION)

    account = client.resource("Account", status="active", subject=[PATIENT])
    account.save()
    charge = capture(account, "Chest X-ray", 900)
    print(
        f"charge: {charge['status']}; sent again it is the same one: {capture(account, 'Chest X-ray', 900) == charge}"
    )

    invoice = client.resource(
        "Invoice",
        status="draft",
        subject=PATIENT,
        recipient=PATIENT,
        account=account.to_reference(),
        lineItem=[{"chargeItemReference": {"reference": f"ChargeItem/{charge['id']}"}}],
    )
    invoice.save()
    issued = invoice.execute("$issue")
    print(f"invoice {issued['identifier'][0]['value']}: {issued['status']}, due {amount(issued, 'invoice-due')}")

    try:
        pay(issued["id"], Decimal("450.005"))
    except OperationOutcome as refusal:
        print(f"refused: {refusal.resource['issue'][0]['details']['text']}")

    for method in ("cash", "mobile-money"):
        paid = pay(issued["id"], Decimal(450), method)
        print(f"paid 450 by {method}: {paid['status']}, due {amount(paid, 'invoice-due')}")

    found = client.resources("Invoice").search(account=account.to_reference(), status="balanced").fetch_all()
    print(f"balanced invoices of the account: {len(found)}")


def client_with(**headers: str) -> SyncFHIRClient:
    """A client that sends headers of one request; fhirpy has headers of a client only."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return SyncFHIRClient(BASE_URL, authorization=AUTHORIZATION, extra_headers=named)


def capture(account: Any, service: str, price: int) -> Any:
    """Create a charge unless it is there: a conditional create by the order number of the hospital's system.

    fhirpy's own `get_or_create` writes the criteria into the URL, which is the dialect of one server and not FHIR's.
    """
    order = f"order-{account.id}"
    return client_with(If_None_Exist=f"identifier=urn:example:orders|{order}").execute(
        "ChargeItem",
        data={
            "resourceType": "ChargeItem",
            "identifier": [{"system": "urn:example:orders", "value": order}],
            "status": "billable",
            "code": {"text": service},
            "subject": PATIENT,
            "account": [{"reference": f"Account/{account.id}"}],
            "priceOverride": {"value": price, "currency": "AFN"},
            "overrideReason": "Agreed at the desk",
        },
    )


def pay(invoice_id: str, paid: Decimal, method: str = "cash") -> Any:
    """Post a payment and give the invoice as it is then. Each payment has a new key, and keeps it when sent again."""
    answer = client_with(Idempotency_Key=str(uuid.uuid4())).execute(
        f"Invoice/{invoice_id}/$post-payment",
        data={
            "resourceType": "Parameters",
            "parameter": [
                # fhirpy sends JSON's own numbers, which is fine for what people pay in one go.
                {"name": "amount", "valueMoney": {"value": float(paid), "currency": "AFN"}},
                {"name": "method", "valueCode": method},
            ],
        },
    )
    return next(parameter["resource"] for parameter in answer["parameter"] if parameter["name"] == "invoice")


def amount(invoice: Any, name: str) -> str:
    """An amount that the server says in an extension of the invoice, such as what is due."""
    money = next(e["valueMoney"] for e in invoice["extension"] if e["url"] == f"{EXTENSION}/{name}")
    return f"{money['value']:.2f} {money['currency']}"


if __name__ == "__main__":
    main()

"""From a charge to a balanced invoice with fhirclient, SMART on FHIR's client (https://github.com/smart-on-fhir/client-py).

Start a server (`./run serve --demo`), take the first token that it prints, and:

    pip install fhirclient
    TOKEN=... python examples/fhirclient_walk_through.py

BASE_URL says where another server is. What it prints is in fhirclient_walk_through.out. The client's models are strict
R4: what the server answers is validated by them.
"""

from __future__ import annotations

import os
import uuid
from typing import Any

import requests
from fhirclient.client import FHIRClient
from fhirclient.models.account import Account
from fhirclient.models.chargeitem import ChargeItem
from fhirclient.models.codeableconcept import CodeableConcept
from fhirclient.models.fhirreference import FHIRReference
from fhirclient.models.identifier import Identifier
from fhirclient.models.invoice import Invoice, InvoiceLineItem
from fhirclient.models.money import Money
from fhirclient.models.parameters import Parameters, ParametersParameter
from fhirclient.models.paymentreconciliation import PaymentReconciliation
from fhirclient.server import FHIRNotFoundException, FHIRServer

BASE_URL = os.environ.get("BASE_URL", "http://127.0.0.1:8080/fhir")
EXTENSION = "https://billing.ghasi.example/fhir/StructureDefinition"


def main() -> None:
    server = connect()
    print(f"the server speaks FHIR {server.capabilityStatement.fhirVersion}")

    account = Account({"status": "active", "subject": [{"reference": "Patient/fhirclient"}]})
    account = Account(account.create(server))
    charge = ChargeItem(charge_for(account, "Chest X-ray", 900).create(server))
    print(f"charge: {charge.status}, {charge.priceOverride.value:.2f} {charge.priceOverride.currency}")

    invoice = Invoice(draft_of(account, charge).create(server))
    issued = Invoice(server.post_json(f"Invoice/{invoice.id}/$issue", Parameters().as_json()).json())
    print(f"invoice {issued.identifier[0].value}: {issued.status}, due {due(issued)}")

    try:
        pay(server, issued, 450, "AED")
    except requests.HTTPError as refusal:
        outcome = refusal.response.json() if refusal.response is not None else {}
        print(f"refused: {outcome['issue'][0]['details']['text']}")
    for method in ("cash", "mobile-money"):
        paid = pay(server, issued, 450, "AFN", method)
        print(f"paid 450 by {method}: {paid.status}, due {due(paid)}")

    found = Invoice.where({"account": f"Account/{account.id}", "status": "balanced"}).perform_resources_iter(server)
    print(f"balanced invoices of the account: {len(list(found))}")
    # It follows the links from page to page by itself.
    payments = PaymentReconciliation.where({"invoice": f"Invoice/{issued.id}", "_count": "1"})
    print(f"payments of the invoice: {len(list(payments.perform_resources_iter(server)))}")

    noted = ChargeItem.read(charge.id, server)
    noted.note = [annotation("Seen by the doctor on duty")]
    print(f"version of the charge with a note: {noted.update(server)['meta']['versionId']}")
    try:
        Invoice.read("no-such-invoice", server)
    except FHIRNotFoundException:
        print("no-such-invoice: not found")


def connect() -> FHIRServer:
    """The client finds out by itself what the server does; the token comes from elsewhere, so it is a header here."""
    client = FHIRClient(settings={"app_id": "example", "api_base": BASE_URL})
    client.server.session.headers["Authorization"] = f"Bearer {os.environ['TOKEN']}"
    client.server.get_capability()
    return client.server


def charge_for(account: Account, service: str, price: int) -> ChargeItem:
    charge = ChargeItem()
    charge.status = "billable"
    charge.identifier = [Identifier({"system": "urn:example:orders", "value": f"order-{account.id}"})]
    charge.code = CodeableConcept({"text": service})
    charge.subject = account.subject[0]
    charge.account = [reference_to(account)]
    charge.priceOverride = Money({"value": price, "currency": "AFN"})
    charge.overrideReason = "Agreed at the desk"
    return charge


def draft_of(account: Account, charge: ChargeItem) -> Invoice:
    line = InvoiceLineItem()
    line.chargeItemReference = reference_to(charge)
    invoice = Invoice()
    invoice.status = "draft"
    invoice.subject = invoice.recipient = account.subject[0]
    invoice.account = reference_to(account)
    invoice.lineItem = [line]
    return invoice


def pay(server: FHIRServer, invoice: Invoice, value: int, currency: str, method: str = "cash") -> Invoice:
    """Post a payment and give the invoice as it is then. Each payment has a new key, and keeps it when sent again."""
    amount, how = ParametersParameter(), ParametersParameter()
    amount.name, amount.valueMoney = "amount", Money({"value": value, "currency": currency})
    how.name, how.valueCode = "method", method
    payment = Parameters()
    payment.parameter = [amount, how]
    server.session.headers["Idempotency-Key"] = str(uuid.uuid4())
    try:
        answer = server.post_json(f"Invoice/{invoice.id}/$post-payment", payment.as_json())
    finally:
        del server.session.headers["Idempotency-Key"]
    posted = {each.name: each.resource for each in Parameters(answer.json()).parameter}
    settled: Invoice = posted["invoice"]
    return settled


def due(invoice: Invoice) -> str:
    money = next(each.valueMoney for each in invoice.extension if each.url == f"{EXTENSION}/invoice-due")
    return f"{money.value:.2f} {money.currency}"


def annotation(text: str) -> Any:
    from fhirclient.models.annotation import Annotation

    return Annotation({"text": text})


def reference_to(resource: Any) -> FHIRReference:
    return FHIRReference({"reference": f"{resource.resource_type}/{resource.id}"})


if __name__ == "__main__":
    main()

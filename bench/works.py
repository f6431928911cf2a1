"""The kinds of work that are measured: each makes numbered HTTP requests against a prepared tenant."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

TENANT = "bench"
ACCOUNTS = 200
CHARGES_OF_AN_ACCOUNT = 10
INVOICES_OF_AN_ACCOUNT = 4
CODES = "urn:example:tariff"
HUGE = 9_000_000
"""What the invoices that the payments go to are about, in whole units: more than a run can pay."""


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Work:
    """`request` makes the n-th request; `changes` says that each can be carried out only once.

    `rate_max`: more requests a second than two cores can do. For so many the reference has something to replay.
    """

    name: str
    request: Callable[[int], Request]
    changes: bool
    rate_max: int = 5000
    recorded: int = field(default=200)
    """How many requests of a work that changes nothing the reference goes through in turn."""


PRICES = 2000
"""How many codes the price list of the tenant has."""
CHARGES_OF_A_BUNDLE = 100


def account(number: int) -> str:
    return f"account-{number % ACCOUNTS}"


def charge_document(number: int) -> dict[str, Any]:
    """A charge as a hospital system sends it: priced, and posted when it arrives."""
    return {
        "resourceType": "ChargeItem",
        "identifier": [{"system": "urn:example:his:order", "value": f"order-{number}"}],
        "status": "billable",
        "code": {
            "coding": [{"system": "http://www.ama-assn.org/go/cpt", "code": "99213", "display": "Outpatient visit"}]
        },
        "subject": {"reference": f"Patient/{number % ACCOUNTS}"},
        "occurrenceDateTime": "2026-01-15T10:30:00+04:30",
        "performingOrganization": {"reference": "Organization/main"},
        "quantity": {"value": 1},
        "priceOverride": {"value": 500, "currency": "AFN"},
        "overrideReason": "tariff",
        "account": [{"reference": f"Account/{account(number)}"}],
    }


def coded_charge_document(number: int) -> dict[str, Any]:
    """A charge that says what was done, and the price list what it costs."""
    document = charge_document(number)
    del document["priceOverride"], document["overrideReason"]
    document["code"] = {"coding": [{"system": CODES, "code": f"service-{number * 7 % PRICES}"}]}
    document["quantity"] = {"value": 1 + number % 3}
    return document


def _json(method: str, path: str, document: dict[str, Any], **headers: str) -> Request:
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Request(method, path, json.dumps(document).encode(), named)


def _read(number: int) -> Request:
    charge = number % (ACCOUNTS * CHARGES_OF_AN_ACCOUNT)
    return Request("GET", f"/fhir/ChargeItem/charge-{charge}")


def _create(number: int) -> Request:
    return _json("POST", "/fhir/ChargeItem", charge_document(number))


def _update(number: int) -> Request:
    charge = number % (ACCOUNTS * CHARGES_OF_AN_ACCOUNT)
    document = charge_document(charge) | {"id": f"charge-{charge}", "note": [{"text": f"note {number}"}]}
    return _json("PUT", f"/fhir/ChargeItem/charge-{charge}", document)


def _search(number: int) -> Request:
    return Request("GET", f"/fhir/ChargeItem?account=Account/{account(number)}")


def _search_sorted(number: int) -> Request:
    return Request("GET", f"/fhir/Invoice?patient=Patient/{number % ACCOUNTS}&status=issued&_sort=-date")


def _search_include(number: int) -> Request:
    patient = f"Patient/{number % ACCOUNTS}"
    return Request("GET", f"/fhir/Invoice?patient={patient}&status=issued&_sort=-date&_include=Invoice:account")


def _search_has(number: int) -> Request:
    return Request("GET", f"/fhir/Account?patient=Patient/{number % ACCOUNTS}&_has:Invoice:account:status=issued")


def _bundle(number: int) -> Request:
    """Ten posted charges and a draft invoice over them, in one transaction."""
    charges = [
        {
            "fullUrl": f"urn:uuid:00000000-0000-4000-8000-{at:012d}",
            "resource": charge_document(number)
            | {"identifier": [{"system": "urn:example:his:line", "value": str(at)}]},
            "request": {"method": "POST", "url": "ChargeItem"},
        }
        for at in range(10)
    ]
    invoice = {
        "fullUrl": "urn:uuid:00000000-0000-4000-8000-999999999999",
        "resource": {
            "resourceType": "Invoice",
            "status": "draft",
            "subject": {"reference": f"Patient/{number % ACCOUNTS}"},
            "account": {"reference": f"Account/{account(number)}"},
            "lineItem": [{"chargeItemReference": {"reference": charge["fullUrl"]}} for charge in charges],
        },
        "request": {"method": "POST", "url": "Invoice"},
    }
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [*charges, invoice]}
    return _json("POST", "/fhir", bundle, Prefer="return=minimal")


def _charges(number: int) -> Request:
    """What a hospital system sends of an hour: a hundred charges on twenty accounts, priced by the list and posted."""
    entries = [
        {
            "resource": coded_charge_document(number * 20 + at % 20)
            | {
                "identifier": [{"system": "urn:example:his:line", "value": f"{number}-{at}"}],
                "code": {"coding": [{"system": CODES, "code": f"service-{(number * 31 + at * 7) % PRICES}"}]},
            },
            "request": {"method": "POST", "url": "ChargeItem"},
        }
        for at in range(CHARGES_OF_A_BUNDLE)
    ]
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    return _json("POST", "/fhir", bundle, Prefer="return=minimal")


def _create_coded(number: int) -> Request:
    return _json("POST", "/fhir/ChargeItem", coded_charge_document(number))


def _payment(number: int) -> Request:
    document = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "amount", "valueMoney": {"value": 1, "currency": "AFN"}},
            {"name": "method", "valueCode": "mobile-money"},
        ],
    }
    path = f"/fhir/Invoice/paid-{number % ACCOUNTS}/$post-payment"
    return _json("POST", path, document, Idempotency_Key=f"payment-{number}")


WORKS = {
    work.name: work
    for work in (
        Work("read", _read, changes=False),
        Work("create", _create, changes=True, rate_max=1800),
        Work("update", _update, changes=True, rate_max=1800),
        Work("search", _search, changes=False),
        Work("search-sorted", _search_sorted, changes=False),
        Work("search-include", _search_include, changes=False),
        Work("search-has", _search_has, changes=False),
        Work("transaction", _bundle, changes=True, rate_max=300),
        Work("create-coded", _create_coded, changes=True, rate_max=1800),
        Work("charges-of-100", _charges, changes=True, rate_max=300),
        Work("payment", _payment, changes=True, rate_max=2400),
    )
}

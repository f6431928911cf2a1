"""FHIR documents as clients send them, made from minor units: what the acceptance tests drive the books with."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

DECIMALS = {"AFN": 2, "USD": 2, "JPY": 0, "KWD": 3}
CANONICAL = "https://billing.ghasi.example/fhir"
KEY_SYSTEM = "https://his.example/charge"
REMITTANCE_DETAIL = f"{CANONICAL}/CodeSystem/remittance-detail"
PAYMENT_TYPE = "http://terminology.hl7.org/CodeSystem/payment-type"

QUOTED_VALUE = re.compile(r'"value": "(-?[0-9.]+)"')
"""A decimal as `json.dumps(..., default=str)` writes it."""

Document = dict[str, Any]


def money(amount: int, currency: str) -> Document:
    return {"value": Decimal(amount).scaleb(-DECIMALS[currency]), "currency": currency}


def account(patient: str, currency: str, *, status: str = "active", note: str | None = None) -> Document:
    document: Document = {
        "resourceType": "Account",
        "extension": [
            {
                "url": "http://hl7.org/fhir/5.0/StructureDefinition/extension-Account.currency",
                "valueCodeableConcept": {"coding": [{"system": "urn:iso:std:iso:4217", "code": currency}]},
            }
        ],
        "status": status,
        "subject": [{"reference": patient}],
    }
    if note is not None:
        document["description"] = note
    return document


def charge(
    patient: str,
    *,
    status: str = "billable",
    account_id: str | None = None,
    price: tuple[int, str] | None = None,
    reason: bool = True,
    on: str | None = None,
    key: str | None = None,
    facility: str | None = None,
    quantity: str | None = None,
    is_poor: bool = False,
    note: str | None = None,
) -> Document:
    document: Document = {
        "resourceType": "ChargeItem",
        "status": status,
        "code": {"coding": [{"system": "http://www.ama-assn.org/go/cpt", "code": "99213"}]},
        "subject": {"reference": patient},
    }
    if account_id is not None:
        document["account"] = [{"reference": f"Account/{account_id}"}]
    if price is not None:
        document["priceOverride"] = money(*price)
        if reason:
            document["overrideReason"] = "agreed with the family"
    if on is not None:
        document["occurrenceDateTime"] = on
    if key is not None:
        document["identifier"] = [{"system": KEY_SYSTEM, "value": key}]
    if facility is not None:
        document["performingOrganization"] = {"reference": facility}
    if quantity is not None:
        document["quantity"] = {"value": Decimal(quantity)}
    if is_poor:
        modifier = {"coding": [{"code": "poor"}]}
        url = f"{CANONICAL}/StructureDefinition/charge-modifier"
        document["extension"] = [{"url": url, "valueCodeableConcept": modifier}]
    if note is not None:
        document["note"] = [{"text": note}]
    return document


def component(
    kind: str, *, amount: int | None = None, currency: str = "AFN", factor: str | None = None, code: str | None = None
) -> Document:
    document: Document = {"type": kind}
    if code is not None:
        document["code"] = {"coding": [{"system": f"{CANONICAL}/CodeSystem/tax", "code": code}]}
    if factor is not None:
        document["factor"] = Decimal(factor)
    if amount is not None:
        document["amount"] = money(amount, currency)
    return document


def line(charge_id: str | None, components: list[Document] | None = None) -> Document:
    """A line about a charge, or about something that has none."""
    document: Document = (
        {"chargeItemCodeableConcept": {"text": "registration"}}
        if charge_id is None
        else {"chargeItemReference": {"reference": f"ChargeItem/{charge_id}"}}
    )
    if components:
        document["priceComponent"] = components
    return document


def invoice(
    lines: list[Document],
    *,
    status: str = "draft",
    account_id: str | None = None,
    patient: str | None = None,
    recipient: str | None = None,
    issuer: str | None = None,
    on: str | None = None,
    due: str | None = None,
    shares: list[tuple[str, int, str]] | None = None,
    extra: list[Document] | None = None,
    net: tuple[int, str] | None = None,
    gross: tuple[int, str] | None = None,
    note: str | None = None,
    reason: str | None = None,
) -> Document:
    """`shares`: (payer's reference, amount, currency); `extra`: components of the whole invoice."""
    document: Document = {"resourceType": "Invoice", "status": status}
    extensions: list[Document] = []
    if due is not None:
        extensions.append({"url": f"{CANONICAL}/StructureDefinition/invoice-due-date", "valueDate": due})
    for payer, amount, currency in shares or ():
        extensions.append(
            {
                "url": f"{CANONICAL}/StructureDefinition/payer-share",
                "extension": [
                    {"url": "payer", "valueReference": {"reference": payer}},
                    {"url": "amount", "valueMoney": money(amount, currency)},
                ],
            }
        )
    parts: Document = {
        "extension": extensions,
        "subject": {"reference": patient} if patient else None,
        "recipient": {"reference": recipient} if recipient else None,
        "date": on,
        "issuer": {"reference": issuer} if issuer else None,
        "account": {"reference": f"Account/{account_id}"} if account_id else None,
        "lineItem": lines,
        "totalPriceComponent": extra,
        "totalNet": money(*net) if net else None,
        "totalGross": money(*gross) if gross else None,
        "note": [{"text": note}] if note else None,
        "cancelledReason": reason,
    }
    document.update({name: value for name, value in parts.items() if value})
    return document


def detail(kind: str, request: str, amount: int, currency: str) -> Document:
    is_ours = kind in ("contractual", "patient-responsibility")
    return {
        "type": {"coding": [{"system": REMITTANCE_DETAIL if is_ours else PAYMENT_TYPE, "code": kind}]},
        "request": {"reference": request},
        "amount": money(amount, currency),
    }


def payment(
    amount: int,
    currency: str,
    *,
    on: str,
    status: str = "active",
    outcome: str | None = "complete",
    details: list[Document] | None = None,
    issuer: str | None = None,
    account_id: str | None = None,
    method: str | None = None,
    reference: str | None = None,
    note: str | None = None,
) -> Document:
    document: Document = {
        "resourceType": "PaymentReconciliation",
        "status": status,
        "created": "2026-01-01T00:00:00Z",
        "paymentDate": on,
        "paymentAmount": money(amount, currency),
    }
    extensions: list[Document] = []
    if account_id is not None:
        url = f"{CANONICAL}/StructureDefinition/payment-account"
        extensions.append({"url": url, "valueReference": {"reference": f"Account/{account_id}"}})
    if method is not None:
        extensions.append({"url": f"{CANONICAL}/StructureDefinition/payment-method", "valueCode": method})
    parts: Document = {
        "extension": extensions,
        "outcome": outcome,
        "disposition": note,
        "paymentIssuer": {"reference": issuer} if issuer else None,
        "paymentIdentifier": {"system": "https://bank.example/receipt", "value": reference} if reference else None,
        "detail": details,
    }
    document.update({name: value for name, value in parts.items() if value})
    return document


def notice(
    payment_id: str, amount: int, currency: str, *, payment_status: str, status: str = "active", on: str | None = None
) -> Document:
    document: Document = {
        "resourceType": "PaymentNotice",
        "status": status,
        "created": "2026-01-01T00:00:00Z",
        "payment": {"reference": f"PaymentReconciliation/{payment_id}"},
        "recipient": {"reference": "Organization/hospital"},
        "amount": money(amount, currency),
        "paymentStatus": {
            "coding": [{"system": "http://terminology.hl7.org/CodeSystem/paymentstatus", "code": payment_status}]
        },
    }
    if on is not None:
        document["paymentDate"] = on
    return document

"""The PaymentReconciliation and the PaymentNotice that say in FHIR what was paid at the counter."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from ledger.money import Money
from ledger.tenant import Tenant
from mappers import extensions

Document = dict[str, Any]

_ISSUER_TYPE_SYSTEM = "http://hl7.org/fhir/payment-issuertype"
_KIND_SYSTEM = "http://hl7.org/fhir/payment-kind"
_STATUS_SYSTEM = "http://terminology.hl7.org/CodeSystem/paymentstatus"


def payment_document(
    *,
    amount: Money,
    method: str,
    account_id: str,
    allocated: Sequence[tuple[str, int]],
    payer: Document | None,
    by_organization: bool,
    reference: str | None,
    created: datetime,
    on: date,
) -> Document:
    """`allocated`: invoice id, and minor units. Extensions of R5 say what R4 has no element for."""
    rest = amount - Money(amount.currency, sum(part for _, part in allocated))
    details = [
        _detail("payment", f"Invoice/{invoice_id}", Money(amount.currency, part), on) for invoice_id, part in allocated
    ]
    added: list[Document] = [{"url": extensions.PAYMENT_METHOD, "valueCode": method}]
    if by_organization:
        added.append(_concept(extensions.PAYMENT_ISSUER_TYPE, _ISSUER_TYPE_SYSTEM, "insurance"))
    else:
        # What a payer leaves over is the payer's; what a patient leaves over belongs to the account.
        account = {"reference": f"Account/{account_id}"}
        added.append({"url": extensions.PAYMENT_ACCOUNT, "valueReference": account})
        added.append(_concept(extensions.PAYMENT_ISSUER_TYPE, _ISSUER_TYPE_SYSTEM, "patient"))
        if payer is not None:
            added.append({"url": extensions.PAYMENT_ISSUER, "valueReference": payer})
        if rest:
            details.append(_detail("advance", f"Account/{account_id}", rest, on))
        if not allocated:
            added.append(_concept(extensions.PAYMENT_KIND, _KIND_SYSTEM, "deposit"))
    document: Document = {
        "resourceType": "PaymentReconciliation",
        "extension": added,
        "status": "active",
        "created": _instant(created),
        "outcome": "complete",
        "paymentDate": on.isoformat(),
        "paymentAmount": _money(amount),
    }
    if by_organization:
        document["paymentIssuer"] = payer
    if reference is not None:
        document["paymentIdentifier"] = {"value": reference}
    if details:
        document["detail"] = details
    return document


def notice_document(
    *,
    amount: Money,
    payment_id: str,
    invoice_id: str | None,
    recipient: Document,
    created: datetime,
    on: date,
) -> Document:
    document: Document = {
        "resourceType": "PaymentNotice",
        "status": "active",
        "created": _instant(created),
        "payment": {"reference": f"PaymentReconciliation/{payment_id}"},
        "paymentDate": on.isoformat(),
        "recipient": recipient,
        "amount": _money(amount),
        "paymentStatus": {"coding": [{"system": _STATUS_SYSTEM, "code": "paid"}]},
    }
    if invoice_id is not None:
        document["request"] = {"reference": f"Invoice/{invoice_id}"}
    return document


def tenant_reference(tenant: Tenant) -> Document:
    return {
        "type": "Organization",
        "identifier": {"system": extensions.TENANT_SYSTEM, "value": tenant.id},
        "display": tenant.name,
    }


def _detail(code: str, request: str, amount: Money, on: date) -> Document:
    return {
        "type": {"coding": [{"system": extensions.PAYMENT_TYPE_SYSTEM, "code": code}]},
        "request": {"reference": request},
        "date": on.isoformat(),
        "amount": _money(amount),
    }


def _concept(url: str, system: str, code: str) -> Document:
    return {"url": url, "valueCodeableConcept": {"coding": [{"system": system, "code": code}]}}


def _money(amount: Money) -> Document:
    return {"value": amount.decimal(), "currency": amount.currency}


def _instant(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")

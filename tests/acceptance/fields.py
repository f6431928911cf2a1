"""Resources as the reference model has them: plain fields, and the documents that say the same."""

from __future__ import annotations

from tests.acceptance import documents
from tests.acceptance.documents import Document
from tests.acceptance.reference_model import Fields


def component(
    kind: str,
    *,
    amount: int | None = None,
    currency: str | None = None,
    factor: str | None = None,
    code: str | None = None,
) -> Fields:
    return {"kind": kind, "amount": amount, "currency": currency, "factor": factor, "code": code}


def charge_of(account_id: str, account: Fields, amount: int) -> Fields:
    """A charge as most are."""
    return {
        "status": "billable",
        "subject": account["subject"],
        "account": account_id,
        "price": (amount, account["currency"]),
        "reason": True,
        "on": None,
        "key": None,
        "facility": None,
        "quantity": None,
        "is_poor": False,
        "note": None,
    }


def invoice_of(account_id: str, lines: list[Fields]) -> Fields:
    """An invoice as most are."""
    return {
        "status": "issued",
        "account": account_id,
        "patient": None,
        "recipient": None,
        "issuer": None,
        "on": None,
        "due": None,
        "lines": lines,
        "extra": [],
        "shares": [],
        "net": None,
        "gross": None,
        "note": None,
        "reason": None,
    }


def mobile_money(amount: int, currency: str) -> Fields:
    """A payment at the counter that lies in clearing."""
    return {
        "amount": amount,
        "currency": currency,
        "method": "mobile-money",
        "payer": None,
        "tendered": None,
        "on": None,
        "drawer": None,
        "invoices": [],
    }


def charge_document(fields: Fields) -> Document:
    names = ("status", "price", "reason", "on", "key", "facility", "quantity", "is_poor", "note")
    return documents.charge(fields["subject"], account_id=fields["account"], **{name: fields[name] for name in names})


def invoice_document(fields: Fields) -> Document:
    names = ("status", "patient", "recipient", "issuer", "on", "due", "shares", "net", "gross", "note", "reason")
    return documents.invoice(
        [documents.line(line["charge"], _components(line["components"])) for line in fields["lines"]],
        account_id=fields["account"],
        extra=_components(fields["extra"]),
        **{name: fields[name] for name in names},
    )


def _components(components: list[Fields]) -> list[Document]:
    return [
        documents.component(
            each["kind"],
            amount=each["amount"],
            currency=each["currency"] or "AFN",
            factor=each["factor"],
            code=each["code"],
        )
        for each in components
    ]


def payment_document(fields: Fields) -> Document:
    names = ("on", "status", "outcome", "issuer", "method", "reference", "note")
    return documents.payment(
        fields["amount"],
        fields["currency"],
        account_id=fields["account"],
        details=[documents.detail(*each) for each in fields["details"]],
        **{name: fields[name] for name in names},
    )


def notice_document(fields: Fields) -> Document:
    names = ("payment_status", "status", "on")
    return documents.notice(
        fields["payment"], fields["amount"], fields["currency"], **{name: fields[name] for name in names}
    )

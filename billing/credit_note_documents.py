"""The Invoice that says in FHIR what was credited of another one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from ledger.invoice import Invoice
from ledger.invoice_credit import CreditedLine, numbers_of_lines
from ledger.invoice_issue import Shares
from ledger.invoice_totals import Sums
from ledger.money import Money
from mappers import extensions, mapper_for

Document = dict[str, Any]

_SHARED = ("subject", "recipient", "issuer")
_ABOUT = ("chargeItemReference", "chargeItemCodeableConcept")


def credit_note_document(
    invoice: Invoice,
    lines: Sequence[CreditedLine],
    shares: Shares,
    payers: Sequence[tuple[str, Document]],
    *,
    currency: str,
    reason: str,
    rebill: bool,
    on: date,
) -> Document:
    """`payers`: the key of each payer of the invoice, and the Reference by which it is named."""
    original = mapper_for("Invoice").render_document(invoice)
    whole = Sums()
    for line in lines:
        whole.include(line.sums)
    numbers, lines_of_original = numbers_of_lines(invoice.lines), original.get("lineItem", [])
    on_lines = [component for line in lines_of_original for component in line.get("priceComponent", [])]
    named = [*original.get("totalPriceComponent", []), *on_lines]
    taxes = _taxes(named, whole, currency)
    return {
        "resourceType": "Invoice",
        "extension": [
            {"url": extensions.CREDIT_OF, "valueReference": {"reference": f"Invoice/{invoice.id}"}},
            *(_share(reference, -shares.payers.get(key, 0), currency) for key, reference in payers),
        ],
        "status": "balanced",
        "type": {"coding": [{"system": extensions.INVOICE_TYPE_SYSTEM, "code": extensions.CREDIT_NOTE}]},
        **{name: original[name] for name in _SHARED if name in original and stands_alone(original[name])},
        "date": on.isoformat(),
        "account": {"reference": f"Account/{invoice.account_id}"},
        "lineItem": [
            _line(numbers[line.position], lines_of_original[line.position], line.sums, named, currency, rebill=rebill)
            for line in lines
        ],
        **({"totalPriceComponent": taxes} if taxes else {}),
        "totalNet": _money(-whole.net, currency),
        "totalGross": _money(-whole.gross, currency),
        "note": [{"text": reason}],
    }


def stands_alone(reference: Document) -> bool:
    """Whether a Reference means the same in another resource: not one to something contained."""
    return bool(reference) and not reference.get("reference", "").startswith("#")


def _share(payer: Document, amount_minor: int, currency: str) -> Document:
    parts = [
        {"url": "payer", "valueReference": payer},
        {"url": "amount", "valueMoney": _money(amount_minor, currency)},
    ]
    return {"url": extensions.PAYER_SHARE, "extension": parts}


def _line(
    number: int, original: Document, sums: Sums, named: Sequence[Document], currency: str, *, rebill: bool
) -> Document:
    about: Document = {name: original[name] for name in _ABOUT if name in original}
    if not stands_alone(about.get("chargeItemReference", {"display": ""})):
        about = {"chargeItemCodeableConcept": {"text": f"line {number} of the invoice"}}
    components = [{"type": "base", "amount": _money(-(sums.base if rebill else sums.net), currency)}]
    if rebill and sums.surcharges:
        components.append({"type": "surcharge", "amount": _money(-sums.surcharges, currency)})
    if rebill and sums.reductions:
        components.append({"type": "discount", "amount": _money(sums.reductions, currency)})
    return {
        "sequence": number,
        **about,
        "priceComponent": [*components, *_taxes(named, sums, currency)],
    }


def _taxes(components: Iterable[Document], sums: Sums, currency: str) -> list[Document]:
    """A component for each tax code, which is named as the invoice names it."""
    names = {_code_of(each): each["code"] for each in components if each.get("type") == "tax" and "code" in each}
    return [
        {"type": "tax", **({"code": _named(names, code)} if code else {}), "amount": _money(-amount, currency)}
        for code, amount in sums.taxes.items()
        if amount
    ]


def _named(names: dict[str, Document], code: str) -> Document:
    return names.get(code) or {"coding": [{"code": code}]}


def _code_of(component: Document) -> str:
    codings = component["code"].get("coding") or [{}]
    return str(codings[0].get("code", ""))


def _money(amount_minor: int, currency: str) -> Document:
    return {"value": Money(currency, amount_minor).decimal(), "currency": currency}

"""Which organization pays, read from the references of resources; a patient who pays is no payer in this sense."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ledger.invoice import Invoice
from ledger.payer import Payer
from ledger.payment_reconciliation import PaymentReconciliation
from mappers.invoice import INVOICE
from mappers.payment_reconciliation import PAYMENT_RECONCILIATION
from mappers.references import take_segment

_ORGANIZATION = re.compile(r"(?:.*/)?Organization/[^/]+(?:/_history/[^/]+)?")


def is_organization(reference: Mapping[str, Any]) -> bool:
    """Whether a Reference says that it is to an Organization."""
    return reference.get("type") == "Organization" or bool(_ORGANIZATION.fullmatch(reference.get("reference", "")))


def payer_of(reference: Mapping[str, Any], base_url: str) -> Payer | None:
    """The organization that a Reference names, as a client sent it; None for a patient or other person."""
    if not is_organization(reference):
        return None
    rest = dict(reference)
    segment = take_segment(rest, base_url.rstrip("/") + "/")
    return _payer({**rest, "reference": segment})


def recipient_of(invoice: Invoice) -> Payer | None:
    """The organization that an invoice is sent to; None where that is a patient or nobody is named."""
    reference = _reference(invoice.recipient, INVOICE.without_columns(invoice, "recipient"))
    payer = _payer(reference)
    return payer if is_organization(reference) and payer.is_known else None


def payment_issuer_of(payment: PaymentReconciliation) -> Payer | None:
    """The organization that paid (R4 lets no other type be the issuer); None where a patient did."""
    rest = PAYMENT_RECONCILIATION.without_columns(payment, "paymentIssuer")
    payer = _payer(_reference(payment.payment_issuer, rest))
    return payer if payer.is_known else None


def _reference(segment: str | None, rest: dict[str, Any] | None) -> dict[str, Any]:
    """The Reference, its literal as the column has it: relative where it is to this server."""
    known = rest or {}
    return known if segment is None else {**known, "reference": segment}


def _payer(reference: Mapping[str, Any]) -> Payer:
    identifier = reference.get("identifier", {})
    return Payer(reference.get("reference"), identifier.get("system"), identifier.get("value"))

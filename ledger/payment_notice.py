"""A notice about a payment: that it was made, or that the bank has cleared it."""

from __future__ import annotations

from dataclasses import dataclass

from ledger.resource import NO_MONEY, DecimalMoney, Resource


@dataclass(slots=True, kw_only=True)
class PaymentNotice(Resource):
    """FHIR PaymentNotice. Index rows: identifier, payment-status, _tag, _security, _profile.

    `payment_id` is the PaymentReconciliation of ours that it is about.
    """

    status: str
    request: str | None = None
    response: str | None = None
    created: str | None = None
    provider: str | None = None
    payment_id: str | None = None
    payment_date: str | None = None
    payee: str | None = None
    recipient: str | None = None
    amount: DecimalMoney = NO_MONEY

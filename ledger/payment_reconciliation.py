"""A payment: money that was received, and what it was put to."""

from __future__ import annotations

from dataclasses import dataclass, field

from ledger.resource import NO_MONEY, DecimalMoney, Resource


@dataclass(slots=True, kw_only=True)
class PaymentDetail:
    """FHIR PaymentReconciliation.detail. `type_*` is the first coding; `request` a reference such as `Invoice/1`."""

    type_system: str | None = None
    type_code: str | None = None
    request: str | None = None
    date: str | None = None
    amount: DecimalMoney = NO_MONEY
    residue: bytes = b"{}"


@dataclass(slots=True, kw_only=True)
class PaymentReconciliation(Resource):
    """FHIR PaymentReconciliation. Index rows: identifier, _tag, _security, _profile.

    `payment_account_id` is the account that owns what is not allocated (extension payment-account); None: the payer
    named by `payment_issuer`. `refunded_*` (extension payment-refunded) is absent until something is refunded.
    """

    status: str
    period_start: str | None = None
    period_end: str | None = None
    created: str | None = None
    payment_issuer: str | None = None
    request: str | None = None
    requestor: str | None = None
    outcome: str | None = None
    disposition: str | None = None
    payment_date: str | None = None
    payment_amount: DecimalMoney = NO_MONEY
    payment_identifier_system: str | None = None
    payment_identifier_value: str | None = None
    payment_account_id: str | None = None
    method: str | None = None
    refunded_minor: int | None = None
    refunded_currency: str | None = None
    details: list[PaymentDetail] = field(default_factory=list)

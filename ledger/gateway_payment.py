"""A payment that a payment gateway is asked for: by card or mobile money, known by a token only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from ledger.money import Money

GatewayMethod = Literal["card", "mobile-money"]
GatewayStatus = Literal["unknown", "captured", "declined", "cancelled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayPayment:
    """`id` is the gateway's idempotency key too and, once it is captured, the id of the PaymentReconciliation.

    Unknown is what the gateway has not said the end of: the money may have moved. `reason`: the gateway's code.
    """

    id: str
    account_id: str
    method: GatewayMethod
    amount: Money
    invoice_ids: tuple[str, ...]
    payer: str | None
    requested_by: str
    requested_at: datetime
    status: GatewayStatus = "unknown"
    gateway_reference: str | None = None
    reason: str | None = None
    resolved_by: str | None = None
    resolved_at: datetime | None = None

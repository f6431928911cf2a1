"""The port to a payment gateway: what is asked of it and what it says. It only ever sees a token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from ledger.gateway_payment import GatewayPayment


@dataclass(frozen=True, slots=True)
class GatewayAnswer:
    """`reference` is the gateway's own of what it captured; `reason` its code where it did not."""

    status: Literal["pending", "captured", "declined", "cancelled"]
    reference: str | None = None
    reason: str | None = None


class GatewayUnclearError(Exception):
    """The gateway gave no answer that says what became of the payment: it may have happened."""


class PaymentGateway(Protocol):
    """Each may raise `GatewayUnclearError`, and all may be repeated: the payment's id stands for one payment."""

    async def charge(self, payment: GatewayPayment, token: str) -> GatewayAnswer: ...

    async def find(self, payment: GatewayPayment) -> GatewayAnswer | None:
        """What became of it; None where the gateway has never heard of it."""
        ...

    async def cancel(self, payment: GatewayPayment) -> GatewayAnswer:
        """Have it never happen, unless it has: what became of it. A charge of it that arrives later is refused."""
        ...

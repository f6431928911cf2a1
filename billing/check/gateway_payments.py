"""Payments through a gateway: what it captured is posted, as it was asked for, and nothing else is."""

from __future__ import annotations

from billing.check.corruption import Corruption
from billing.check.finding import Rule
from storage import check_gateway_payments

RULES = (
    Rule(
        Corruption.GATEWAY_PAYMENT_WRONG,
        check_gateway_payments.PAYMENT_WRONG,
        "GatewayPayment/{0}",
        "it is {1} over {2} {3} in minor units, and the payment of its id has {4} {5}",
    ),
)

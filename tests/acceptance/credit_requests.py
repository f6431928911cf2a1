"""Requests that credit, as the acceptance tests send them."""

from __future__ import annotations

from typing import Any

from billing.change import Change
from billing.context import Context
from billing.credit_charge import credit_charge
from billing.credit_invoice import LineCredit, credit
from ledger.money import Money
from storage.transaction import Transaction


async def perform_credit(
    tx: Transaction, context: Context, resource_type: str, resource_id: str, content: dict[str, Any]
) -> tuple[Change, ...]:
    """`content`: lines as (number, minor units or None, currency), and whether they are billed again."""
    if resource_type == "ChargeItem":
        return (await credit_charge(tx, context, resource_id, reason=content["reason"]),)
    lines = [
        LineCredit(number, None if amount is None else Money(currency, amount))
        for number, amount, currency in content["lines"]
    ]
    done = await credit(tx, context, resource_id, reason="too much", lines=lines, rebill=content["rebill"])
    return done.note, done.invoice, *done.payments

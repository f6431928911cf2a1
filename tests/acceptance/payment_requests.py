"""Requests about payments that are there, as the acceptance tests send them."""

from __future__ import annotations

from typing import Any

from billing.allocate_payment import allocate_payment
from billing.change import Change
from billing.context import Context
from billing.deallocate_payment import NamedAllocation, deallocate_payment
from billing.reverse_payment import reverse_payment
from billing.transfer_money import transfer_money
from ledger.money import Money
from storage.transaction import Transaction


async def perform_on_payment(
    tx: Transaction, context: Context, operation: str, payment_id: str, content: dict[str, Any]
) -> Change:
    """`content`: what is named (invoice, minor units or None, currency); of `reverse` the reason and the fee; of
    `transfer` where to, and how much of which currency."""
    match operation:
        case "allocate":
            return await allocate_payment(tx, context, payment_id, _named(content))
        case "deallocate":
            return await deallocate_payment(tx, context, payment_id, _named(content))
        case "transfer":
            amount = None if content["amount"] is None else Money(content["of"], content["amount"])
            to = content["to"]
            return (
                await transfer_money(tx, context, payment_id, to_account=to, amount=amount, reason="a mistake")
            ).change
    fee = content.get("fee")
    return await reverse_payment(
        tx, context, payment_id, reason=content["reason"], fee=None if fee is None else Money(*fee)
    )


def _named(content: dict[str, Any]) -> list[NamedAllocation]:
    return [
        NamedAllocation(invoice, None if amount is None else Money(currency, amount), "here")
        for invoice, amount, currency in content["named"]
    ]

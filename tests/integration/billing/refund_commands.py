"""Refunds and their decisions as a test sends them, each as somebody."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

from billing.approve_refund import approve_refund
from billing.context import Context
from billing.fail_refund import fail_refund
from billing.locked_refund import LockedRefund
from billing.pay_refund import pay_refund
from billing.reject_refund import reject_refund
from billing.request_refund import RefundRequest, request_refund
from ledger.money import Money
from storage.transaction import Transaction
from tests.integration.billing.hospital import Document, Hospital, Result

LIMITS = {"refund_approval_above__AFN": "1000", "refund_second_approval_above__AFN": "5000"}


async def as_actor(
    hospital: Hospital, actor: str, command: Callable[[Transaction, Context], Awaitable[Result]]
) -> Result:
    context = replace(hospital.context, actor=actor)
    return await hospital.database.run(hospital.tenant_id, actor, lambda tx: command(tx, context))


async def refund(
    hospital: Hospital, payment: Document, amount: str, *, by: str = "cashier", currency: str = "AFN", **more: Any
) -> LockedRefund:
    money = Money.of_decimal(Decimal(amount), currency)
    wanted = RefundRequest(payment_id=payment["id"], amount=money, **{"reason": "not needed", **more})
    return await as_actor(hospital, by, lambda tx, context: request_refund(tx, context, wanted))


async def approve(hospital: Hospital, made: LockedRefund, by: str) -> LockedRefund:
    return await as_actor(hospital, by, lambda tx, context: approve_refund(tx, context, made.refund.id))


async def reject(hospital: Hospital, made: LockedRefund, by: str = "chief") -> LockedRefund:
    return await as_actor(hospital, by, lambda tx, context: reject_refund(tx, context, made.refund.id, reason="no"))


async def pay(
    hospital: Hospital, made: LockedRefund, by: str = "treasurer", *, method: str | None = None
) -> LockedRefund:
    return await as_actor(hospital, by, lambda tx, context: pay_refund(tx, context, made.refund.id, method=method))


async def fail(hospital: Hospital, made: LockedRefund, by: str = "treasurer") -> LockedRefund:
    command = fail_refund
    return await as_actor(hospital, by, lambda tx, context: command(tx, context, made.refund.id, reason="returned"))

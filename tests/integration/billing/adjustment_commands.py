"""Adjustments and their decisions as a test sends them, each as somebody."""

from __future__ import annotations

from decimal import Decimal

from billing.adjust_account import AdjustmentRequest, adjust_account
from billing.apply_adjustment import AppliedAdjustment
from billing.approve_adjustment import approve_adjustment
from billing.provide_for_loss import provide_for_loss
from billing.recover_debt import recover_debt
from billing.reject_adjustment import reject_adjustment
from ledger.money import Money
from tests.integration.billing.hospital import Document, Hospital
from tests.integration.billing.refund_commands import as_actor

LIMITS = {"adjustment_approval_above__AFN": "1000", "adjustment_second_approval_above__AFN": "5000"}


async def adjust(
    hospital: Hospital,
    account: Document,
    kind: str,
    amount: str,
    *,
    by: str = "cashier",
    invoice: Document | None = None,
    currency: str = "AFN",
    reason: str = "agreed",
) -> AppliedAdjustment:
    wanted = AdjustmentRequest(
        account_id=account["id"],
        type=kind,
        amount=Money.of_decimal(Decimal(amount), currency),
        reason=reason,
        invoice_id=None if invoice is None else invoice["id"],
    )
    return await as_actor(hospital, by, lambda tx, context: adjust_account(tx, context, wanted))


async def approve(hospital: Hospital, made: AppliedAdjustment, by: str) -> AppliedAdjustment:
    return await as_actor(hospital, by, lambda tx, context: approve_adjustment(tx, context, made.adjustment.id))


async def reject(hospital: Hospital, made: AppliedAdjustment, by: str = "chief") -> AppliedAdjustment:
    return await as_actor(
        hospital, by, lambda tx, context: reject_adjustment(tx, context, made.adjustment.id, reason="no")
    )


async def provide(hospital: Hospital, account: Document, amount: str, currency: str = "AFN") -> AppliedAdjustment:
    money = Money.of_decimal(Decimal(amount), currency)
    return await as_actor(
        hospital,
        "accountant",
        lambda tx, context: provide_for_loss(tx, context, account["id"], amount=money, reason="overdue"),
    )


async def recover(
    hospital: Hospital, payment: Document, account: Document, amount: str, currency: str = "AFN"
) -> AppliedAdjustment:
    money = Money.of_decimal(Decimal(amount), currency)
    return await as_actor(
        hospital,
        "accountant",
        lambda tx, context: recover_debt(
            tx, context, payment["id"], account["id"], amount=money, reason="paid after all"
        ),
    )

"""Refunds, adjustments and what is decided of them, as the acceptance tests send them, each as somebody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from billing.adjust_account import AdjustmentRequest, adjust_account
from billing.apply_adjustment import AppliedAdjustment
from billing.approve_adjustment import approve_adjustment
from billing.approve_refund import approve_refund
from billing.context import Context
from billing.fail_refund import fail_refund
from billing.locked_refund import LockedRefund
from billing.pay_refund import pay_refund
from billing.provide_for_loss import provide_for_loss
from billing.recover_debt import recover_debt
from billing.reject_adjustment import reject_adjustment
from billing.reject_refund import reject_refund
from billing.request_refund import RefundRequest, request_refund
from ledger.money import Money
from storage.transaction import Transaction

OPERATIONS = ("refund", "approve", "reject", "pay-out", "fail", "adjust", "provide", "recover")


async def perform_approval(
    tx: Transaction, context: Context, operation: str, type_or_id: str, content: dict[str, Any]
) -> Sequence[tuple[str, str, str]]:
    """(type, id, status) of the refund or adjustment, and of the credit notes that it made.

    `content`: `by` is who sends it, `amount` (currency, minor units).
    """
    resource_type, _, id_ = type_or_id.partition("/")
    context = replace(context, actor=content.pop("by"))
    if "amount" in content:
        content["amount"] = Money(*content["amount"])
    match operation, resource_type:
        case "refund", _:
            return _refund(await request_refund(tx, context, RefundRequest(payment_id=id_, **content)))
        case "approve", "Refund":
            return _refund(await approve_refund(tx, context, id_))
        case "reject", "Refund":
            return _refund(await reject_refund(tx, context, id_, reason="no"))
        case "pay-out", _:
            return _refund(await pay_refund(tx, context, id_, method=content["method"]))
        case "fail", _:
            return _refund(await fail_refund(tx, context, id_, reason="returned"))
        case "adjust", _:
            return _adjustment(await adjust_account(tx, context, AdjustmentRequest(account_id=id_, **content)))
        case "approve", "Adjustment":
            return _adjustment(await approve_adjustment(tx, context, id_))
        case "reject", "Adjustment":
            return _adjustment(await reject_adjustment(tx, context, id_, reason="no"))
        case "provide", _:
            return _adjustment(await provide_for_loss(tx, context, id_, reason="overdue", **content))
        case "recover", _:
            account_id = content.pop("account")
            return _adjustment(await recover_debt(tx, context, id_, account_id, reason="paid after all", **content))
    raise AssertionError((operation, type_or_id))


def _refund(made: LockedRefund) -> Sequence[tuple[str, str, str]]:
    return [("Refund", made.refund.id, made.status)]


def _adjustment(made: AppliedAdjustment) -> Sequence[tuple[str, str, str]]:
    notes = [(note.resource_type, note.id, note.outcome) for note in made.credit_notes]
    return [("Adjustment", made.adjustment.id, made.status), *notes]

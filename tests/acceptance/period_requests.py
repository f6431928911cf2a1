"""Requests that close posting periods, as the acceptance tests send them."""

from __future__ import annotations

from typing import Any

from billing.close_period import close_period
from billing.context import Context
from billing.reopen_period import reopen_period
from billing.soft_close_period import soft_close_period
from ledger.posting_period import PostingPeriod
from storage.transaction import Transaction

OPERATIONS = ("soft-close", "close", "reopen")


async def perform_on_period(
    tx: Transaction, context: Context, operation: str, period_id: str, content: dict[str, Any]
) -> PostingPeriod:
    """`content`: of `soft-close` the last day, or None."""
    match operation:
        case "soft-close":
            return await soft_close_period(tx, context, period_id, last_day=content["last_day"])
        case "close":
            return await close_period(tx, period_id)
    return await reopen_period(tx, period_id, reason="a bank statement was missing")

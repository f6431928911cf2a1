"""Soft-close a posting period: what is of it counts in the next one from now on, but for who may close periods."""

from __future__ import annotations

from datetime import date

from billing.context import Context
from billing.posting_periods import day_of_id
from ledger.posting_period import PostingPeriod, soft_closed
from storage import posting_periods
from storage.transaction import Transaction


async def soft_close_period(
    tx: Transaction, context: Context, period_id: str, *, last_day: date | None = None
) -> PostingPeriod:
    """`last_day`: when it ends, if not with its month. It waits for postings that are under way."""
    first_day = day_of_id(period_id)
    stored = await posting_periods.lock(tx)
    change = soft_closed(stored.shut, stored.days, first_day, last_day, context.today(tx.now), stored.recognition)
    return posting_periods.record(tx, stored, change)

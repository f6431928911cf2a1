"""Open a soft-closed posting period again, for everybody. What is closed is never opened."""

from __future__ import annotations

from billing.posting_periods import day_of_id
from ledger.posting_period import PostingPeriod, reopened
from storage import posting_periods
from storage.transaction import Transaction


async def reopen_period(tx: Transaction, period_id: str, *, reason: str) -> PostingPeriod:
    first_day = day_of_id(period_id)
    stored = await posting_periods.lock(tx)
    return posting_periods.record(tx, stored, reopened(stored.shut, stored.days, first_day, reason))

"""Close a posting period for ever, with the trial balance that it is closed with.

The books are closed through its last day: everything up to that day is as it will always be. `./run check` proves it.
"""

from __future__ import annotations

from billing.posting_periods import day_of_id
from ledger.errors import conflict
from ledger.posting_period import PostingPeriod, closed
from ledger.trial_balance import differences
from storage import control_totals, posting_periods
from storage.transaction import Transaction


async def close_period(tx: Transaction, period_id: str) -> PostingPeriod:
    """It waits for postings that are under way, and counts all of them."""
    first_day = day_of_id(period_id)
    stored = await posting_periods.lock(tx)
    change = closed(stored.shut, stored.days, first_day)
    last_day = change.period.last_day
    totals = await control_totals.totals(tx, tx.tenant_id, effective=last_day, recorded=None, facility=None)
    if off := differences(totals):
        said = ", ".join(f"{amount} minor units in {currency}" for currency, amount in sorted(off.items()))
        raise conflict("trial-balance-off", f"The trial balance is off by {said}; find out why with ./run check.")
    posting_periods.record_closing_balance(tx, last_day, totals)
    return posting_periods.record(tx, stored, change)

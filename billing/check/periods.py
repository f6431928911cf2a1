"""Closed posting periods: nothing came into one later, and its trial balance is what it was closed with."""

from __future__ import annotations

from billing.check.corruption import Corruption
from billing.check.finding import Rule
from storage import check_periods

RULES = (
    Rule(
        Corruption.ENTRY_IN_CLOSED_PERIOD,
        check_periods.ENTRY_IN_CLOSED,
        "JournalEntry/{0}",
        "it counts on {1} and was recorded when the books were closed through {2}",
    ),
    Rule(
        Corruption.CLOSING_BALANCE_DIFFERS,
        check_periods.CLOSING_DIFFERS,
        "closed through {0}, ledger account {1} {2}",
        "it was closed with debits of {3} and credits of {4}, and the postings come to {5} and {6}",
    ),
    Rule(
        Corruption.PERIOD_CHANGE_WRONG,
        check_periods.CHANGE_WRONG,
        "posting period {2}",
        "change {0}, to {1}, does not follow from the one before it",
    ),
    Rule(
        Corruption.ENTRY_DATE_WRONG,
        check_periods.DATE_WRONG,
        "JournalEntry/{0}",
        "it counts on {1}, which is neither the day of the service, {2}, nor was the first open day",
    ),
)

"""Cash sessions: each expected its float and what moved in it, and booked what was over or short."""

from __future__ import annotations

from billing.check.corruption import Corruption
from billing.check.finding import Rule
from ledger.cash_session import OVER_SHORT
from storage import check_cash

RULES = (
    Rule(
        Corruption.CASH_SESSION_DIFFERS,
        check_cash.SESSION_DIFFERS,
        "CashSession/{0}",
        "it expected {1} minor units, its float and movements come to {2}; {3} declared, {4} booked as over",
        (OVER_SHORT,),
    ),
    Rule(
        Corruption.CASH_MOVEMENT_WRONG,
        check_cash.MOVEMENT_WRONG,
        "CashSession/{0}",
        "JournalEntry/{1} counts as {2} minor units in it, and moved {3} in its drawer",
    ),
)

"""The control totals of the general ledger: they sum what the sealed part of the journal holds."""

from __future__ import annotations

from billing.check.corruption import Corruption
from billing.check.finding import Rule
from storage import check_control_totals

RULES = (
    Rule(
        Corruption.CONTROL_TOTAL_WRONG,
        check_control_totals.WRONG,
        "ledger account {0} {1} {2}",
        "the control totals have debits of {3} and credits of {4}, the postings {5} and {6}",
    ),
    Rule(
        Corruption.CONTROL_CHECKPOINT_WRONG,
        check_control_totals.CHECKPOINT_WRONG,
        "JournalBlock/{0}",
        "the control totals say that they hold this block, and it is not there or ends elsewhere",
    ),
)

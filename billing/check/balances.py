"""The balances of accounts are the sums of the journal, and what is billed is what the invoices say is due."""

from __future__ import annotations

from billing.check.corruption import Corruption
from billing.check.finding import Rule
from storage import check_balances

RULES = (
    Rule(
        Corruption.BALANCE_STALE,
        check_balances.STALE,
        "Account/{0}",
        "{1} is stored as {2} minor units, but its postings come to {3}",
    ),
    Rule(
        Corruption.BALANCE_MISSING,
        check_balances.MISSING,
        "Account/{0}",
        "it has no balances in its currency",
    ),
    Rule(
        Corruption.BALANCE_WITHOUT_ACCOUNT,
        check_balances.WITHOUT_ACCOUNT,
        "Account/{0}",
        "there are balances in {1}, and no such account in it",
    ),
    Rule(
        Corruption.RECORDED_AT_DIFFERS,
        check_balances.RECORDED_DIFFERS,
        "Account/{0}",
        "its balances were last changed at {1}, its newest entry is of {2}",
    ),
    Rule(
        Corruption.RECORDED_AT_REPEATED,
        check_balances.RECORDED_TOGETHER,
        "Account/{0}",
        "two entries are recorded at {1}",
    ),
    Rule(
        Corruption.RECEIVABLES_DIFFER,
        check_balances.DUES_DIFFER,
        "Account/{0}",
        "{1} minor units are billed, but {2} are due on its invoices",
    ),
    Rule(
        Corruption.RECEIVABLE_WITHOUT_INVOICE,
        check_balances.RECEIVABLE_WITHOUT_INVOICE,
        "JournalEntry/{0} line {1}",
        "no invoice of its account stands behind the receivable",
    ),
)

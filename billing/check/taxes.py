"""Taxes: what an issued invoice was taxed by is what its rule said on that day, and of a day one rule holds."""

from __future__ import annotations

from billing.check.corruption import Corruption
from billing.check.finding import Rule
from storage import check_taxes

RULES = (
    Rule(
        Corruption.TAX_SNAPSHOT_WRONG,
        check_taxes.SNAPSHOT_WRONG,
        "Invoice/{0} line {1}",
        "its tax is said to be by the rule {2}, which says another one, or nothing of it on that day",
    ),
    Rule(
        Corruption.TAX_RULES_OVERLAP,
        check_taxes.OVERLAP,
        "tax rule {0}",
        "it is in force on a day on which {1} is, for the same",
    ),
)

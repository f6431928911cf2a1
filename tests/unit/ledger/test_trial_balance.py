"""Trial balances by themselves: balances, and by how much the books do not balance."""

from __future__ import annotations

from ledger.chart import LedgerAccount as L
from ledger.chart import name_of
from ledger.trial_balance import LedgerAccountTotal, differences


def test_a_balance_is_debits_less_credits_and_books_that_balance_differ_by_nothing() -> None:
    cash, revenue = LedgerAccountTotal(L.CASH, "AFN", 70, 20), LedgerAccountTotal(L.PATIENT_REVENUE, "AFN", 5, 55)
    assert (cash.balance_minor, revenue.balance_minor) == (50, -50)
    assert differences([cash, revenue]) == {}
    off = [cash, revenue, LedgerAccountTotal(L.CASH, "AED", 3, 0), LedgerAccountTotal(L.BANK, "AED", 1, 2)]
    assert differences(off) == {"AED": 2}


def test_ledger_accounts_are_named_as_people_read_them() -> None:
    assert name_of(L.RECEIVABLE_PATIENT) == "Receivable patient"
    assert name_of(L.CASH) == "Cash"

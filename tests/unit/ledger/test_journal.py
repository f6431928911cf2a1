"""Journal entries: they balance, and a reversal takes one back exactly."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.chart import LedgerAccount
from ledger.journal import JournalEntry, Posting, balance_changes, merged, reversal, transfer

ON = date(2026, 2, 1)
PATIENT, UNBILLED = LedgerAccount.RECEIVABLE_PATIENT, LedgerAccount.UNBILLED_RECEIVABLE


def entry(*postings: Posting) -> JournalEntry:
    return JournalEntry(
        kind="k", currency="AFN", effective_at=ON, source_type="Invoice", source_id="i", postings=postings
    )


def test_an_entry_that_does_not_balance_or_says_nothing_is_a_mistake_of_ours() -> None:
    for postings in ([Posting(PATIENT, 1)], [Posting(PATIENT, 0), Posting(UNBILLED, 0)]):
        with pytest.raises(AssertionError):
            entry(*postings)


@given(st.lists(st.tuples(st.sampled_from(LedgerAccount), st.sampled_from(LedgerAccount), st.integers(-9, 9))))
def test_merging_leaves_what_it_comes_to_and_no_zero(moves: list[tuple[LedgerAccount, LedgerAccount, int]]) -> None:
    postings = [line for debit, credit, amount in moves for line in transfer(debit, credit, amount, account_id="a")]
    result = merged(postings)
    assert all(line.amount_minor for line in result)
    assert len({line._replace(amount_minor=0) for line in result}) == len(result)
    for account in LedgerAccount:
        before, after = (
            sum(line.amount_minor for line in lines if line.ledger_account == account) for lines in (postings, result)
        )
        assert before == after


def test_a_reversal_is_the_same_lines_with_the_opposite_sign() -> None:
    original = entry(*transfer(PATIENT, UNBILLED, 5, account_id="a", invoice_id="i", payer="p", facility="f"))
    back = reversal(original, "e1", effective_at=date(2026, 3, 1), kind="back", reason="why")
    assert merged([*original.postings, *back.postings]) == ()
    assert (back.reverses_entry_id, back.reason, back.effective_at) == ("e1", "why", date(2026, 3, 1))
    assert (back.source_type, back.source_id, back.currency) == ("Invoice", "i", "AFN")


def test_balances_follow_the_postings_of_patient_accounts() -> None:
    postings = [
        Posting(PATIENT, 100, "a"),
        Posting(UNBILLED, -100, "a"),
        Posting(LedgerAccount.UNAPPLIED_PATIENT, -30, "b"),
        Posting(LedgerAccount.CASH, 30),
        Posting(LedgerAccount.UNAPPLIED_PAYER, -5),
        Posting(LedgerAccount.PATIENT_REVENUE, -7, "a"),
    ]
    assert balance_changes(postings) == {
        "a": {"billed_patient": 100, "unbilled": -100},
        "b": {"unapplied": 30},
    }

"""What an adjustment takes of an invoice's shares, and the entry that books it."""

from __future__ import annotations

from datetime import UTC, date, datetime

from hypothesis import given
from hypothesis import strategies as st

from ledger.adjustment import CONTRACTUAL, WRITE_OFF, Adjustment, applied_entry, take
from ledger.approval import Limits
from ledger.chart import LedgerAccount
from ledger.payment import ShareOfInvoice

PATIENT, PAYER = LedgerAccount.RECEIVABLE_PATIENT, LedgerAccount.RECEIVABLE_PAYER
amounts = st.integers(-(10**15), 10**15)


def shares(patient: int, *payers: int) -> list[ShareOfInvoice]:
    of_payers = [ShareOfInvoice(PAYER, f"Organization/{at}", amount) for at, amount in enumerate(payers)]
    return [*of_payers, ShareOfInvoice(PATIENT, None, patient)]


def adjustment(kind: str, amount: int) -> Adjustment:
    return Adjustment(
        id="1",
        currency="KWD",
        amount_minor=amount,
        reason="x",
        requested_by="ann",
        requested_at=datetime(2026, 3, 1, tzinfo=UTC),
        approvals_needed=0,
        counted_minor=amount,
        limits=Limits(0, None),
        window_days=30,
        type=kind,
        account_id="a",
    )


def test_the_patient_s_share_is_taken_first_then_the_payers_in_order() -> None:
    taken = take(WRITE_OFF, shares(100, 30, 50), 140)
    assert [(share.payer, part) for share, part in taken] == [
        (None, 100),
        ("Organization/0", 30),
        ("Organization/1", 10),
    ]


def test_a_contract_is_with_payers_only() -> None:
    assert [(share.payer, part) for share, part in take(CONTRACTUAL, shares(100, 30), 140)] == [("Organization/0", 30)]


@given(amounts, st.lists(amounts, max_size=4), st.integers(1, 10**15), st.sampled_from([WRITE_OFF, CONTRACTUAL]))
def test_no_more_is_taken_than_is_open_or_asked_for(patient: int, payers: list[int], amount: int, kind: str) -> None:
    taken = take(kind, shares(patient, *payers), amount)
    owed = [*payers, *([] if kind == CONTRACTUAL else [patient])]
    assert sum(part for _, part in taken) == min(amount, sum(max(each, 0) for each in owed))
    assert all(0 < part <= share.amount_minor for share, part in taken)


@given(st.integers(1, 10**15), st.integers(-5, 2 * 10**15), st.sampled_from([WRITE_OFF, CONTRACTUAL]))
def test_the_allowance_is_used_as_far_as_it_reaches(amount: int, allowance: int, kind: str) -> None:
    share = ShareOfInvoice(PAYER, "Organization/0", amount)
    entry = applied_entry(adjustment(kind, amount), [("i", [(share, amount)])], allowance, date(2026, 3, 1))
    booked = {line.ledger_account: line.amount_minor for line in entry.postings}
    used = min(max(allowance, 0), amount) if kind == WRITE_OFF else 0
    against = LedgerAccount.IMPAIRMENT if kind == WRITE_OFF else LedgerAccount.CONTRACTUAL_ALLOWANCE
    expected = {LedgerAccount.LOSS_ALLOWANCE: used, against: amount - used, PAYER: -amount}
    assert booked == {account: minor for account, minor in expected.items() if minor}

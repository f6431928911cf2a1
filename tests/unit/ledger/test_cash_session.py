"""Cash by itself: what is over or short when a drawer is counted, and the rounding to the smallest coin."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from ledger.cash_session import CashSession, over_short_entry, rounded_to_coin, rounding_entry
from ledger.chart import LedgerAccount as L
from ledger.journal import JournalEntry, Posting

DAY, NOW = date(2026, 3, 1), datetime(2026, 3, 1, tzinfo=UTC)
OPEN = CashSession(id="s", drawer="main", currency="AFN", float_minor=100, opened_by="ann", opened_at=NOW)


def test_a_session_that_is_open_is_neither_over_nor_short() -> None:
    assert (OPEN.is_open, OPEN.over_minor) == (True, None)
    assert replace(OPEN, declared_minor=5).over_minor is None
    assert over_short_entry(OPEN, DAY) is None
    assert not replace(OPEN, closed_at=NOW).is_open


@pytest.mark.parametrize("over", [1, -30])
def test_what_is_over_or_short_is_booked(over: int) -> None:
    closed = replace(OPEN, declared_minor=700 + over, expected_minor=700, closed_by="ann", closed_at=NOW)
    assert over_short_entry(closed, DAY) == JournalEntry(
        kind="cash-over-short",
        currency="AFN",
        effective_at=DAY,
        source_type="CashSession",
        source_id="s",
        postings=(Posting(L.CASH, over, detail="main"), Posting(L.CASH_OVER_SHORT, -over)),
    )


def test_a_drawer_that_is_right_books_nothing() -> None:
    assert over_short_entry(replace(OPEN, declared_minor=700, expected_minor=700), DAY) is None


@pytest.mark.parametrize(
    ("amount", "coin", "paid"),
    [(1, 5, 0), (2, 5, 0), (3, 5, 5), (7, 5, 5), (8, 5, 10), (10, 5, 10), (1, 2, 2), (49, 100, 0), (50, 100, 100),
     (7, 1, 7), (7, 0, 7)],
)  # fmt: skip
def test_cash_is_rounded_to_the_nearest_coin_half_upwards(amount: int, coin: int, paid: int) -> None:
    assert rounded_to_coin(amount, coin) == paid


def test_rounding_is_no_money_of_the_payment() -> None:
    assert rounding_entry("p", "main", -2, "AED", DAY) == JournalEntry(
        kind="cash-rounded",
        currency="AED",
        effective_at=DAY,
        source_type="PaymentReconciliation",
        source_id="p",
        postings=(Posting(L.CASH, -2, detail="main"), Posting(L.CASH_ROUNDING, 2)),
    )

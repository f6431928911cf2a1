"""How many approvals a request needs, who may give them, and what it is by then."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.approval import (
    APPROVED,
    PENDING,
    REJECTED,
    Decision,
    Limits,
    Request,
    refuse_approver,
    status_after_approval,
    status_of,
)
from ledger.errors import Category, Refusal

NOW = datetime(2026, 3, 1, tzinfo=UTC)
REQUEST = Request(
    id="1",
    currency="AFN",
    amount_minor=5,
    reason="x",
    requested_by="ann",
    requested_at=NOW,
    approvals_needed=2,
    counted_minor=5,
    limits=Limits(1, 3),
    window_days=30,
)
minor_units = st.integers(1, 10**15)
limits = st.builds(Limits, st.integers(0, 10**15), st.none() | st.integers(0, 10**15))


def decided(decision: str, by: str, status: str = PENDING) -> Decision:
    return Decision(decision, status, by, NOW)


@pytest.mark.parametrize(
    ("counted", "second", "needed"), [(100, 500, 0), (101, 500, 1), (500, 500, 1), (501, 500, 2), (501, None, 1)]
)
def test_what_is_above_a_limit_needs_approval(counted: int, second: int | None, needed: int) -> None:
    assert Limits(100, second).approvals_for(counted) == needed


def test_a_second_limit_below_the_first_asks_for_nothing_before_it() -> None:
    assert [Limits(100, 50).approvals_for(counted) for counted in (60, 100, 101)] == [0, 0, 2]


@given(limits, st.lists(minor_units, min_size=1, max_size=6))
def test_splitting_an_amount_never_spares_an_approval(given_limits: Limits, parts: list[int]) -> None:
    so_far, needed = 0, []
    for part in parts:
        so_far += part
        needed.append(given_limits.approvals_for(so_far))
    assert needed == sorted(needed)
    assert needed[-1] == given_limits.approvals_for(sum(parts))


def test_neither_the_requester_nor_who_has_approved_approves() -> None:
    for decisions, actor in (([], "ann"), ([decided(APPROVED, "bob")], "bob")):
        with pytest.raises(Refusal) as raised:
            refuse_approver(REQUEST, decisions, actor)
        assert (raised.value.category, raised.value.code) == (Category.NOT_ALLOWED, "separation-of-duties")
    refuse_approver(REQUEST, [decided(APPROVED, "bob")], "cat")


def test_the_status_is_that_of_the_last_decision() -> None:
    assert status_of(REQUEST, [], "applied") == PENDING
    assert status_of(replace(REQUEST, approvals_needed=0), [], "applied") == "applied"
    assert status_of(REQUEST, [decided(APPROVED, "bob"), decided(REJECTED, "cat", REJECTED)], "applied") == REJECTED


def test_the_last_approval_that_is_needed_is_enough() -> None:
    assert status_after_approval(REQUEST, [], "applied") == PENDING
    assert status_after_approval(REQUEST, [decided(APPROVED, "bob")], "applied") == "applied"

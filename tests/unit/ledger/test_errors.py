"""Refusals: each category by its word, with all that was said."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ledger.errors import Category, Problem, Refusal, conflict, invalid, not_found, refuse, rule_broken


@pytest.mark.parametrize(
    ("make", "category"),
    [(invalid, Category.INVALID), (rule_broken, Category.RULE_BROKEN), (conflict, Category.CONFLICT)],
)
def test_a_refusal_says_all_that_it_was_given(make: Callable[..., Refusal], category: Category) -> None:
    assert make("code", "Words.", "Invoice.date", "required").problems == (
        Problem(category, "code", "Words.", "Invoice.date", "required"),
    )
    assert make("code", "Words.").problems == (Problem(category, "code", "Words.", "", ""),)


def test_what_is_not_there_has_no_issue_of_its_own() -> None:
    expected = (Problem(Category.NOT_FOUND, "not-found", "Words.", "Invoice", ""),)
    assert not_found("not-found", "Words.", "Invoice").problems == expected
    assert not_found("not-found", "Words.").problems[0].expression == ""


def test_a_refusal_has_the_category_and_code_of_its_first_problem_and_reads_as_all() -> None:
    first, second = Problem(Category.GONE, "a", "One."), Problem(Category.INVALID, "b", "Two.")
    refusal = Refusal(iter([first, second]))
    assert (refusal.category, refusal.code, str(refusal)) == (Category.GONE, "a", "a: One.; b: Two.")
    assert refuse(Category.GONE, "a", "One.").problems == (first,)


def test_a_refusal_says_why() -> None:
    with pytest.raises(AssertionError):
        Refusal([])

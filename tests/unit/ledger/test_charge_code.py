"""Charge codes: when one is valid, whose row counts, and what is not sound."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from ledger.charge_code import ChargeCode, is_in_table, refuse_codes
from ledger.errors import Refusal
from ledger.tenant import NATIONAL
from tests.unit.ledger.refusals import refused

SYSTEM = "http://www.ama-assn.org/go/cpt"
DAY = date(2026, 3, 1)


def code(**changed: Any) -> ChargeCode:
    values: dict[str, Any] = {"system": SYSTEM, "code": "99213"}
    return ChargeCode(**(values | changed))


@pytest.mark.parametrize(
    ("first", "last", "is_valid"),
    [
        (None, None, True),
        (DAY, DAY, True),
        (date(2026, 3, 2), None, False),
        (None, date(2026, 2, 28), False),
        (date(2026, 1, 1), date(2026, 12, 31), True),
    ],
)
def test_both_days_are_valid(first: date | None, last: date | None, *, is_valid: bool) -> None:
    assert code(valid_from=first, valid_to=last).is_valid_on(DAY) is is_valid


def test_a_code_that_no_row_has_is_not_in_the_table() -> None:
    assert not is_in_table([], DAY)


def test_a_row_of_ones_own_goes_before_that_of_the_country() -> None:
    ended, national = code(valid_to=date(2025, 12, 31)), code(country="AF")
    assert is_in_table([national], DAY)
    assert not is_in_table([national, ended], DAY)


@pytest.mark.parametrize(
    "wrong",
    [
        {"system": ""},
        {"system": "a b"},
        {"code": ""},
        {"code": " 1"},
        {"code": "1" * 101},
        {"display": ""},
        {"valid_from": DAY, "valid_to": date(2026, 2, 27)},
        {"country": "AF"},
    ],
)
def test_what_is_not_sound_is_refused_with_its_place(wrong: dict[str, Any]) -> None:
    with pytest.raises(Refusal) as refused:
        refuse_codes("t", [code(code="1"), code(**wrong)])
    assert [(each.code, each.expression) for each in refused.value.problems] == [("charge-code-invalid", "/codes/1")]


@pytest.mark.parametrize("country", [None, "Afghanistan", "af"])
def test_a_national_code_is_for_a_country(country: str | None) -> None:
    with pytest.raises(Refusal):
        refuse_codes("national", [code(country=country)])


def test_a_code_is_there_once() -> None:
    with pytest.raises(Refusal, match="2 times"):
        refuse_codes("t", [code(), code(display="again")])
    refuse_codes("national", [code(country="AF"), code(country="AE")])


def test_a_code_may_end_on_the_day_before_its_first_and_so_never_be() -> None:
    refuse_codes("t", [code(valid_from=DAY, valid_to=date(2026, 2, 28)), code(code="2", valid_from=date.min)])


WORD = "charge-code-invalid"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"system": "a b"}, "system is a URI such as http://www.ama-assn.org/go/cpt."),
        ({"system": "x" * 201}, "system is a URI such as http://www.ama-assn.org/go/cpt."),
        ({"valid_from": DAY, "valid_to": date(2026, 2, 27)}, "valid_to is not before valid_from."),
        ({"country": "af"}, "country is a code of ISO 3166 such as AF."),
    ],
)
def test_what_is_no_code_is_refused_at_its_place(changed: dict[str, Any], message: str) -> None:
    tenant, country = (NATIONAL, "AF") if "country" in changed else ("t", None)
    assert refused(
        refuse_codes, tenant, [code(country=country), code(**{"code": "b", "country": country, **changed})]
    ) == [("rule_broken", WORD, message, "/codes/1")]


def test_a_code_that_comes_twice_is_named() -> None:
    assert refused(refuse_codes, "t", [code(), code()]) == [
        ("rule_broken", WORD, f"99213 of {SYSTEM} is there 2 times.", "/codes")
    ]


def test_texts_at_their_limits_are_fine() -> None:
    refuse_codes("t", [code(code="x" * 100, display="y" * 500), code(display="z"), code(system="x" * 200)])
    refuse_codes(NATIONAL, [code(country="AF")])

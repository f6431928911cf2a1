"""Charge codes as CSV: back without loss, and every line that is wrong is named."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.charge_code import ChargeCode
from ledger.errors import Refusal
from mappers.charge_code_csv import read_csv, write_csv

words = st.text(st.characters(codec="ascii", categories=("L", "P", "S")), min_size=1, max_size=8)
days = st.none() | st.dates()


@given(
    st.lists(
        st.builds(
            ChargeCode,
            system=words,
            code=words,
            display=st.none() | words,
            valid_from=days,
            valid_to=days,
        )
    )
)
def test_what_is_written_is_read_again(codes: list[ChargeCode]) -> None:
    assert read_csv(write_csv(codes)) == codes


def test_columns_may_be_left_out_and_stand_in_any_order() -> None:
    assert read_csv("\ufeffCode,System\r\n\r\n99213,urn:x\r\n", "AF") == [
        ChargeCode(system="urn:x", code="99213", country="AF")
    ]


def test_every_line_that_is_wrong_is_named() -> None:
    with pytest.raises(Refusal) as refused:
        read_csv("system,code,valid_from\nurn:x,1,2026-13-01\nurn:x\nurn:x,3,20260301\nurn:x,2,2026-01-01\n")
    assert [(each.code, each.expression) for each in refused.value.problems] == [
        ("charge-code-csv", "line 2"),
        ("charge-code-csv", "line 3"),
        ("charge-code-csv", "line 4"),
    ]


@pytest.mark.parametrize("header", ["", "system", "system,code,code", "system,code,price"])
def test_the_header_names_the_columns(header: str) -> None:
    with pytest.raises(Refusal, match="charge-code-csv"):
        read_csv(f"{header}\n")


def test_a_card_number_is_not_kept() -> None:
    with pytest.raises(Refusal, match="pan-detected"):
        read_csv("system,code\nurn:x,4111111111111111\n")


def test_days_are_days() -> None:
    assert read_csv("system,code,valid_to\nurn:x,1,2026-03-31\n")[0].valid_to == date(2026, 3, 31)

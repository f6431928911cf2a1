"""Price lists as CSV: in and out without loss, and every line that cannot be read is named."""

from __future__ import annotations

import csv
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ledger.card_numbers import holds_card_number
from ledger.errors import Refusal
from ledger.price_list import RULE_KINDS, Price, PriceRule
from mappers.price_list_csv import read_csv, write_csv

_texts = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=12)
_codes = st.tuples(_texts, _texts)
_optional = st.none() | _texts
_currencies = st.sampled_from(["AFN", "JPY", "KWD", "USD"])
_amounts = st.integers(0, 10**15)

prices = st.builds(
    Price,
    system=_texts,
    code=_texts,
    currency=_currencies,
    amount_minor=_amounts,
    unit=st.just("") | _texts,
    tax_category=_optional,
    tax_included=st.booleans(),
    name=_optional,
)
by_percent = st.builds(
    PriceRule,
    id=_texts,
    kind=st.sampled_from(RULE_KINDS),
    percent=st.decimals(0, 100, places=2),
    code=st.none() | _codes,
    modifier=_optional,
    modifier_system=_optional,
    name=_optional,
)
by_amount = st.builds(
    PriceRule, id=_texts, kind=st.sampled_from(RULE_KINDS), amount_minor=_amounts, currency=_currencies, name=_optional
)


@given(st.lists(prices, max_size=5), st.lists(by_percent | by_amount, max_size=5))
def test_what_is_written_is_read_the_same(some: list[Price], rules: list[PriceRule]) -> None:
    written = write_csv(some, rules)
    # A price of quadrillions may read like a card number, and is refused as one.
    assume(not any(holds_card_number(cell) for cells in csv.reader(written.splitlines()) for cell in cells))
    assert read_csv(written) == (some, rules)


def test_columns_stand_in_any_order_and_those_not_needed_are_left_out() -> None:
    text = "\ufeffCode,amount,KIND,system,currency\r\n99213, 500 ,price,urn:s,AFN\n\n,,,,\n"
    assert read_csv(text) == ([Price(system="urn:s", code="99213", currency="AFN", amount_minor=50000)], [])


def test_yes_and_no_are_understood_in_several_words() -> None:
    text = "kind,system,code,currency,amount,tax_category,tax_included\n"
    for word, expected in (("yes", True), ("TRUE", True), ("1", True), ("", False), ("no", False), ("0", False)):
        (read,), _ = read_csv(f"{text}price,s,c,AFN,1,vat,{word}\n")
        assert read.tax_included is expected


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("price,s,c,AFN,5.001,,", "AFN has 2 decimals"),
        ("price,s,c,XQQ,5,,", "ISO 4217"),
        ("price,s,c,AFN,five,,", "amount is a decimal"),
        ("price,s,c,AFN,NaN,,", "amount is a decimal"),
        ("price,s,c,AFN,1E+99,,", "amount is a decimal"),
        ("price,s,c,AFN,1E+30,,", "10^15"),
        ("price,s,c,AFN,5,3,", "percent is not for a line of kind price"),
        ("gift,s,c,AFN,5,,", "kind is price"),
        ("discount,s,,,,5,x", "system and code"),
        ("discount,,,,,many,x", "percent is a decimal"),
        ("price,s,c,AFN", "4 cells"),
        ('price,s,c,AFN,"5', "no CSV"),
    ],
)
def test_a_line_that_cannot_be_read_is_named(line: str, says: str) -> None:
    text = f"kind,system,code,currency,amount,percent,id\nprice,s,c,AFN,1,,\n{line}\n"
    with pytest.raises(Refusal) as raised:
        read_csv(text)
    (problem,) = raised.value.problems
    assert problem.code == "price-list-csv"
    assert problem.expression == "line 3"
    assert says in problem.message


@pytest.mark.parametrize("header", ["", "kind,price", "code,amount", "kind,kind"])
def test_the_first_line_names_the_columns(header: str) -> None:
    with pytest.raises(Refusal, match="first line"):
        read_csv(f"{header}\nprice\n")


def test_a_percent_keeps_its_decimals() -> None:
    rule = PriceRule(id="r", kind="discount", percent=Decimal("12.50"))
    (read,) = read_csv(write_csv([], [rule]))[1]
    assert str(read.percent) == "12.50"

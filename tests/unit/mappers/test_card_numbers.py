"""The guard: the quick look at the bytes misses nothing that the thorough one would find."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.card_numbers import holds_card_number
from ledger.errors import Refusal
from mappers.card_numbers import may_hold_card_number, refuse_card_numbers, refuse_card_numbers_in_text
from mappers.price_list_csv import read_csv
from mappers.r4.json_text import decode
from tests.unit.ledger.test_card_numbers import CARDS, OTHERS, WRITTEN

CARD = "4111111111111111"


def refused_places(document: dict[str, Any], allowed: frozenset[str] = frozenset()) -> list[str]:
    body = json.dumps(document).encode()
    try:
        refuse_card_numbers(body, decode(body), allowed)
    except Refusal as caught:
        refusal = caught
    else:
        return []
    assert {problem.code for problem in refusal.problems} == {"pan-detected"}
    assert CARD not in str(refusal)
    return [problem.expression for problem in refusal.problems]


@pytest.mark.parametrize("text", [*CARDS, *WRITTEN])
@pytest.mark.parametrize("escaped", [True, False])
def test_the_quick_look_sees_each_way_to_write_one(text: str, escaped: bool) -> None:
    assert may_hold_card_number(json.dumps({"a": [{"b": text}]}, ensure_ascii=escaped).encode())


@given(st.text(alphabet=st.one_of(st.sampled_from("4111 -.5\u0664\u0661\u06f1\u200b&#;%\\/\n"), st.characters())))
def test_what_the_quick_look_clears_holds_none(text: str) -> None:
    for escaped in (True, False):
        body = json.dumps({"a": text}, ensure_ascii=escaped).encode("utf-8", "surrogatepass")
        if not may_hold_card_number(body):
            assert not holds_card_number(text)


@pytest.mark.parametrize("text", [text for texts in OTHERS.values() for text in texts])
def test_what_only_looks_like_one_is_accepted(text: str) -> None:
    assert refused_places({"resourceType": "Account", "name": text}) == []


def test_every_place_is_told_and_none_of_the_numbers() -> None:
    document = {
        "resourceType": "Account",
        "name": CARD,
        "extension": [{"url": "http://x.example/y", "valueString": "none"}, {"valueString": "4111 1111-11111111"}],
        "number": 4111111111111111,
        CARD: "as a key",
    }
    assert refused_places(document) == ["Account", "Account.name", "Account.extension[1].valueString", "Account.number"]


def test_an_identifier_of_a_system_that_the_tenant_names_is_accepted_and_no_other() -> None:
    document = {
        "resourceType": "Account",
        "identifier": [{"system": "http://his.example/file", "value": CARD}, {"system": "http://x", "value": CARD}],
    }
    assert refused_places(document, frozenset({"http://his.example/file"})) == ["Account.identifier[1].value"]


def test_amounts_are_numbers_and_no_cards() -> None:
    assert refused_places({"resourceType": "Invoice", "totalNet": {"value": 4222222222222}}) == []


@pytest.mark.parametrize(
    ("value", "is_refused"),
    [
        ("http://his.example/file|4111111111111111", False),
        ("http://his.example/file|1,http://his.example/file|4111111111111111", False),
        ("http://x|4111111111111111", True),
        ("http://x?a=http://his.example/file|1&b=4111111111111111", True),
        ("4111111111111111", True),
    ],
)
def test_a_search_by_such_an_identifier_is_accepted(value: str, is_refused: bool) -> None:
    allowed = frozenset({"http://his.example/file"})
    try:
        refuse_card_numbers_in_text([("identifier", value)], allowed)
    except Refusal:
        assert is_refused
    else:
        assert not is_refused


def test_cells_of_a_file_are_looked_at_one_by_one() -> None:
    assert refused_places({"csv": "code,amount\r\n4111,1111\r\n1111,1111\r\n"}) == []
    assert refused_places({"csv": "code,name\r\n1,of 4111 1111 1111 1111\r\n"}) == ["Resource.csv"]


def test_a_price_list_with_a_card_number_is_refused_with_its_line() -> None:
    header = "kind,system,code,currency,amount,name"
    with pytest.raises(Refusal, match="Line 2 holds") as refused:
        read_csv(f"{header}\nprice,http://x,a,AFN,10,{CARD}\n")
    assert refused.value.code == "pan-detected"
    assert CARD not in str(refused.value)

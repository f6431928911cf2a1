"""JSON in and out without loss, and what is refused."""

import json
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import Category, Refusal
from mappers.r4.json_text import DEPTH_MAX, canonical, decode, decode_encoded, encode

TEXT = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff") | st.sampled_from('\t\n\r"\\/')
)
NUMBERS = st.integers(-(10**39), 10**39) | st.builds(
    lambda units, exponent: Decimal(units).scaleb(exponent), st.integers(-(10**18), 10**18), st.integers(-20, 20)
)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(TEXT, VALUES, max_size=5)


def problems_of(body: bytes) -> list[tuple[str, str]]:
    with pytest.raises(Refusal) as caught:
        decode(body)
    assert all(problem.category is Category.INVALID and problem.message for problem in caught.value.problems)
    return [(problem.code, problem.expression) for problem in caught.value.problems]


@given(OBJECTS)
def test_what_is_encoded_decodes_to_the_same(value: dict[str, Any]) -> None:
    again = decode(encode(value))

    assert again == value
    assert encode(again) == encode(value)


@given(OBJECTS)
def test_what_is_encoded_here_is_read_as_what_comes_from_others(value: dict[str, Any]) -> None:
    assert encode(decode_encoded(encode(value))) == encode(decode(encode(value)))


@pytest.mark.parametrize("value", [{"a": "\x00"}, {"a": 10**41}, {"a": json.loads("[" * 70 + "]" * 70)}])
def test_what_is_encoded_here_is_refused_for_the_same_but_repeated_keys(value: dict[str, Any]) -> None:
    for read in (decode, decode_encoded):
        with pytest.raises(Refusal):
            read(json.dumps(value).encode())


@given(OBJECTS)
def test_another_reader_of_json_reads_the_same(value: dict[str, Any]) -> None:
    assert json.loads(encode(value), parse_float=Decimal) == value


@given(OBJECTS)
def test_the_canonical_form_does_not_depend_on_the_order_of_keys(value: dict[str, Any]) -> None:
    backwards = dict(reversed(value.items()))

    assert canonical(value) == canonical(backwards)
    assert decode(canonical(value)) == value


@pytest.mark.parametrize("number", ["10.00", "0.10", "-0.0", "1E+3", "1E-7", "100", "0.000", "12345678901234567890.12"])
def test_numbers_come_back_as_they_were_written(number: str) -> None:
    body = f'{{"value":{number}}}'.encode()

    assert encode(decode(body)) == body


def test_an_exponent_that_is_written_otherwise_stays_the_same_number() -> None:
    assert decode(b'{"value":1e3}') == {"value": Decimal("1E+3")}
    assert encode(decode(b'{"value":1e3}')) == b'{"value":1E+3}'


def test_text_in_any_script_is_written_as_utf_8() -> None:
    assert encode({"name": "بیمار 😀"}) == '{"name":"بیمار 😀"}'.encode()
    assert decode(rb'{"name":"\u0628\ud83d\ude00"}') == {"name": "ب😀"}


def test_a_byte_order_mark_is_ignored() -> None:
    assert decode(b'\xef\xbb\xbf{"a":1}') == {"a": 1}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"{'a':1}",
        b'{"a":1,}',
        b'{"a":01}',
        b'{"a":.5}',
        b'{"a":1.}',
        b'{"a":+1}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":tru}',
        b'{"a":1} x',
        b'{"a":"\x00"}',
        b'{"a":"\n"}',
        b'{"a":"\\x41"}',
        b'{"a":"\\ud800"}',
        b'{"a":"\\ud800 and more"}',
        b'{"a":"\\udc00\\ud800"}',
        b'{"\\udc00":1}',
        b'{"a":"\xff"}',
        b'{"a":"\xed\xa0\x80"}',
        b'{"a":"\xc0\x80"}',
        b'{"a":"\xf4\x90\x80\x80"}',
        '{"a":1}'.encode("utf-16"),
        b"\x00\x01\x02",
        b"// comment\n{}",
    ],
)
def test_what_is_not_json_in_utf_8_is_refused(body: bytes) -> None:
    assert problems_of(body) == [("json-malformed", "")]


@pytest.mark.parametrize("body", [b"[]", b'"Invoice"', b"1", b"null", b"true", b"[{}]"])
def test_what_is_no_object_is_refused(body: bytes) -> None:
    assert problems_of(body) == [("json-not-object", "")]


@pytest.mark.parametrize(
    ("body", "expressions"),
    [
        (b'{"resourceType":"Invoice","status":"draft","status":"issued"}', ["Invoice.status"]),
        (b'{"resourceType":"Invoice","subject":{"id":"a","id":"a"}}', ["Invoice.subject.id"]),
        (b'{"a":[{},{"b":1,"b":1}]}', ["Resource.a[1].b"]),
        (rb'{"a":1,"\u0061":2}', ["Resource.a"]),
        (b'{"a":1,"a":1,"b":{"c":1,"c":2}}', ["Resource.a", "Resource.b.c"]),
        (b'{"a":{"b":1,"b":2},"a":3}', ["Resource.a"]),
        (b'{"":1,"":2}', ["Resource.``"]),
    ],
)
def test_a_key_that_is_there_twice_is_refused_with_its_place(body: bytes, expressions: list[str]) -> None:
    assert problems_of(body) == [("json-duplicate-key", expression) for expression in expressions]


def test_equal_keys_of_different_objects_are_no_duplicates() -> None:
    assert decode(rb'{"a":{"x":1},"b":{"x":1},"c":"\u00e9"}')["b"] == {"x": 1}


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":' * DEPTH_MAX + b"{}" + b"}" * DEPTH_MAX,
        b'{"a":' + b"[" * DEPTH_MAX + b"1" + b"]" * DEPTH_MAX + b"}",
        b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
        b'{"a":' + b"[" * 900 + b"1," * 1_000 + b"1" + b"]" * 900 + b"}",
    ],
)
def test_nesting_past_the_limit_is_refused(body: bytes) -> None:
    assert problems_of(body) == [("json-too-deep", "")]


def test_nesting_up_to_the_limit_is_fine_however_wide() -> None:
    deep = b'{"a":' * DEPTH_MAX + b"1" + b"}" * DEPTH_MAX

    assert decode(deep)
    assert decode(b'{"a":[' + b"{}," * 500 + b'{}],"b":"{{{{{[[[["}')


@pytest.mark.parametrize(
    ("body", "expression"),
    [
        (b'{"resourceType":"Invoice","a":[0,1e400]}', "Invoice.a[1]"),
        (b'{"a":1e-400}', "Resource.a"),
        (b'{"a":1e99999999999999999999999999}', "Resource.a"),
        (b'{"a":1' + b"0" * 40 + b"}", "Resource.a"),
        (b'{"a":-1' + b"0" * 4_000 + b"}", "Resource.a"),
        (b'{"a":1' + b"0" * 10_000 + b"}", ""),
        (b'{"a":0.' + b"1" * 41 + b"}", "Resource.a"),
        (b'{"a":1e400,"a":1}', ""),
    ],
)
def test_a_number_that_no_ledger_holds_is_refused(body: bytes, expression: str) -> None:
    assert problems_of(body) == [("json-number", expression)]


def test_long_digit_strings_in_text_are_text() -> None:
    assert decode(b'{"a":"' + b"9" * 50 + b'"}') == {"a": "9" * 50}


@pytest.mark.parametrize(
    ("body", "expression"),
    [
        (rb'{"resourceType":"Account","name":"a\u0000b"}', "Account.name"),
        (rb'{"a":["\b"]}', "Resource.a[0]"),
        (rb'{"a":"\f"}', "Resource.a"),
        (rb'{"a":"\u001F"}', "Resource.a"),
        (rb'{"a":"\uffff"}', "Resource.a"),
        ('{"a":"\ufffe"}'.encode(), "Resource.a"),
        (rb'{"\u0007":1}', "Resource"),
    ],
)
def test_control_characters_are_refused_with_their_place(body: bytes, expression: str) -> None:
    assert problems_of(body) == [("json-character", expression)]


def test_tabs_line_feeds_and_escaped_backslashes_are_text() -> None:
    assert decode(rb'{"a":"\t\n\r\\b\\u0000"}') == {"a": "\t\n\r\\b\\u0000"}


def test_many_problems_are_listed_up_to_a_limit() -> None:
    body = b'{"a":[' + b"1e400," * 1_000 + b"1]}"

    assert len(problems_of(body)) == 200


@given(st.binary(max_size=60) | st.builds(lambda value, end: encode(value)[:end], OBJECTS, st.integers(0, 200)))
def test_no_bytes_raise_anything_but_a_refusal(body: bytes) -> None:
    with suppress(Refusal):
        decode(body)

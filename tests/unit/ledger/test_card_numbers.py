"""What is a card number and what only looks like one."""

from __future__ import annotations

import random
import secrets
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.card_numbers import holds_card_number, is_card_number

# The test numbers that card schemes publish.
CARDS = [
    "4111111111111111",
    "4012888888881881",
    "4222222222222",
    "5555555555554444",
    "2223003122003222",
    "378282246310005",
    "371449635398431",
    "6011111111111117",
    "30569309025904",
    "38520000023237",
    "3530111333300000",
    "6212345678901265",
    "6759649826438453",
    "6799990100000000019",
]
WRITTEN = [
    "4111 1111 1111 1111",
    "4111-1111-1111-1111",
    "4111.1111.1111.1111",
    "4111/1111/1111/1111",
    "4111_1111_1111_1111",
    "4111:1111:1111:1111",
    "4111,1111,1111,1111",
    "4111\N{NO-BREAK SPACE}1111\N{NON-BREAKING HYPHEN}1111\N{THIN SPACE}1111",
    "4\N{ZERO WIDTH SPACE}111111111111111",
    "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
    "41 1111 1111 1111 11",
    "3782 822463 10005",
    "\u06f4\u06f1\u06f1\u06f1\u06f1\u06f1\u06f1\u06f1\u06f1\u06f1\u06f1\u06f1\u06f1\u06f1\u06f1\u06f1",
    "\u0664\u0661\u0661\u0661 \u0661\u0661\u0661\u0661 \u0661\u0661\u0661\u0661 \u0661\u0661\u0661\u0661",
    "\uff14\uff11\uff11\uff11\uff11\uff11\uff11\uff11\uff11\uff11\uff11\uff11\uff11\uff11\uff11\uff11",
    "card 4111111111111111 exp 12/27 123",
    "12 4111 1111 1111 1111 12/27",
    "PAN4111111111111111x",
    "<div>4111<b>1111</b>11111111</div>",
    "&#52;111111111111111",
    "%34111111111111111",
    "+4111111111111111",
]
OTHERS = {
    "an Emirates id": ["784-1987-1234567-1", "784198712345671"],
    "an IMEI": ["35-209900-176148-1", "352099001761481", "490154203237518"],
    "zeros": ["0000000000000000"],
    "an IBAN": ["AE07 0331 2345 6789 0123 456", "AE070331234567890123456", "DE89 3704 0044 0532 0130 00"],
    "a phone number": ["+93701234567", "0093 70 123 4567", "+49 1512 3456789", "+971 4 123 4567 / +971 50 123 4567"],
    "a time": ["2026-11-21T03:09:00.123456+04:30", "20261121030900", "1763694540000", "1763694540000000"],
    "a tazkira": ["1400-0101-12345"],
    "a Pakistani identity card": ["42101-1234567-1", "42101-1234567-9", "42101-1234567-5"],
    "an OID": ["urn:oid:2.16.840.1.113883.4.642.3.1234"],
    "a wrong check digit": ["4111111111111112", "5555555555554445"],
    "a wrong length": ["41111111111111", "37828224631000", "41111111111111111111"],
    "no issuer": ["9999999999999995", "1234567812345670"],
    "a UUID": ["41111111-1111-1111-1111-111111111111", "urn:uuid:40128888-8888-1881-4012-888888881881"],
    "a digest": ["a4111111111111111bcdef0123456789"],
}


@pytest.mark.parametrize("number", CARDS)
def test_the_published_test_numbers_of_the_schemes_are_card_numbers(number: str) -> None:
    assert is_card_number(number)
    assert holds_card_number(f"paid with {number}.")


@pytest.mark.parametrize("text", WRITTEN)
def test_a_card_number_is_found_however_it_is_written(text: str) -> None:
    assert holds_card_number(text)


@pytest.mark.parametrize("text", [text for texts in OTHERS.values() for text in texts])
def test_what_only_looks_like_a_card_number_is_let_through(text: str) -> None:
    assert not holds_card_number(text)


@given(st.sampled_from(CARDS), st.text(alphabet=" -\u00a0\u2009\u2011\u200b", max_size=2), st.integers(0x660, 0x6F0))
def test_a_separator_between_all_digits_and_another_script_hide_nothing(card: str, gap: str, zero: int) -> None:
    script = {str(digit): chr((zero if zero in {0x660, 0x6F0} else 0x966) + digit) for digit in range(10)}
    assert holds_card_number(gap.join(card))
    assert holds_card_number("".join(script[digit] for digit in card))


@given(st.text())
def test_any_text_can_be_looked_at(text: str) -> None:
    holds_card_number(text)


def test_file_numbers_of_16_digits_that_begin_with_the_year_are_let_through() -> None:
    draw = random.Random(1)
    assert not any(holds_card_number(f"2026{draw.randrange(10**12):012}") for _ in range(5000))


def test_random_uuids_and_digests_are_let_through() -> None:
    texts = [str(uuid4()) for _ in range(5000)] + [secrets.token_hex(32) for _ in range(5000)]
    texts += [str(UUID(int=draw)) for draw in (0, 2**128 - 1, 0x41111111111111111111111111111111)]
    assert [text for text in texts if holds_card_number(text)] == []

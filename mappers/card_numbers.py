"""The guard against card numbers in what is sent: every text and key of a document, every parameter of a query.

Most documents are cleared by one look at their bytes, which costs a few microseconds: fewer than 13 digits stand
together in them, whatever separates them. Only the others are taken apart. An identifier of a system that the tenant
has named is left out of it, for a tenth of all long file numbers would pass for a card's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Set
from itertools import islice
from typing import Any
from urllib.parse import unquote

from ledger.card_numbers import DIGITS_MAX, DIGITS_MIN, holds_card_number, is_card_number, uuid_in_bytes
from ledger.errors import Category, Problem, Refusal
from mappers.r4.faults import PROBLEMS_MAX, shortened
from mappers.r4.json_text import places

_MESSAGE = "A payment card number is here; none is kept. Send a reference of the payment provider instead."

_ANY_DIGIT_AS_0 = bytes.maketrans(b"123456789", b"000000000")
_ASCII = bytes(range(128))
# All but letters, digits, and what ends a text in JSON; of other scripts every byte, for it may be a separator.
_SEPARATORS = bytes(
    byte for byte in range(256) if byte >= 128 or not (chr(byte).isalnum() or chr(byte) in '"[]{}\\&%<')
)
_MANY = b"0" * DIGITS_MIN
_ESCAPED = re.compile(rb"\\[unrt/]|&#|%[0-9A-Fa-f]{2}|[0-9]<")
_ESCAPING = (b"\\", b"&", b"%", b"<")
_other_digit = re.compile(r"\d|[\u00b2\u00b3\u00b9\u2070-\u2089\u2460-\u249b\u24ea-\u24ff\u2776-\u2793]").search
_between_cells = re.compile(r"[,;\t\r\n]")
_NUMBER_DIGITS_MIN = 15  # shorter ones may well be amounts


def refuse_card_numbers(body: bytes, document: Any, allowed_systems: Set[str] = frozenset()) -> None:
    """Refuse a document, decoded from `body`, that holds a card number; the places are told, the number never."""
    if may_hold_card_number(body):
        problems = list(islice(_in_document(document, allowed_systems), PROBLEMS_MAX))
        if problems:
            raise Refusal(problems)


def refuse_card_numbers_in_text(texts: Iterable[tuple[str, str]], allowed_systems: Set[str] = frozenset()) -> None:
    """The same of named texts: parameters of a query, headers, cells of a file."""
    for name, text in texts:
        if holds_card_number(name) or (len(text) >= DIGITS_MIN and _holds(text, allowed_systems)):
            raise Refusal([_problem(shortened(name))])


def may_hold_card_number(body: bytes) -> bool:
    """False where the bytes of a JSON document hold none for certain. Plain C loops, for every body passes here."""
    if _MANY in body.translate(_ANY_DIGIT_AS_0, _SEPARATORS):
        # One UUID in a hundred has so many digits together, and an invoice has twenty.
        body = uuid_in_bytes.sub(b"x", body)
        if _MANY in body.translate(_ANY_DIGIT_AS_0, _SEPARATORS):
            return True
    if not body.isascii() and _other_digit(body.translate(None, _ASCII).decode(errors="replace")):
        return True
    # Nearly no body has any of these four signs, and to look for a byte is far quicker than for a pattern.
    return any(sign in body for sign in _ESCAPING) and _ESCAPED.search(body) is not None


def _in_document(document: Any, allowed_systems: Set[str]) -> Iterator[Problem]:
    allowed: set[str] = set()
    for place, item in places(document):
        if isinstance(item, dict):
            if any(holds_card_number(key) for key in item):
                yield _problem(place)
            if item.get("system") in allowed_systems:
                allowed.add(f"{place}.value")
        elif isinstance(item, str):
            if len(item) < DIGITS_MIN or place in allowed:
                continue
            # The cells of a file stand beside each other without being one number.
            texts = _between_cells.split(item) if place.endswith(".csv") else [item]
            if any(_holds(text, allowed_systems) for text in texts):
                yield _problem(place)
        elif not isinstance(item, list | bool | None):
            digits = str(item).removeprefix("-").partition(".")[0]
            if _NUMBER_DIGITS_MIN <= len(digits) <= DIGITS_MAX and digits.isdigit() and is_card_number(digits):
                yield _problem(place)


def _holds(text: str, allowed_systems: Set[str]) -> bool:
    if not holds_card_number(text):
        return False
    if not allowed_systems or "|" not in (plain := unquote(text)):
        return True
    # As in a search: identifier=system|value.
    for system in allowed_systems:
        plain = re.sub(rf"(?<![^,=&]){re.escape(system)}\|[^,&$]*", "", plain)
    return holds_card_number(plain)


def _problem(place: str) -> Problem:
    return Problem(Category.RULE_BROKEN, "pan-detected", _MESSAGE, place, "security")

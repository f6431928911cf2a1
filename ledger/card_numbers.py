"""Whether a text holds a payment card number (PAN): none may ever be kept, shown or logged here.

A number counts where three things agree: an issuer's prefix, a length which that issuer gives, and the Luhn check digit
(ISO/IEC 7812). Digits of any script count, and separators between them are seen through. What is written like a card
counts inside of other numbers; a number that is cut up in another way counts where nothing else stands beside it.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Sequence
from urllib.parse import unquote

DIGITS_MIN, DIGITS_MAX = 13, 19

_LONG = range(16, 20)
# Prefixes from..to of the same number of digits, and the lengths of that issuer's numbers.
_ISSUERS: tuple[tuple[str, str, Sequence[int]], ...] = (
    ("4", "4", (13, 16, 18, 19)),  # Visa
    ("51", "55", (16,)),  # Mastercard
    ("2221", "2720", (16,)),
    ("34", "34", (15,)),  # American Express
    ("37", "37", (15,)),
    ("300", "305", range(14, 20)),  # Diners Club
    ("3095", "3095", range(14, 20)),
    ("36", "36", range(14, 20)),
    ("38", "39", range(14, 20)),
    ("3528", "3589", _LONG),  # JCB
    ("50", "50", _LONG),  # Maestro, Verve and the national schemes of the region
    ("56", "58", _LONG),
    ("60", "65", _LONG),  # Discover, RuPay, UnionPay, Shetab
    ("67", "67", _LONG),  # Maestro
    ("2200", "2205", _LONG),  # Mir
    ("81", "82", _LONG),  # UnionPay, RuPay
    ("8600", "8600", (16,)),  # Uzcard, Humo, Troy
    ("9860", "9860", (16,)),
    ("9792", "9792", (16,)),
)
_BY_FIRST_DIGIT = {
    digit: tuple(issuer for issuer in _ISSUERS if issuer[0][0] <= digit <= issuer[1][0]) for digit in "0123456789"
}
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)

# How cards are printed, beside groups of four.
_PRINTED = frozenset({(4, 6, 5), (4, 6, 4), (6, 13), (8, 8), (4, 3, 3, 3)})
# 13 digits in these groups are an identity card of Pakistan and no old Visa card.
_IDENTITY_CARD = (5, 7, 1)

_UUID = r"(?<![0-9A-Za-z])[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}(?![0-9A-Za-z])"
_DIGEST = r"(?<![0-9A-Za-z])(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64})(?![0-9A-Za-z])"
_uuid_or_digest = re.compile(f"{_UUID}|{_DIGEST}")
# The same but for its first part, so that it begins with a letter that is quickly looked for.
uuid_in_bytes = re.compile(
    rb"(?<![0-9A-Za-z][0-9a-fA-F]{8})(?<=[0-9a-fA-F]{8})-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}(?![0-9A-Za-z])"
)
_iban = re.compile(r"(?<![0-9A-Za-z])[A-Z]{2}[0-9]{2}(?: ?[0-9A-Z]{1,4}){3,8}(?![0-9A-Za-z])")
_span = re.compile(r"[0-9]+(?:[\W_]{1,3}[0-9]+)*")
_digits = re.compile(r"[0-9]+")
_tag = re.compile(r"<[^<>]*>")
_loose = re.compile(r"[\W_]+")


def holds_card_number(text: str) -> bool:
    """Whether a card number is written in the text, plainly or as XHTML and URLs escape it."""
    if len(text) < DIGITS_MIN:
        return False
    if _holds(text):
        return True
    if "%" in text and _holds(unquote(text)):
        return True
    return ("&" in text or "<" in text) and _holds(html.unescape(_tag.sub("", text)))


def is_card_number(digits: str) -> bool:
    """Whether these ASCII digits, as a whole, are a card number."""
    length = len(digits)
    if not DIGITS_MIN <= length <= DIGITS_MAX:
        return False
    has_issuer = any(
        low <= digits[: len(low)] <= high and length in lengths for low, high, lengths in _BY_FIRST_DIGIT[digits[0]]
    )
    return has_issuer and _luhn(digits)


def _holds(text: str) -> bool:
    text = text if text.isascii() else "".join(map(_ascii_digit, text))
    for span in _span.finditer(text):
        found = span.group()
        if len(found) >= DIGITS_MIN and _in_span(found, is_phone=text[: span.start()].endswith("+")):
            # The rare case: is it a part of something else, with a form of its own?
            rest = _iban.sub(_without_iban, _uuid_or_digest.sub("x", text))
            return rest == text or _holds(rest)
    return False


def _ascii_digit(character: str) -> str:
    value = unicodedata.digit(character, -1)
    return character if value < 0 else str(value)


def _in_span(span: str, *, is_phone: bool) -> bool:
    groups = _digits.findall(span)
    for first in range(len(groups)):
        number = ""
        for last in range(first, len(groups)):
            number += groups[last]
            if len(number) > DIGITS_MAX:
                break
            is_whole = first == 0 and last == len(groups) - 1
            if (
                len(number) >= DIGITS_MIN
                and is_card_number(number)
                and _is_plausible(groups[first : last + 1], span if is_whole else "")
                and not (is_phone and first == 0 and len(number) < 15)
            ):
                return True
    return False


def _is_plausible(groups: Sequence[str], whole: str) -> bool:
    """Whether cards are written so. `whole` is the text of the groups where no other digits stand beside them."""
    lengths = tuple(map(len, groups))
    if len(groups) == 1 or lengths in _PRINTED or (set(lengths[:-1]) == {4} and lengths[-1] <= 4):
        return True
    if not whole or lengths == _IDENTITY_CARD:
        return False
    is_even = len(set(lengths[:-1])) == 1 and lengths[-1] <= lengths[0]
    return is_even or all(map(_is_gap, "".join(_loose.findall(whole))))


def _is_gap(character: str) -> bool:
    """White space, a dash or what cannot be seen: other signs mean something, as in dates, lists and OIDs."""
    return character == "_" or unicodedata.category(character) in {"Zs", "Zl", "Zp", "Pd", "Cc", "Cf", "Mn", "Sm"}


def _without_iban(match: re.Match[str]) -> str:
    text = match.group()
    compact = text.replace(" ", "")
    number = "".join(str(int(each, 36)) for each in compact[4:] + compact[:4])
    return "x" if 15 <= len(compact) <= 34 and int(number) % 97 == 1 else text


def _luhn(digits: str) -> bool:
    total = 0
    for index, digit in enumerate(reversed(digits)):
        value = int(digit)
        total += _DOUBLED[value] if index % 2 else value
    return total % 10 == 0

"""The JSON border: FHIR JSON to Python values and back without losing a digit, a zero or a character.

Numbers with a decimal point become `Decimal` and keep their zeros; integers stay `int`. What RFC 8259 leaves open is
refused here once, so that nothing behind has to think of it: duplicate keys, deep nesting, numbers that no ledger
holds, characters that FHIR (or XML) forbids. https://hl7.org/fhir/R4/json.html
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal, InvalidOperation
from itertools import islice
from typing import Any

import msgspec

from ledger.errors import Category, Problem, Refusal, invalid
from mappers.r4.faults import PROBLEMS_MAX, step

DEPTH_MAX = 64
DIGITS_MAX = 40
"""A number has at most so many significant digits, and none further than so many places from the point."""

_BOM = b"\xef\xbb\xbf"
_CONTAINERS = frozenset({dict, list})
_FAR_FROM_MARGIN = b"\n" + b" " * DEPTH_MAX
_ANY_DIGIT_AS_0 = bytes.maketrans(b"123456789", b"000000000")
_INTEGER_LIMIT: int = 10**DIGITS_MAX
_LONG_INTEGER = b"0" * (DIGITS_MAX + 1)

# FHIR forbids the control characters but tab, line feed and carriage return; XML also U+FFFE and U+FFFF.
_forbidden_character = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]").search
_NOT_IN_XML = ("\ufffe".encode(), "\uffff".encode())
_forbidden_escape = re.compile(rb"\\(?:[bf]|u00[01]|u[fF]{3}[eEfF])").search


class _NumberRefusedError(Exception):
    pass


def decode(body: bytes) -> dict[str, Any]:
    """The JSON object that the bytes say. Everything else is refused, with a code for what is wrong and the place."""
    body = body.removeprefix(_BOM)
    try:
        value = _read(_decoder, body)
    except _NumberRefusedError:
        # Read again with the numbers as text, to say where they are; nowhere, if a duplicate key hides them.
        _refuse_any(_read(_lenient_decoder, body), _number_problem)
        raise Refusal([_bad_number()]) from None
    _check_depth(body, value)
    _check_keys(body, value)
    _check_integers_and_characters(body, value)
    return value


def decode_encoded(content: bytes) -> dict[str, Any]:
    """As `decode`, of the very bytes that `encode` gives, in which no key is there twice."""
    value = _read(_decoder, content)
    _check_depth(content, value)
    _check_integers_and_characters(content, value)
    return value


def decode_own(content: bytes) -> dict[str, Any]:
    """As `decode`, of what this server wrote itself: nothing is checked, and a Bundle may be deeper than a resource."""
    return _decoder.decode(content)


def encode(value: Any) -> bytes:
    """The value as compact JSON in UTF-8: the exact inverse of `decode`."""
    return _encoder.encode(value)


def canonical(value: Any) -> bytes:
    """As `encode`, with the keys of every object in order: equal bytes mean equal content, digit for digit."""
    return _canonical_encoder.encode(value)


def copied(value: Any) -> Any:
    """A copy of decoded JSON, down to the values that cannot change. (copy.deepcopy takes ten times as long.)"""
    if type(value) is dict:
        return {key: copied(item) if type(item) in _CONTAINERS else item for key, item in value.items()}
    return [copied(item) if type(item) in _CONTAINERS else item for item in value]


def _read(decoder: msgspec.json.Decoder[dict[str, Any]], body: bytes) -> dict[str, Any]:
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _refusal(error) from None


def _exact(number: str) -> Decimal:
    """A number with a point or an exponent as it was written."""
    if len(number) <= DIGITS_MAX and "e" not in number and "E" not in number:
        return Decimal(number)
    try:
        value = Decimal(number)
    except InvalidOperation:
        raise _NumberRefusedError from None
    if not _is_bounded(value):
        raise _NumberRefusedError
    return value


def _is_bounded(value: Decimal) -> bool:
    _, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int), "JSON has no NaN and no infinity"
    return len(digits) <= DIGITS_MAX and exponent >= -DIGITS_MAX and value.adjusted() <= DIGITS_MAX


def _refusal(error: Exception) -> Refusal:
    message = str(error)
    if isinstance(error, RecursionError):
        return _too_deep()
    if message.startswith("Expected `object`"):
        return invalid("json-not-object", "The body must be one JSON object.", issue="structure")
    if message.startswith("Integer value out of range"):
        return Refusal([_bad_number()])
    if isinstance(error, UnicodeDecodeError):
        return invalid("json-malformed", "The body is not UTF-8; send JSON in UTF-8.", issue="structure")
    return invalid(
        "json-malformed", f"The body is not JSON: {message.removeprefix('JSON is malformed: ')}.", issue="structure"
    )


def _check_depth(body: bytes, value: dict[str, Any]) -> None:
    if body.count(b"{") + body.count(b"[") <= DEPTH_MAX:
        return
    # Set out line by line, what is deep is far from the margin: to look for that is far quicker than to walk.
    if _FAR_FROM_MARGIN not in msgspec.json.format(body, indent=1):
        return
    level: list[Any] = [value]
    for _ in range(DEPTH_MAX):
        level = [
            child
            for item in level
            for child in (item.values() if type(item) is dict else item)
            if type(child) in _CONTAINERS
        ]
        if not level:
            return
    raise _too_deep()


def _too_deep() -> Refusal:
    message = f"Objects and arrays are nested more than {DEPTH_MAX} deep; flatten them."
    return invalid("json-too-deep", message, issue="too-long")


def _check_keys(body: bytes, value: dict[str, Any]) -> None:
    """A decoder keeps the last of two equal keys. What encodes to the same bytes again has lost none.

    Escapes and exponents may be written in more than one way; only then the keys are looked at one by one.
    """
    if msgspec.json.format(body, indent=-1) == _encoder.encode(value):
        return
    repeating: list[_Repeating] = []

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) == len(pairs):
            return found
        repeating.append(_Repeating(pairs))
        return repeating[-1]

    again = json.loads(body, object_pairs_hook=members, parse_int=str, parse_float=str)
    if repeating:
        raise Refusal(islice(_duplicates(again), PROBLEMS_MAX))


class _Repeating(dict[str, Any]):
    """An object some of whose keys are there more than once."""

    __slots__ = ("repeated",)

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.repeated = [name for name, count in Counter(name for name, _ in pairs).items() if count > 1]


def _duplicates(root: dict[str, Any]) -> Iterator[Problem]:
    message = "The key is there more than once; send it once."
    for place, item in places(root):
        for name in item.repeated if isinstance(item, _Repeating) else ():
            yield Problem(Category.INVALID, "json-duplicate-key", message, place + step(name), "structure")


def _check_integers_and_characters(body: bytes, value: dict[str, Any]) -> None:
    if _LONG_INTEGER in body.translate(_ANY_DIGIT_AS_0):
        _refuse_any(value, _number_problem)
    # Raw control characters are no JSON, so that only escapes can make them.
    has_escape = b"\\" in body and _forbidden_escape(body)
    if has_escape or (not body.isascii() and any(character in body for character in _NOT_IN_XML)):
        _refuse_any(value, _character_problem)


def _refuse_any(value: dict[str, Any], problem_of: Callable[[str, Any], Problem | None]) -> None:
    found = (problem for place, item in places(value) if (problem := problem_of(place, item)))
    problems = list(islice(found, PROBLEMS_MAX))
    if problems:
        raise Refusal(problems)


def _number_problem(place: str, item: Any) -> Problem | None:
    if not isinstance(item, (_Number, int)) or isinstance(item, bool) or _is_acceptable(item):
        return None
    return _bad_number(place)


def _bad_number(place: str = "") -> Problem:
    message = f"A number has at most {DIGITS_MAX} significant digits, within {DIGITS_MAX} places of the point."
    return Problem(Category.INVALID, "json-number", message, place, "value")


def _is_acceptable(item: _Number | int) -> bool:
    if isinstance(item, int):
        return -_INTEGER_LIMIT < item < _INTEGER_LIMIT
    try:
        return _is_bounded(Decimal(item))
    except InvalidOperation:
        return False


def _character_problem(place: str, item: Any) -> Problem | None:
    if isinstance(item, str) and _forbidden_character(item):
        message = "FHIR allows no control characters but tab, line feed and carriage return; remove them."
    elif isinstance(item, dict) and any(map(_forbidden_character, item)):
        message = "A key holds a control character; remove it."
    else:
        return None
    return Problem(Category.INVALID, "json-character", message, place, "value")


class _Number(str):
    """A number as it was written, to be told from a string."""

    __slots__ = ()


def places(root: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Every value in the object with its FHIRPath, in the order of the document."""
    name = root.get("resourceType")
    pending: list[tuple[str, Any]] = [(name if isinstance(name, str) and name.isalnum() else "Resource", root)]
    while pending:
        place, item = pending.pop()
        yield place, item
        if isinstance(item, dict):
            pending += [(place + step(key), child) for key, child in reversed(item.items())]
        elif isinstance(item, list):
            pending += [(f"{place}[{index}]", child) for index, child in reversed(list(enumerate(item)))]


_decoder = msgspec.json.Decoder(dict[str, Any], float_hook=_exact)
_lenient_decoder = msgspec.json.Decoder(dict[str, Any], float_hook=_Number)
_encoder = msgspec.json.Encoder(decimal_format="number")
_canonical_encoder = msgspec.json.Encoder(decimal_format="number", order="sorted")

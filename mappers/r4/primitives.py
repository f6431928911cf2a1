"""The primitive types of FHIR R4: JSON type, syntax and range. https://hl7.org/fhir/R4/datatypes.html#primitive"""

from __future__ import annotations

import base64
import binascii
import re
from calendar import monthrange
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any

from mappers.r4.faults import Check, Fault, Scope, json_type, one, shown

STRING_CHARACTERS_MAX = 1024 * 1024
INTEGER_MAX = 2**31 - 1
WHITESPACE = " \t\r\n"

# FHIR strings hold no control characters but tab, line feed and carriage return.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_NO_SPACE = r"[^\s\x00-\x1f]"
_YEAR = r"[0-9]([0-9]([0-9][1-9]|[1-9]0)|[1-9]00)|[1-9]000"
_MONTH, _DAY = r"(0[1-9]|1[0-2])", r"(0[1-9]|[12][0-9]|3[01])"
_TIME = r"([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\.[0-9]+)?"
_ZONE = r"(Z|[+-]((0[0-9]|1[0-3]):[0-5][0-9]|14:00))"

# What a whole string of a type looks like, where a pattern can say it.
_SYNTAX = {
    "code": rf"{_NO_SPACE}+([ \t\r\n]{_NO_SPACE}+)*",
    "id": r"[A-Za-z0-9\-.]{1,64}",
    "uri": rf"{_NO_SPACE}+",
    "url": rf"{_NO_SPACE}+",
    "canonical": rf"{_NO_SPACE}+",
    "oid": r"urn:oid:[0-2](\.(0|[1-9][0-9]*))+",
    "uuid": r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
    "date": rf"({_YEAR})(-{_MONTH}(-{_DAY})?)?",
    "dateTime": rf"({_YEAR})(-{_MONTH}(-{_DAY}(T{_TIME}{_ZONE})?)?)?",
    "instant": rf"({_YEAR})-{_MONTH}-{_DAY}T{_TIME}{_ZONE}",
    "time": _TIME,
}
PATTERNS = {name: f"^({syntax})$" for name, syntax in _SYNTAX.items()}
"""The same for a JSON Schema."""

_matches = {name: re.compile(syntax).fullmatch for name, syntax in _SYNTAX.items()}
_date, _date_time, _instant = _matches["date"], _matches["dateTime"], _matches["instant"]


def _is_string(value: str) -> bool:
    return (
        (value.isprintable() or _CONTROL.search(value) is None)
        and len(value) <= STRING_CHARACTERS_MAX
        and value.strip(WHITESPACE) != ""
    )


def _is_real_day(value: str) -> bool:
    """Whether a date that matches its regex is in the calendar: 2026-02-29 is not."""
    return value[8:10] < "29" or int(value[8:10]) <= monthrange(int(value[:4]), int(value[5:7]))[1]


def _is_date(value: str) -> bool:
    return _date(value) is not None and _is_real_day(value)


def _is_date_time(value: str) -> bool:
    return _date_time(value) is not None and _is_real_day(value)


def _is_instant(value: str) -> bool:
    return _instant(value) is not None and _is_real_day(value)


def _is_base64(value: str) -> bool:
    try:
        return base64.b64decode("".join(value.split()), validate=True) != b""
    except (binascii.Error, ValueError):
        return False


# Type -> (whether a string is of it, what to send instead).
_STRINGS: dict[str, tuple[Callable[[str], Any], str]] = {
    "string": (_is_string, "send text that is not blank, without control characters, of at most 1 MB"),
    "markdown": (_is_string, "send text that is not blank, without control characters, of at most 1 MB"),
    "code": (_matches["code"], "send a code without leading, trailing or doubled spaces"),
    "id": (_matches["id"], "send 1 to 64 of A-Z a-z 0-9 - ."),
    "uri": (_matches["uri"], "send a URI without spaces"),
    "url": (_matches["url"], "send a URL without spaces"),
    "canonical": (_matches["canonical"], "send a canonical URL without spaces"),
    "oid": (_matches["oid"], "send urn:oid: and an OID, as urn:oid:1.2.3"),
    "uuid": (_matches["uuid"], "send urn:uuid: and a UUID in lower case"),
    "date": (_is_date, "send a real date as YYYY, YYYY-MM or YYYY-MM-DD"),
    "dateTime": (
        _is_date_time,
        "send a real date as YYYY, YYYY-MM or YYYY-MM-DD, or with time and zone as 2026-03-01T10:00:00+04:30",
    ),
    "instant": (_is_instant, "send a real date with time and zone as 2026-03-01T10:00:00+04:30"),
    "time": (_matches["time"], "send a time as hh:mm:ss, without a zone"),
    "base64Binary": (_is_base64, "send base64 with its padding"),
}

_INTEGERS: dict[str, tuple[int, int]] = {
    "integer": (-INTEGER_MAX - 1, INTEGER_MAX),
    "unsignedInt": (0, INTEGER_MAX),
    "positiveInt": (1, INTEGER_MAX),
}


def primitive_check(type_name: str) -> Check:
    """The check of a JSON value that must be one of a primitive type."""
    if type_name in _STRINGS:
        return _string_check(type_name)
    if type_name in _INTEGERS:
        return _integer_check(type_name)
    return {"boolean": _boolean, "decimal": _decimal}[type_name]


def _string_check(type_name: str) -> Check:
    is_valid, _ = _STRINGS[type_name]
    wrong = partial(wrong_string, type_name)

    def check(value: Any, _scope: Scope) -> list[Fault] | None:
        return None if type(value) is str and is_valid(value) else wrong(value)

    return check


def wrong_string(type_name: str, value: Any) -> list[Fault]:
    if type(value) is not str:
        return wrong_json_type(value, "a JSON string")
    if not value:
        return one("empty", "A string must not be empty; leave the element out instead.", "invalid")
    wish = _STRINGS[type_name][1]
    return one(_code(type_name), f"{shown(value)} is not a valid {type_name}; {wish}.", "value")


def _integer_check(type_name: str) -> Check:
    least, most = _INTEGERS[type_name]

    def check(value: Any, _scope: Scope) -> list[Fault] | None:
        if type(value) is int and least <= value <= most:
            return None
        if type(value) is not int and type(value) is not Decimal:
            return wrong_json_type(value, "a JSON number")
        message = f"This is not a valid {type_name}; send a whole number from {least} to {most}, without decimals."
        return one(_code(type_name), message, "value")

    return check


def _boolean(value: Any, _scope: Scope) -> list[Fault] | None:
    return None if type(value) is bool else wrong_json_type(value, "true or false")


def _decimal(value: Any, _scope: Scope) -> list[Fault] | None:
    if type(value) is int or (type(value) is Decimal and value.is_finite()):
        return None
    if type(value) is Decimal:
        return one("invalid-decimal", "This is not a number that JSON knows; send a finite decimal.", "value")
    return wrong_json_type(value, "a JSON number")


def wrong_json_type(value: Any, wanted: str) -> list[Fault]:
    """The faults of a value that has another JSON type than the element's."""
    if value is None:
        return one("null-value", "FHIR has no null here; leave the element out instead.", "structure")
    if isinstance(value, list):
        return one("not-single", f"The element does not repeat: send {wanted}, not an array.", "structure")
    return one("wrong-json-type", f"The element must be {wanted}, not {json_type(value)}.", "structure")


def _code(type_name: str) -> str:
    """`dateTime` -> `invalid-date-time`."""
    return "invalid-" + re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", type_name).lower()

"""The small syntax of search values: what commas, bars and backslashes mean. https://hl7.org/fhir/R4/search.html#escaping"""

from __future__ import annotations

import re

_ESCAPED = re.compile(r"\\([\\,|$])")


def split_values(text: str) -> list[str]:
    """The alternatives of a value, still escaped: `a,b\\,c` is `a` and `b\\,c`."""
    return _split(text, ",")


def split_parts(value: str) -> list[str]:
    """The parts of one value that bars separate, as they are meant."""
    return [unescaped(part) for part in _split(value, "|")]


def unescaped(text: str) -> str:
    return _ESCAPED.sub(r"\1", text) if "\\" in text else text


def escaped(text: str) -> str:
    """A text as it must be written to be found as it is."""
    return re.sub(r"([\\,|$])", r"\\\1", text)


def _split(text: str, separator: str) -> list[str]:
    if "\\" not in text:
        return text.split(separator)
    parts, start, at = [], 0, 0
    while at < len(text):
        if text[at] == "\\":
            at += 1
        elif text[at] == separator:
            parts.append(text[start:at])
            start = at + 1
        at += 1
    return [*parts, text[start:]]

"""Text without case and accents: how FHIR compares strings by default. In SQL it is `billing.fold`, letter by letter.

https://hl7.org/fhir/R4/search.html#string. PostgreSQL knows no letters beyond ASCII in the byte-order collation, and an
ICU collation is not on every server; so accents are what Unicode decomposes, and letters are mapped by a list.
"""

from __future__ import annotations

import sys
import unicodedata
from functools import cache

# Combining marks of Latin, Greek and Cyrillic, the vowel signs of Hebrew and Arabic, and marks for symbols.
_MARKS = ((0x300, 0x36F), (0x591, 0x5BD), (0x610, 0x61A), (0x64B, 0x65F), (0x670, 0x670), (0x20D0, 0x20F0))


def fold(text: str) -> str:
    """What a text is compared by."""
    decomposed = unicodedata.normalize("NFD", text)
    return "".join(each for each in decomposed if not _is_mark(each)).translate(_lower_letters())


def _is_mark(character: str) -> bool:
    return any(first <= ord(character) <= last for first, last in _MARKS)


@cache
def _lower_letters() -> dict[int, str]:
    """Upper-case letters that Unicode does not decompose, each with the one letter that is its lower case."""
    letters = {}
    for number in range(sys.maxunicode + 1):
        character = chr(number)
        lower = character.lower()
        if lower != character and len(lower) == 1 and unicodedata.normalize("NFD", character) == character:
            letters[number] = lower
    return letters

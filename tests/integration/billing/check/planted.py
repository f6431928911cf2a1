"""A corruption that a test plants."""

from __future__ import annotations

from typing import LiteralString, NamedTuple


class Planted(NamedTuple):
    """A statement run with triggers and foreign keys off, and the codes of what is then found."""

    what: str
    statement: LiteralString
    codes: str

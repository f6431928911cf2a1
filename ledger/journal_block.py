"""Sealed blocks: what was recorded in a stretch of time as one hash, which holds the hash of the block before.

Whoever changes, removes, adds or reorders anything in a sealed stretch makes another hash of it, and so of every block
after it. The last one is told to others, who notice when the tail is cut.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

NO_BLOCK = "0" * 64
"""What the first block has for the hash of the one before it."""


class ContentHash:
    """The hash of rows, each a sequence of texts. No two different sequences of rows have the same bytes."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def add(self, kind: str, rows: Iterable[Iterable[str | None]]) -> None:
        parts = []
        for row in rows:
            # As netstrings (https://cr.yp.to/proto/netstrings.txt): what ends where is in the bytes themselves.
            parts += [f"{len(kind)}:{kind}", *("-" if each is None else f"{len(each)}:{each}" for each in row), ";"]
        self.add_written("".join(parts))

    def add_written(self, rows: str) -> None:
        """Rows that are written as `add` writes them."""
        self._hash.update(rows.encode())

    def hexdigest(self) -> str:
        return self._hash.hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalBlock:
    """A sealed stretch: later than `sealed_after` (None: from the beginning), and not later than `sealed_through`.

    `entries` and `versions` say how many there are in it; `content_hash` is over all of them with their postings.
    """

    tenant_id: str
    number: int
    sealed_after: datetime | None
    sealed_through: datetime
    entries: int
    versions: int
    content_hash: str
    previous_hash: str
    sealed_at: datetime

    @property
    def hash(self) -> str:
        """What the next block holds of this one, and what is signed."""
        content = ContentHash()
        content.add(
            "block",
            [
                [
                    self.tenant_id,
                    str(self.number),
                    None if self.sealed_after is None else self.sealed_after.isoformat(),
                    self.sealed_through.isoformat(),
                    str(self.entries),
                    str(self.versions),
                    self.content_hash,
                    self.previous_hash,
                    self.sealed_at.isoformat(),
                ]
            ],
        )
        return content.hexdigest()

    def follows(self, previous: JournalBlock | None) -> bool:
        """Whether this is the block right after another one, or the first."""
        if previous is None:
            return (self.number, self.sealed_after, self.previous_hash) == (1, None, NO_BLOCK)
        after = (previous.number + 1, previous.sealed_through, previous.hash)
        return (self.number, self.sealed_after, self.previous_hash) == after

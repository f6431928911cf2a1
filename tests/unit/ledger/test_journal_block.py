"""A block's hash is of all that it says, and of nothing that could also be read otherwise."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.journal_block import NO_BLOCK, ContentHash, JournalBlock

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
FIRST = JournalBlock(
    tenant_id="t",
    number=1,
    sealed_after=None,
    sealed_through=NOON,
    entries=2,
    versions=3,
    content_hash="c" * 64,
    previous_hash=NO_BLOCK,
    sealed_at=NOON + timedelta(seconds=5),
)
SECOND = replace(FIRST, number=2, sealed_after=NOON, sealed_through=NOON + timedelta(1), previous_hash=FIRST.hash)

rows = st.lists(st.lists(st.one_of(st.none(), st.text(alphabet="1:-;ab", max_size=4)), max_size=3), max_size=3)


def hash_of(sections: list[tuple[str, list[list[str | None]]]]) -> str:
    content = ContentHash()
    for kind, each in sections:
        content.add(kind, each)
    return content.hexdigest()


@given(rows, rows, rows, rows)
def test_different_rows_have_different_hashes(
    entries: list[list[str | None]],
    postings: list[list[str | None]],
    other_entries: list[list[str | None]],
    other_postings: list[list[str | None]],
) -> None:
    one = hash_of([("entry", entries), ("posting", postings)])
    other = hash_of([("entry", other_entries), ("posting", other_postings)])
    assert (one == other) == ((entries, postings) == (other_entries, other_postings))


@pytest.mark.parametrize(
    "change",
    [
        {"tenant_id": "u"},
        {"number": 3},
        {"sealed_after": NOON - timedelta(microseconds=1)},
        {"sealed_through": NOON},
        {"entries": 1},
        {"versions": 4},
        {"content_hash": "d" * 64},
        {"previous_hash": NO_BLOCK},
        {"sealed_at": NOON},
    ],
)
def test_whatever_a_block_says_is_in_its_hash(change: dict[str, object]) -> None:
    assert replace(SECOND, **change).hash != SECOND.hash  # type: ignore[arg-type]


def test_a_block_follows_the_one_whose_hash_it_holds_and_no_other() -> None:
    assert FIRST.follows(None)
    assert SECOND.follows(FIRST)
    assert not SECOND.follows(None)
    assert not FIRST.follows(SECOND)
    assert not SECOND.follows(replace(FIRST, entries=9))
    assert not replace(SECOND, number=3).follows(FIRST)
    assert not replace(SECOND, sealed_after=NOON + timedelta(1)).follows(FIRST)

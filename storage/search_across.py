"""Searches across resource types: a page of each in one round trip, merged by what they are sorted by, type and id."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from storage.search import Anchor, Match, PageWanted, read_pages
from storage.transaction import Reader

_BEFORE_ANY_ID, _BEHIND_ANY_ID = "", "~"
"""Ids have letters, digits, dots and hyphens."""


@dataclass(frozen=True, slots=True)
class MergedPage:
    """As `Page`, with the type of each match."""

    matches: list[tuple[str, Match]]
    more: bool
    total: int | None


async def read_across(reader: Reader, tenant_id: str, wanted: Sequence[PageWanted], after_type: str = "") -> MergedPage:
    """One page of several searches, each of another type, with the same sort, count, direction and anchor.

    `after_type` is the type of the anchor. What they are sorted by is never NULL where there are several.
    """
    pages = await read_pages(reader, tenant_id, [_behind(each, after_type) for each in wanted])
    first = wanted[0]
    matches = [(each.resource_type, match) for each, page in zip(wanted, pages, strict=True) for match in page.matches]
    more = any(page.more for page in pages)
    if len(wanted) > 1:
        descending = bool(first.sort) and first.sort[-1].descending
        matches.sort(key=_place, reverse=descending)
        more = more or len(matches) > first.count
        matches = matches[-first.count :] if first.backward and first.count else matches[: first.count]
    totals = [page.total for page in pages if page.total is not None]
    return MergedPage(matches, more, sum(totals) if len(totals) == len(pages) else None)


def _behind(wanted: PageWanted, after_type: str) -> PageWanted:
    """Of rows that are equal in what is sorted by, all of a type come before those of the next."""
    if wanted.after is None or wanted.resource_type == after_type:
        return wanted
    id_ = _BEFORE_ANY_ID if wanted.resource_type > after_type else _BEHIND_ANY_ID
    return replace(wanted, after=Anchor(wanted.after.values, id_))


def _place(found: tuple[str, Match]) -> tuple[tuple[str, ...], str, str]:
    resource_type, match = found
    return tuple(value or "" for value in match.anchor.values), resource_type, match.anchor.id

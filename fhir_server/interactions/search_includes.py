"""What comes along with the matches of a search: a round trip for what they lead to, and one for each further step.

https://hl7.org/fhir/R4/search.html#include. Each resource comes once, and only what the token may read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from fhir_server.authorization.smart_scopes import Permission, Scopes
from ledger.errors import Category, Problem
from mappers.search_includes import Include
from storage.search import Match, PageWanted, read_linked
from storage.search_criteria import Criterion, every
from storage.transaction import Reader

Within = Callable[[str, Permission], Criterion | None]

INCLUDED_MAX = 1000
"""Resources that come along with one page."""


@dataclass(frozen=True, slots=True)
class Included:
    """`is_complete` is false where there is more than comes along."""

    entries: list[tuple[str, Match]] = field(default_factory=list)
    is_complete: bool = True


async def read_included(
    reader: Reader,
    tenant_id: str,
    matches: Sequence[tuple[str, Match]],
    includes: Sequence[Include],
    within: Within,
) -> Included:
    """What comes along. `within` gives the part of a type that the token has a permission for, or None for all."""
    seen = {(resource_type, match.anchor.id) for resource_type, match in matches}
    found: list[tuple[str, Match]] = []
    newest: dict[str, list[str]] = {}
    for resource_type, match in matches:
        newest.setdefault(resource_type, []).append(match.anchor.id)
    while True:
        wanted = [_wanted(each, newest[each.begins_at], within) for each in includes if newest.get(each.begins_at)]
        if not wanted:
            return Included(found)
        newest = {}
        for page, read in zip(wanted, await read_linked(reader, tenant_id, wanted), strict=True):
            for match in read:
                key = page.resource_type, match.anchor.id
                if key in seen:
                    continue
                if len(found) == INCLUDED_MAX:
                    return Included(found, is_complete=False)
                seen.add(key)
                found.append((page.resource_type, match))
                newest.setdefault(page.resource_type, []).append(match.anchor.id)
        includes = [each for each in includes if each.iterates]


def _wanted(include: Include, ids: list[str], within: Within) -> PageWanted:
    permissions: tuple[Permission, ...] = ("r", "s") if include.is_reverse else ("r",)
    parts = [part for each in permissions if (part := within(include.finds, each)) is not None]
    # What is on the page already may be among what is found, and is not to crowd out the rest.
    return PageWanted(include.finds, every(include.criterion(ids), *parts), (), 2 * INCLUDED_MAX)


def allowed(includes: Iterable[Include], scopes: Scopes) -> list[Include]:
    """Those whose resources the token may read, and, where they have to be looked for, search."""
    return [
        each
        for each in includes
        if scopes.allow(each.finds, "r") and (not each.is_reverse or scopes.allow(each.finds, "s"))
    ]


def left_out(includes: Iterable[Include], permitted: Sequence[Include]) -> list[Problem]:
    """What the client is told of what it may not read, so that it does not take it for not there."""
    types = sorted({each.finds for each in includes} - {each.finds for each in permitted})
    return [
        Problem(
            Category.NOT_ALLOWED,
            "include-not-allowed",
            f"{name} is not included, for the token does not allow to read it.",
            issue="suppressed",
        )
        for name in types
    ]


def cut_off() -> Problem:
    message = f"More than {INCLUDED_MAX} resources come along; these are the first. Ask for smaller pages with _count."
    return Problem(Category.INVALID, "include-incomplete", message, issue="incomplete")

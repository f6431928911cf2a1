"""A query string as one search for each of several types, by what all of them know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from ledger.errors import invalid
from mappers import MAPPERS
from mappers.search_chains import Within, everywhere
from mappers.search_query import Pairs, SearchLimits, SearchRequest, read_search

SORTED_BY = ("_id", "_lastUpdated")
"""What every resource has."""


def read_searches(
    resource_types: Sequence[str],
    pairs: Pairs,
    *,
    base_url: str,
    now: datetime,
    limits: SearchLimits,
    lenient: bool,
    within: Within = everywhere,
) -> list[SearchRequest]:
    """The searches, which have all but their criteria in common."""

    def read(given: Pairs) -> list[SearchRequest]:
        return [
            read_search(
                each,
                MAPPERS[each].search_parameters,
                given,
                base_url=base_url,
                now=now,
                limits=limits,
                lenient=lenient,
                within=within,
            )
            for each in resource_types
        ]

    searches = read(pairs)
    if len(searches) == 1:
        return searches
    first, *others = searches
    for name, value in first.applied:
        if name == "_sort" and value.removeprefix("-") not in SORTED_BY:
            message = f"Several types are sorted by one of {', '.join(SORTED_BY)}."
            raise invalid("search-value-invalid", message, issue="value")
    common = [pair for pair in first.applied if all(pair in each.applied for each in others)]
    ignored = tuple(dict.fromkeys(problem for each in searches for problem in each.ignored))
    # What one type does not know is left out for all: to apply it to some would find what was not asked for.
    return [replace(each, ignored=ignored) for each in read(common)] if ignored else searches

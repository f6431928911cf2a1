"""What a subscription asks for: which changes, filtered by what. Read from its criteria and filters, or refused.

Criteria are the canonical URL of a topic, with filters beside it, or a search on one of our types. Either becomes a
criterion on columns by the declarations that searches go by; it is evaluated on the version that a change has made, so
what would need another resource (a chain, `_has`) is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from ledger.errors import Category, Problem, Refusal
from ledger.subscription import Subscription
from mappers import MAPPERS
from mappers.search_includes import INCLUDES
from mappers.search_query import (
    FORM_PARAMETERS,
    NOT_SUPPORTED,
    RESULT_PARAMETERS,
    SearchLimits,
    decode_query,
    read_search,
)
from mappers.subscription_topics import TELLING, TOPICS, Topic, filters_of
from storage.search_criteria import EVERYTHING, Criterion, every
from storage.search_parameters import SearchParameter

CRITERIA = "Subscription.criteria"
FILTERS_MAX = 50

_FILTER = re.compile(r"(?:(?P<type>[A-Z][A-Za-z]+)[.?])?(?P<name>[^=?]+)=(?P<value>.*)", re.DOTALL)
_NO_CRITERIA = {*RESULT_PARAMETERS, *FORM_PARAMETERS, *NOT_SUPPORTED, *INCLUDES}


@dataclass(frozen=True, slots=True)
class Terms:
    """What is asked for: `criteria` by the type of the changed resource. `topic` is None for the criteria of R4."""

    topic: Topic | None
    criteria: dict[str, Criterion]

    @property
    def event(self) -> str:
        """The domain event that triggers; empty: any change."""
        return self.topic.event if self.topic is not None else ""

    @property
    def resource_types(self) -> tuple[str, ...]:
        return tuple(self.criteria)


def terms_of(subscription: Subscription, *, base_url: str, now: datetime) -> Terms:
    """The terms of a subscription; refused with everything that is wrong with them, each with its place."""
    filters = [(row.position[0], row.value or "") for row in subscription.indexed("filter-criteria")]
    topic = TOPICS.get(subscription.criteria)
    if topic is None:
        return Terms(None, _of_search(subscription.criteria, filters, base_url, now))
    return Terms(topic, _of_filters(topic, filters, base_url, now))


def _of_search(text: str, filters: Sequence[tuple[int, str]], base_url: str, now: datetime) -> dict[str, Criterion]:
    resource_type, mark, query = text.partition("?")
    if ":" in resource_type:
        known = ", ".join(topic.name for topic in TOPICS.values())
        message = f"There is no such topic. The topics are, below {next(iter(TOPICS)).rpartition('/')[0]}/: {known}."
        raise Refusal([_problem("topic-unknown", message, CRITERIA, "not-found")])
    if resource_type not in TELLING or (mark and not query):
        message = (
            "The criteria are the canonical URL of a topic, or a search such as Invoice?status=issued on one of"
            f" {', '.join(TELLING)}."
        )
        raise Refusal([_problem("criteria-not-understood", message, CRITERIA, "value")])
    if filters:
        place = _place_of_filter(filters[0][0])
        message = "Filters belong to a topic; write what is to match into the criteria, which are a search here."
        raise Refusal([_problem("filter-without-topic", message, place, "business-rule")])
    declared = MAPPERS[resource_type].search_parameters
    return {resource_type: _criterion(resource_type, declared, decode_query(query), CRITERIA, base_url, now)}


def _of_filters(topic: Topic, filters: Sequence[tuple[int, str]], base_url: str, now: datetime) -> dict[str, Criterion]:
    """A filter that names a type lets through that type only; one that does not is for all types of the topic."""
    problems: list[Problem] = []
    asked: list[tuple[str, Criterion | None, dict[str, Criterion]]] = []
    if len(filters) > FILTERS_MAX:
        raise Refusal([_problem("filter-invalid", f"There are at most {FILTERS_MAX} filters.", CRITERIA, "too-costly")])
    for position, text in filters:
        place = _place_of_filter(position)
        read = _FILTER.fullmatch(text)
        if read is None:
            message = "A filter reads param=value, param:modifier=value, or Type?param=value."
            problems.append(_problem("filter-invalid", message, place, "value"))
            continue
        types = (read["type"],) if read["type"] else topic.resource_types
        if not set(types) <= set(topic.resource_types):
            message = f"The topic {topic.name} is about {', '.join(topic.resource_types)} only."
            problems.append(_problem("filter-invalid", message, place, "value"))
            continue
        # Written as text and not as a URL: a plus is a plus. Percent signs that encode are decoded all the same.
        pairs = decode_query(f"{read['name']}={read['value'].replace('+', '%2B')}")
        try:
            found = {name: _criterion(name, filters_of(name), pairs, place, base_url, now) for name in types}
        except Refusal as refusal:
            problems += refusal.problems
        else:
            asked.append((read["type"] or "", None, found))
    if problems:
        raise Refusal(problems)
    named = {name for name, _, _ in asked if name}
    kept = [name for name in topic.resource_types if not named or name in named]
    return {name: every(EVERYTHING, *(found[name] for _, _, found in asked if name in found)) for name in kept}


def _criterion(
    resource_type: str,
    parameters: Iterable[SearchParameter],
    pairs: Sequence[tuple[str, str]],
    place: str,
    base_url: str,
    now: datetime,
) -> Criterion:
    unfit = sorted({name for name, _ in pairs if name.partition(":")[0] in _NO_CRITERIA})
    if unfit:
        message = f"{', '.join(unfit)}: this says nothing about whether a changed resource matches; leave it out."
        raise Refusal([_problem("criteria-not-understood", message, place, "not-supported")])
    try:
        search = read_search(resource_type, parameters, pairs, base_url=base_url, now=now, limits=SearchLimits())
    except Refusal as refusal:
        raise Refusal(
            [
                _problem("criteria-not-understood", each.message, place, each.issue or "value")
                for each in refusal.problems
            ]
        ) from None
    if search.joined_types:
        message = "Chained parameters and _has look at other resources; a subscription looks at the changed one."
        raise Refusal([_problem("criteria-not-understood", message, place, "not-supported")])
    return search.criterion


def _place_of_filter(position: int) -> str:
    return f"{CRITERIA}.extension[{position}].value"


def _problem(code: str, message: str, place: str, issue: str) -> Problem:
    return Problem(Category.RULE_BROKEN, code, message, place, issue)

"""`_include` and `_revinclude`: which resources come along with the matches.

https://hl7.org/fhir/R4/search.html#include. What refers to types that are not kept here has nothing to come along.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mappers import MAPPERS
from mappers.r4.faults import shown
from mappers.search_links import kept_targets, leading_to, led_to_from, links_of
from mappers.search_values import ValueRefusedError
from storage.search_criteria import Criterion, one_of_ids
from storage.search_parameters import SearchParameter

INCLUDES = ("_include", "_revinclude")


@dataclass(frozen=True, slots=True)
class Include:
    """Resources of the type `finds`, by ids of the type `begins_at`. `iterates`: also by what came along itself."""

    source: str
    parameter: SearchParameter
    target: str
    is_reverse: bool
    iterates: bool

    @property
    def begins_at(self) -> str:
        return self.target if self.is_reverse else self.source

    @property
    def finds(self) -> str:
        return self.source if self.is_reverse else self.target

    def criterion(self, ids: Iterable[str]) -> Criterion:
        if self.is_reverse:
            return leading_to(self.parameter, self.target, one_of_ids(ids))
        return led_to_from(self.source, self.parameter, self.target, one_of_ids(ids))


def read_includes(resource_type: str, name: str, modifier: str, value: str) -> list[Include]:
    """The includes that a parameter such as `_include:iterate=Invoice:account` asks for on a search of the type."""
    iterates = modifier == "iterate"
    is_reverse = name == "_revinclude"
    parts = ["*", "*"] if value == "*" else value.split(":")
    if not 2 <= len(parts) <= 3:
        raise ValueRefusedError("send *, [type]:*, [type]:[reference] or [type]:[reference]:[type]")
    source, code, target = [*parts, ""][:3]
    sources = _sources(resource_type, source, is_any=is_reverse or iterates)
    found = [
        Include(each, parameter, to, is_reverse, iterates)
        for each in sources
        for parameter in _links(each, code)
        for to in _targets(parameter, target, is_any=code == "*")
    ]
    return _starting_here(resource_type, found, iterates=iterates, is_any=code == "*")


def _sources(resource_type: str, source: str, *, is_any: bool) -> tuple[str, ...]:
    if source == "*":
        return tuple(MAPPERS) if is_any else (resource_type,)
    if source not in MAPPERS:
        raise ValueRefusedError(f"{shown(source)} is not kept here; send one of {', '.join(MAPPERS)}")
    return (source,)


def _links(source: str, code: str) -> tuple[SearchParameter, ...]:
    links = links_of(source)
    if code == "*":
        return links
    named = tuple(each for each in links if each.code == code)
    if not named:
        there_are = ", ".join(each.code for each in links) or "none"
        raise ValueRefusedError(
            f"{shown(code)} of {source} leads to nothing that is kept here; of its references do: {there_are}"
        )
    return named


def _targets(parameter: SearchParameter, target: str, *, is_any: bool) -> tuple[str, ...]:
    targets = kept_targets(parameter)
    if not target or target in targets:
        return (target,) if target else targets
    if is_any:
        return ()
    raise ValueRefusedError(f"{parameter.code} leads to {', '.join(targets)}, not to {shown(target)}")


def _starting_here(resource_type: str, found: list[Include], *, iterates: bool, is_any: bool) -> list[Include]:
    if iterates:
        return found
    here = [each for each in found if each.begins_at == resource_type]
    if not here and not is_any:
        raise ValueRefusedError(f"it does not begin at {resource_type}; add :iterate to begin at what is included")
    return here


def includes_of(resource_type: str) -> tuple[str, ...]:
    """What `_include` can have on a search of the type, without :iterate."""
    return ("*", f"{resource_type}:*", *(f"{resource_type}:{each.code}" for each in links_of(resource_type)))


def reverse_includes_of(resource_type: str) -> tuple[str, ...]:
    """The same of `_revinclude`."""
    named = tuple(
        f"{source}:{each.code}"
        for source in MAPPERS
        for each in links_of(source)
        if resource_type in kept_targets(each)
    )
    return ("*", *named)

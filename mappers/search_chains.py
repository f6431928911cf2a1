"""One criterion of a search by its whole name: a parameter, a chain such as `account.name`, or `_has`.

https://hl7.org/fhir/R4/search.html#chaining and https://hl7.org/fhir/R4/search.html#has
"""

from __future__ import annotations

from collections.abc import Callable

from mappers import MAPPERS
from mappers.r4.faults import shown
from mappers.search_links import kept_targets, leading_to, led_to_from
from mappers.search_values import SearchContext, criterion_of
from storage.search_criteria import Criterion, among, every
from storage.search_parameters import SearchParameter

HAS = "_has"
LINKS_MAX = 4
"""Steps from resource to resource in one criterion."""


Within = Callable[[str], Criterion | None]
"""The part of a type that a chain or `_has` may look at; None where that is all of it."""


def everywhere(_resource_type: str) -> None:
    """Nobody is held to a part."""
    return


class ParameterUnknownError(Exception):
    """The type has no parameter of this code."""

    def __init__(self, resource_type: str, code: str) -> None:
        super().__init__(resource_type, code)
        self.resource_type, self.code = resource_type, code


class LinkRefusedError(Exception):
    """The chain leads nowhere here; the message says why."""


class Criteria:
    """Reads criteria by name. `joined_types` are the types, besides the one that is searched, that were asked about.

    What is outside of `within` is, for every step of a chain or of `_has`, as if it were not there.
    """

    def __init__(self, context: SearchContext, within: Within = everywhere) -> None:
        self._context = context
        self._within = within
        self.joined_types: set[str] = set()

    def read(self, name: str, value: str) -> Criterion:
        return self._read(self._context, name, value, LINKS_MAX)

    def _read(self, context: SearchContext, name: str, value: str, links_left: int) -> Criterion:
        head, dot, rest = name.partition(".")
        if head.startswith(f"{HAS}:"):
            return self._has(context, name, value, links_left - 1)
        if dot:
            return self._chain(context, head, rest, value, links_left - 1)
        code, _, modifier = name.partition(":")
        return criterion_of(context, _parameter_of(context, code), modifier, value)

    def _chain(self, context: SearchContext, head: str, rest: str, value: str, links_left: int) -> Criterion:
        code, _, wanted_type = head.partition(":")
        parameter = _parameter_of(context, code)
        targets = _targets(parameter, wanted_type, links_left)
        asked = rest.partition(".")[0].partition(":")[0]
        knowing = [each for each in targets if asked == HAS or asked in _parameters(each)]
        if not knowing:
            raise ParameterUnknownError(" or ".join(targets), asked)
        self.joined_types.update(knowing)
        found = [
            leading_to(parameter, each, self._seen(_context_of(context, each), rest, value, links_left))
            for each in knowing
        ]
        return found[0] if len(found) == 1 else among(*found)

    def _has(self, context: SearchContext, name: str, value: str, links_left: int) -> Criterion:
        _, source, code, rest = [*name.split(":", 3), "", "", ""][:4]
        if source not in MAPPERS:
            raise LinkRefusedError(f"send _has:[type]:[reference]:[parameter], a type of {', '.join(MAPPERS)}")
        other = _context_of(context, source)
        parameter = _parameter_of(other, code)
        if context.resource_type not in _targets(parameter, context.resource_type, links_left):
            raise LinkRefusedError(f"{source}.{code} does not refer to {context.resource_type}")
        self.joined_types.add(source)
        return led_to_from(source, parameter, context.resource_type, self._seen(other, rest, value, links_left))

    def _seen(self, context: SearchContext, name: str, value: str, links_left: int) -> Criterion:
        """What is asked of a type that is joined, and that it is of the part that may be seen."""
        asked, seen = self._read(context, name, value, links_left), self._within(context.resource_type)
        return asked if seen is None else every(asked, seen)


def _targets(parameter: SearchParameter, wanted_type: str, links_left: int) -> tuple[str, ...]:
    if links_left < 0:
        raise LinkRefusedError(f"a chain has at most {LINKS_MAX} links")
    if parameter.type != "reference":
        raise LinkRefusedError(f"{parameter.code} is no reference")
    targets = kept_targets(parameter)
    if wanted_type:
        if wanted_type not in targets:
            raise LinkRefusedError(f"{parameter.code} leads to no {shown(wanted_type)} that is kept here")
        return (wanted_type,)
    if not targets:
        raise LinkRefusedError(f"what {parameter.code} refers to is not kept here")
    return targets


def _parameters(resource_type: str) -> dict[str, SearchParameter]:
    return {each.code: each for each in MAPPERS[resource_type].search_parameters}


def _context_of(context: SearchContext, resource_type: str) -> SearchContext:
    return SearchContext(resource_type, _parameters(resource_type), context.base, context.now)


def _parameter_of(context: SearchContext, code: str) -> SearchParameter:
    parameter = context.parameters.get(code)
    if parameter is None:
        raise ParameterUnknownError(context.resource_type, code)
    return parameter

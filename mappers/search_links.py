"""References between the types that are kept here, followed either way: for chained parameters, `_has` and `_include`.

https://hl7.org/fhir/R4/search.html#chaining and https://hl7.org/fhir/R4/search.html#has
"""

from __future__ import annotations

from mappers import MAPPERS
from mappers.search_references import ReferencePlace, at_reference
from storage.search_criteria import NOTHING, Criterion, among, referred_by, refers
from storage.search_parameters import (
    ChildColumn,
    IndexRows,
    LocalIdColumn,
    Places,
    ReferenceColumn,
    SearchParameter,
)


def kept_targets(parameter: SearchParameter) -> tuple[str, ...]:
    """The types kept here to which a parameter can lead."""
    if parameter.type != "reference":
        return ()
    return tuple(name for name in MAPPERS if not parameter.targets or name in parameter.targets)


def links_of(resource_type: str) -> tuple[SearchParameter, ...]:
    """The parameters of a type that lead to types kept here."""
    return tuple(each for each in MAPPERS[resource_type].search_parameters if kept_targets(each))


def leading_to(parameter: SearchParameter, target: str, criterion: Criterion) -> Criterion:
    """What refers to a `target` that meets the criterion."""

    def on_column(column: ReferencePlace) -> Criterion:
        is_other = isinstance(column, LocalIdColumn) and column.type != target
        return NOTHING if is_other else refers(column, target, criterion)

    return at_reference(parameter.served_by, on_column)


def led_to_from(source: str, parameter: SearchParameter, target: str, criterion: Criterion) -> Criterion:
    """The `target`s to which a `source` that meets the criterion refers."""
    served_by = parameter.served_by
    places = served_by.places if isinstance(served_by, Places) else (served_by,)
    found = []
    for place in places:
        assert isinstance(place, ReferenceColumn | LocalIdColumn | IndexRows | ChildColumn), "references are kept there"
        found.append(referred_by(source, place, target, criterion))
    return found[0] if len(found) == 1 else among(*found)

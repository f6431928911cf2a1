"""SearchParameters of our own, for what R4 has none for, made from the declarations by which searches read them.

https://hl7.org/fhir/R4/searchparameter.html
"""

from __future__ import annotations

from typing import Any

from capability.publication import camel_case, published
from mappers import MAPPERS
from mappers.search_values import modifiers_of
from storage.search_parameters import SearchParameter

RESOURCE_TYPE = "SearchParameter"


def own_parameter_definitions() -> list[dict[str, Any]]:
    return [
        _definition(resource_type, parameter)
        for resource_type, mapper in MAPPERS.items()
        for parameter in mapper.search_parameters
        if parameter.description
    ]


def _definition(resource_type: str, parameter: SearchParameter) -> dict[str, Any]:
    name = f"{resource_type}{camel_case(parameter.code)}"
    id_ = f"{resource_type}-{parameter.code}"
    definition = {
        **published(RESOURCE_TYPE, id_, name, "", parameter.description),
        "code": parameter.code,
        "base": [resource_type],
        "type": parameter.type,
        "expression": parameter.expression,
        "target": list(parameter.targets),
        "multipleOr": True,
        "multipleAnd": True,
        "comparator": list(parameter.comparators),
        # The code of the modifier `:[type]` is type.
        "modifier": [modifier.strip("[]") for modifier in modifiers_of(parameter)],
    }
    # A SearchParameter has no title in R4, and an array is never empty.
    return {key: value for key, value in definition.items() if key != "title" and value != []}

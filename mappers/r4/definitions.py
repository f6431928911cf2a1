"""The FHIR R4 definitions as a compact table: types, their elements in order, and the codes of required bindings.

`definitions.json` is generated from the official files in `hl7/` by `python -m mappers.r4.generate`.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import msgspec

DEFINITIONS_FILE = Path(__file__).parent / "definitions.json"


class ElementDefinition(msgspec.Struct, frozen=True, omit_defaults=True):
    """One element of a type.

    `types` names types of the table: data types (`code`, `Money`), backbone elements by path (`Invoice.lineItem`), or
    `Resource`. More than one type means a choice: the JSON name is then the element's name and the type's.
    """

    types: tuple[str, ...]
    min: int = 0
    many: bool = False
    choice: bool = False
    codes: str = ""
    targets: tuple[str, ...] = ()
    summary: bool = False
    modifier: bool = False


class TypeDefinition(msgspec.Struct, frozen=True, omit_defaults=True):
    """A resource type, a data type or a backbone element. `constraints` are keys of its invariants (severity error)."""

    kind: str
    elements: dict[str, ElementDefinition]
    constraints: tuple[str, ...] = ()


class Definitions(msgspec.Struct, frozen=True):
    """The whole table. `codes` is by the last part of the value set's URL; `resource_types` are the concrete ones."""

    version: str
    resource_types: tuple[str, ...]
    types: dict[str, TypeDefinition]
    codes: dict[str, tuple[str, ...]]


@cache
def definitions() -> Definitions:
    return msgspec.json.decode(DEFINITIONS_FILE.read_bytes(), type=Definitions)


@cache
def resource_types() -> frozenset[str]:
    """The names of all concrete resource types of R4, those without a definition here too."""
    return frozenset(definitions().resource_types)


def is_primitive(type_name: str) -> bool:
    return type_name[:1].islower()


def json_names(name: str, element: ElementDefinition) -> dict[str, str]:
    """The JSON property names of an element, each with its type: one, or one per type of a choice."""
    if not element.choice:
        return {name: element.types[0]}
    return {name + choice_suffix(type_name): type_name for type_name in element.types}


def choice_suffix(type_name: str) -> str:
    """`dateTime` -> `DateTime`: what a choice element's JSON name ends with (SimpleQuantity is a Quantity there)."""
    return "Quantity" if type_name == "SimpleQuantity" else type_name[0].upper() + type_name[1:]

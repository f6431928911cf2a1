"""Makes `definitions.json` from the official definitions in `hl7/`: run `python -m mappers.r4.generate`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from mappers.r4.definitions import DEFINITIONS_FILE, Definitions, ElementDefinition, TypeDefinition

HL7 = Path(__file__).parent / "hl7"
FHIR = "http://hl7.org/fhir/"
SIMPLE_QUANTITY = FHIR + "StructureDefinition/SimpleQuantity"
ABSTRACT_TYPES = {"Resource", "DomainResource"}

# In 4.0.1 these say `string` (or nothing) where the specification's text and its regex say more.
FHIRPATH_TYPES = {"Resource.id": "id", "Element.id": "string", "Extension.url": "uri"}

# Syntax instead of a list: ISO 4217, BCP 13. `languages` is only preferred, but the text of `Resource.language`
# demands a BCP 47 code.
NOT_ENUMERATED = {"currencies", "mimetypes"}
DEMANDED_BY_TEXT = {"languages"}


def generate() -> Definitions:
    types: dict[str, TypeDefinition] = {}
    for structure in _files("resources", "datatypes"):
        types.update(types_of(structure))
    types["SimpleQuantity"] = _simple_quantity(types["Quantity"])
    names = {element.codes for definition in types.values() for element in definition.elements.values()}
    concepts = {system["url"]: list(_codes(system["concept"])) for system in _files("terminology", prefix="CodeSystem")}
    value_sets = {value_set["url"]: value_set for value_set in _files("terminology", prefix="ValueSet")}
    codes = {
        name: tuple(_expansion(value_sets[f"{FHIR}ValueSet/{name}"], concepts))
        for name in sorted(names - NOT_ENUMERATED - DEMANDED_BY_TEXT - {""})
    }
    concrete = [code for code in concepts[FHIR + "resource-types"] if code not in ABSTRACT_TYPES]
    return Definitions("4.0.1", tuple(concrete), dict(sorted(types.items())), codes)


def text_of(table: Definitions) -> str:
    """The table as JSON with one line per element, so that a change shows as what it is."""
    plain = msgspec.to_builtins(table)
    types = ",\n".join(f'"{name}": {_type_text(definition)}' for name, definition in plain["types"].items())
    codes = ",\n".join(f'"{name}": {_line(values)}' for name, values in plain["codes"].items())
    return (
        f'{{"version": "{table.version}",\n"resource_types": {_line(plain["resource_types"])},\n'
        f'"types": {{\n{types}\n}},\n"codes": {{\n{codes}\n}}}}\n'
    )


def _type_text(definition: dict[str, Any]) -> str:
    lines = ",\n".join(f'  "{name}": {_line(element)}' for name, element in definition["elements"].items())
    constraints = _line(definition.get("constraints", []))
    return f'{{"kind": "{definition["kind"]}", "constraints": {constraints}, "elements": {{\n{lines}}}}}'


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _files(*folders: str, prefix: str = "") -> Iterator[dict[str, Any]]:
    for folder in folders:
        for path in sorted((HL7 / folder).glob(f"{prefix}*.json")):
            yield json.loads(path.read_text(encoding="utf-8"))


def types_of(structure: dict[str, Any]) -> dict[str, TypeDefinition]:
    """The type that a StructureDefinition defines and the backbone elements inside it, by path."""
    root, *elements = structure["snapshot"]["element"]
    if structure["kind"] == "primitive-type":
        return {structure["type"]: TypeDefinition("primitive-type", {})}
    types = {root["path"]: TypeDefinition(structure["kind"], {}, _constraints(root))}
    for element in elements:
        parent, _, name = element["path"].rpartition(".")
        definition = _element(element)
        types[parent].elements[name.removesuffix("[x]")] = definition
        if definition.types == (element["path"],):
            types[element["path"]] = TypeDefinition("backbone", {}, _constraints(element))
    return types


def _element(element: dict[str, Any]) -> ElementDefinition:
    path = element["path"]
    assert element["max"] in {"1", "*"}, path
    binding = element.get("binding", {})
    codes = str(binding.get("valueSet", "")).partition("|")[0].rpartition("/")[2]
    types = [_type_name(entry, element) for entry in element.get("type", [])]
    return ElementDefinition(
        types=tuple(types) or (element["contentReference"].removeprefix("#"),),
        min=element["min"],
        many=element["max"] == "*",
        choice=path.endswith("[x]"),
        codes=codes if binding.get("strength") == "required" or codes in DEMANDED_BY_TEXT else "",
        targets=_targets(element),
        summary=element.get("isSummary", False),
        modifier=element["isModifier"],
    )


def _type_name(entry: dict[str, Any], element: dict[str, Any]) -> str:
    code: str = entry["code"]
    if code in {"BackboneElement", "Element"}:
        return str(element["path"])
    if code.startswith("http://hl7.org/fhirpath/"):
        return FHIRPATH_TYPES[element["base"]["path"]]
    return "SimpleQuantity" if SIMPLE_QUANTITY in entry.get("profile", []) else code


def _targets(element: dict[str, Any]) -> tuple[str, ...]:
    """The resource types that a Reference may point at; none where any may."""
    references = [entry for entry in element.get("type", []) if entry["code"] == "Reference"]
    profiles = [profile for entry in references for profile in entry.get("targetProfile", [])]
    names = sorted({profile.rpartition("/")[2] for profile in profiles})
    return () if "Resource" in names else tuple(names)


def _constraints(element: dict[str, Any]) -> tuple[str, ...]:
    return tuple(entry["key"] for entry in element.get("constraint", []) if entry["severity"] == "error")


def _simple_quantity(quantity: TypeDefinition) -> TypeDefinition:
    """The profile SimpleQuantity: a Quantity without comparator (sqty-1)."""
    elements = {name: element for name, element in quantity.elements.items() if name != "comparator"}
    return TypeDefinition(quantity.kind, elements, quantity.constraints)


def _codes(concepts: list[dict[str, Any]]) -> Iterator[str]:
    for concept in concepts:
        yield concept["code"]
        yield from _codes(concept.get("concept", []))


def _expansion(value_set: dict[str, Any], concepts: dict[str, list[str]]) -> Iterator[str]:
    for include in value_set["compose"]["include"]:
        assert set(include) <= {"system", "concept"}, (value_set["url"], include)
        if "concept" in include:
            yield from _codes(include["concept"])
        else:
            yield from concepts[include["system"]]


if __name__ == "__main__":
    DEFINITIONS_FILE.write_text(text_of(generate()), encoding="utf-8")

"""JSON Schemas of R4 types, made from the table by which resources are validated; for the OpenAPI document.

A schema says less than the validator: which types a choice excludes, invariants and the calendar are not in it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ledger.money import currency_exponents
from mappers.r4.definitions import ElementDefinition, definitions, is_primitive, json_names
from mappers.r4.primitives import INTEGER_MAX, PATTERNS

Schema = dict[str, Any]

REFERENCES = "#/components/schemas/"
ANY_RESOURCE = "Resource"

# An extension may have a value of every data type there is, and with them all a client could not see the resource.
_OPEN: dict[str, Schema] = {
    ANY_RESOURCE: {
        "type": "object",
        "description": "A resource of any type of R4.",
        "properties": {"resourceType": {"type": "string"}},
        "required": ["resourceType"],
    },
    "Extension": {
        "type": "object",
        "description": "A value[x] of any data type, such as valueMoney, or extensions.",
        "properties": {"url": {"type": "string", "minLength": 1}},
        "required": ["url"],
    },
}

_INTEGERS = {"integer": -INTEGER_MAX - 1, "unsignedInt": 0, "positiveInt": 1}


def schemas_of(resource_types: Iterable[str]) -> dict[str, Schema]:
    """The schemas of resource types and of all that they are made of, by name."""
    found: dict[str, Schema] = {}
    pending = list(resource_types)
    while pending:
        name = pending.pop()
        if name not in found:
            found[name] = _primitive(name) if is_primitive(name) else _complex(name, pending)
    return dict(sorted(found.items()))


def reference_to(name: str) -> Schema:
    return {"$ref": f"{REFERENCES}{name}"}


def _complex(name: str, pending: list[str]) -> Schema:
    """The schema of a type; the types of its elements are added to `pending`."""
    if name in _OPEN:
        return _OPEN[name]
    defined = definitions().types[name]
    properties: Schema = {"resourceType": {"const": name}} if defined.kind == "resource" else {}
    required = list(properties)
    for element_name, element in defined.elements.items():
        for json_name, type_name in json_names(element_name, element).items():
            pending.append(type_name)
            properties[json_name] = _property(element, type_name)
            if is_primitive(type_name) and type_name != "xhtml":
                pending.append("Element")
                properties[f"_{json_name}"] = _companion(element)
        # A primitive may have extensions in place of its value.
        if element.min and not element.choice and not is_primitive(element.types[0]):
            required.append(element_name)
    schema: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**schema, "required": required} if required else schema


def _property(element: ElementDefinition, type_name: str) -> Schema:
    value = _codes(element.codes) if element.codes else reference_to(type_name)
    if element.targets:
        value = {"allOf": [value], "description": f"Refers to {', '.join(element.targets)}."}
    if not element.many:
        return value
    # A value of a repeating primitive that is not there, but has extensions, is null.
    items = {"anyOf": [value, {"type": "null"}]} if is_primitive(type_name) else value
    return {"type": "array", "items": items, "minItems": 1}


def _companion(element: ElementDefinition) -> Schema:
    """Of `_status`: the id and the extensions of a primitive."""
    companion = reference_to("Element")
    if not element.many:
        return companion
    return {"type": "array", "items": {"anyOf": [companion, {"type": "null"}]}, "minItems": 1}


def _codes(codes: str) -> Schema:
    if codes == "currencies":
        return {"type": "string", "enum": sorted(currency_exponents())}
    if codes in {"languages", "mimetypes"}:
        return reference_to("code")
    return {"type": "string", "enum": list(definitions().codes[codes])}


def _primitive(name: str) -> Schema:
    if name in _INTEGERS:
        return {"type": "integer", "minimum": _INTEGERS[name], "maximum": INTEGER_MAX}
    if name == "boolean":
        return {"type": "boolean"}
    if name == "decimal":
        return {"type": "number", "description": "As precise as it is written: 10.00 stays 10.00."}
    pattern = PATTERNS.get(name)
    return {"type": "string", "pattern": pattern} if pattern else {"type": "string", "minLength": 1}

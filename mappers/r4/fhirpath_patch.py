"""FHIRPath Patch: a Parameters resource that says what to add, insert, delete, replace and move in a resource.

https://hl7.org/fhir/R4/fhirpatch.html. What is no such patch is invalid (400); one that does not fit the resource is
refused as a whole (422), with the operation and its path named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ledger.errors import Category, Problem, Refusal, rule_broken
from mappers.r4.definitions import is_primitive
from mappers.r4.element_tree import Element, UnknownElementError, element_of, json_of, tree_of
from mappers.r4.faults import shown
from mappers.r4.fhirpath import Found, Path, PathError, parse_path
from mappers.r4.shapes import Child, shape_of

OPERATIONS_MAX = 1000

Part = dict[str, Any]

_NEEDS = {
    "add": ("path", "name", "value"),
    "insert": ("path", "index", "value"),
    "delete": ("path",),
    "replace": ("path", "value"),
    "move": ("path", "source", "destination"),
}
_VALUES = {
    "type": "valueCode",
    "path": "valueString",
    "name": "valueString",
    "index": "valueInteger",
    "source": "valueInteger",
    "destination": "valueInteger",
}


class _DoesNotFitError(Exception):
    """The operation cannot be applied; the message says why."""


@dataclass(frozen=True, slots=True)
class PatchOperation:
    """`arguments` are the values of the parts, and for `value` the part itself."""

    kind: str
    path: Path
    text: str
    arguments: dict[str, Any]


def read_fhirpath_patch(parameters: dict[str, Any], resource_type: str) -> list[PatchOperation]:
    """The operations of a valid Parameters resource; refused with all that is wrong with them."""
    operations: list[PatchOperation] = []
    problems: list[Problem] = []
    given: list[Part] = parameters.get("parameter", [])
    if len(given) > OPERATIONS_MAX:
        problems.append(_wrong(f"A patch has at most {OPERATIONS_MAX} operations.", "Parameters.parameter"))
        given = []
    for position, parameter in enumerate(given):
        place = f"Parameters.parameter[{position}]"
        wrongs = list(_wrongs(parameter))
        problems += [_wrong(f"Operation {position + 1} of the patch: {why}.", place) for why in wrongs]
        if not wrongs:
            try:
                operations.append(_operation(parameter, resource_type))
            except PathError as error:
                message = f"Operation {position + 1} of the patch: the path cannot be followed: {error}."
                problems.append(_wrong(message, place))
    if problems:
        raise Refusal(problems)
    return operations


def apply_fhirpath_patch(document: dict[str, Any], operations: list[PatchOperation]) -> dict[str, Any]:
    """The resource with the operations applied, in order."""
    root = tree_of(document)
    for position, operation in enumerate(operations):
        try:
            _APPLY[operation.kind](root, operation)
        except _DoesNotFitError as error:
            named = f"Operation {position + 1} of the patch ({operation.kind} {shown(operation.text)})"
            message = f"{named} cannot be applied: {error}. Nothing was changed."
            place = f"Parameters.parameter[{position}]"
            raise rule_broken("patch-not-applicable", message, place, "processing") from None
    return json_of(root)


def _wrong(message: str, place: str) -> Problem:
    return Problem(Category.INVALID, "patch-invalid", message, place, "structure")


def _wrongs(parameter: Part) -> Iterator[str]:
    if parameter.get("name") != "operation":
        yield "each parameter of a patch is named operation"
        return
    parts: list[Part] = parameter.get("part", [])
    names = [part.get("name") for part in parts]
    kind = next((part.get("valueCode") for part in parts if part.get("name") == "type"), None)
    if kind not in _NEEDS:
        yield f"type is a valueCode, one of {', '.join(_NEEDS)}"
        return
    for needed in _NEEDS[kind]:
        if names.count(needed) != 1:
            yield f"{kind} needs the part {needed}, once"
    for part in parts:
        name = part.get("name")
        if name not in {"type", *_NEEDS[kind]}:
            yield f"{kind} has no part {shown(str(name))}"
        elif name != "value" and _VALUES[name] not in part:
            yield f"{name} is a {_VALUES[name]}"


def _operation(parameter: Part, resource_type: str) -> PatchOperation:
    arguments = {
        part["name"]: part if part["name"] == "value" else part[_VALUES[part["name"]]] for part in parameter["part"]
    }
    text = arguments["path"]
    path = parse_path(text, resource_type)
    kind = arguments["type"]
    if kind in {"insert", "move"} and not path.last_name:
        raise PathError(f"for {kind} it ends with the name of a list")
    return PatchOperation(kind, path, text, arguments)


def _add(root: Element, operation: PatchOperation) -> None:
    parent = _one(operation.path.find(root)).element
    candidates = parent.candidates(operation.arguments["name"])
    value = _value_of(candidates, operation.arguments["value"], operation.arguments["name"])
    present = parent.children.setdefault(operation.arguments["name"], [])
    if present and not candidates[0].many:
        raise _DoesNotFitError("it is there already, and only once; replace it")
    present.append(value)


def _insert(root: Element, operation: PatchOperation) -> None:
    parent, items, candidates = _list_of(root, operation)
    index = operation.arguments["index"]
    if not 0 <= index <= len(items):
        raise _DoesNotFitError(f"the list has {len(items)} elements")
    items.insert(index, _value_of(candidates, operation.arguments["value"], operation.path.last_name))
    parent.children[operation.path.last_name] = items


def _delete(root: Element, operation: PatchOperation) -> None:
    found = operation.path.find(root)
    if not found:
        # What is not there need not be deleted.
        return
    _, items, position = _place_of(_one(found))
    del items[position]


def _replace(root: Element, operation: PatchOperation) -> None:
    found = _one(operation.path.find(root))
    parent, items, position = _place_of(found)
    items[position] = _value_of(parent.candidates(found.name), operation.arguments["value"], found.name)


def _move(root: Element, operation: PatchOperation) -> None:
    _, items, _ = _list_of(root, operation)
    source, destination = operation.arguments["source"], operation.arguments["destination"]
    if not (0 <= source < len(items) and 0 <= destination < len(items)):
        raise _DoesNotFitError(f"the list has {len(items)} elements")
    items.insert(destination, items.pop(source))


_APPLY: dict[str, Callable[[Element, PatchOperation], None]] = {
    "add": _add,
    "insert": _insert,
    "delete": _delete,
    "replace": _replace,
    "move": _move,
}


def _one(found: list[Found]) -> Found:
    if len(found) != 1:
        raise _DoesNotFitError(f"{len(found) or 'no'} elements are there, and it must be one")
    return found[0]


def _place_of(found: Found) -> tuple[Element, list[Element], int]:
    if found.parent is None:
        raise _DoesNotFitError("the resource itself stays; name an element of it")
    items = found.parent.children[found.name]
    return found.parent, items, next(at for at, item in enumerate(items) if item is found.element)


def _list_of(root: Element, operation: PatchOperation) -> tuple[Element, list[Element], list[Child]]:
    parent = _one(operation.path.find_parents(root)).element
    candidates = parent.candidates(operation.path.last_name)
    if not candidates or not candidates[0].many:
        raise _DoesNotFitError(f"{shown(operation.path.last_name)} is no list")
    return parent, parent.children.get(operation.path.last_name, []), candidates


def _value_of(candidates: list[Child], part: Part, name: str) -> Element:
    """The element that a part `value` says: by a value of a type, a resource, or parts where the type has no name."""
    if not candidates:
        raise _DoesNotFitError(f"there is no element {shown(name)}")
    if "part" in part:
        return _of_parts(candidates[0].type_name, part["part"])
    if "resource" in part:
        value_type, value, companion = "Resource", part["resource"], None
    else:
        value_type, value, companion = _typed_value(part)
    type_name = _type_for(candidates, value_type, name)
    try:
        return element_of(type_name, value, companion)
    except UnknownElementError:
        raise _DoesNotFitError(f"the value is no {type_name}") from None


def _typed_value(part: Part) -> tuple[str, Any, Any]:
    """The type of a value[x], its JSON and that of its extensions."""
    for json_name, known in shape_of("Parameters.parameter").items():
        if known.element == "value" and (json_name in part or f"_{json_name}" in part):
            return known.type_name, part.get(json_name), part.get(f"_{json_name}")
    raise _DoesNotFitError("the part value has no value")


def _type_for(candidates: list[Child], value_type: str, name: str) -> str:
    """The type of the element that takes a value of this type."""
    types = [child.type_name for child in candidates]
    if len(types) == 1 and is_primitive(types[0]) == is_primitive(value_type):
        # A date may be sent as a string; the validator says whether it is one.
        return types[0]
    wanted = {value_type, "SimpleQuantity"} if value_type == "Quantity" else {value_type}
    for type_name in types:
        if type_name in wanted:
            return type_name
    raise _DoesNotFitError(f"{shown(name)} is no {value_type}; it is {' or '.join(types)}")


def _of_parts(type_name: str, parts: list[Part]) -> Element:
    if is_primitive(type_name):
        raise _DoesNotFitError(f"a {type_name} has no parts")
    element = Element(type_name)
    for part in parts:
        candidates = element.candidates(part["name"])
        value = _value_of(candidates, part, part["name"])
        present = element.children.setdefault(part["name"], [])
        if present and not candidates[0].many:
            raise _DoesNotFitError(f"{shown(part['name'])} is there once only")
        present.append(value)
    return element

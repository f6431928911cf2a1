"""JSON Patch on a decoded resource: read, checked and applied, with every digit of its decimals kept.

https://www.rfc-editor.org/rfc/rfc6902 and https://hl7.org/fhir/R4/http.html#patch. What is no patch is invalid (400);
one that does not fit the resource is refused as a whole (422), with the operation and its path named.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jsonpatch

from ledger.errors import Category, Problem, Refusal, invalid, rule_broken
from mappers.r4.faults import shown
from mappers.r4.json_text import decode, encode

OPERATIONS_MAX = 1000
BYTES_MAX = 5 * 1024 * 1024
"""A resource that is copied into itself again and again would fill the memory."""

_NEEDS = {
    "add": ("path", "value"),
    "remove": ("path",),
    "replace": ("path", "value"),
    "move": ("from", "path"),
    "copy": ("from", "path"),
    "test": ("path", "value"),
}
_APPENDS = frozenset({"add", "move", "copy"})
_DOES_NOT_FIT = (
    jsonpatch.JsonPatchException,
    jsonpatch.JsonPointerException,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
)

Operation = dict[str, Any]


def read_json_patch(body: bytes) -> list[Operation]:
    """The operations of a patch document; refused with all that is wrong with them."""
    # The reader of JSON takes objects. What is no array makes another object of it, or none.
    wrapped = decode(b'{"patch":' + body.removeprefix(b"\xef\xbb\xbf") + b"}")
    operations = wrapped["patch"]
    if len(wrapped) > 1 or not isinstance(operations, list):
        raise invalid("patch-invalid", "A JSON Patch is an array of operations.", issue="structure")
    if len(operations) > OPERATIONS_MAX:
        raise invalid("patch-invalid", f"A patch has at most {OPERATIONS_MAX} operations.", issue="too-long")
    problems = [
        Problem(Category.INVALID, "patch-invalid", f"Operation {number} of the patch: {wrong}.", issue="structure")
        for number, operation in enumerate(operations, 1)
        for wrong in _wrongs(operation)
    ]
    if problems:
        raise Refusal(problems)
    return operations


def apply_json_patch(document: dict[str, Any], operations: list[Operation]) -> dict[str, Any]:
    """The document with the operations applied, in order. The one that is given is changed too."""
    for number, operation in enumerate(operations, 1):
        try:
            document = _applied(document, operation)
            if operation["op"] == "copy" and len(encode(document)) > BYTES_MAX:
                raise _refused("patch-too-large", number, operation, f"the resource has more than {BYTES_MAX} bytes")
        except jsonpatch.JsonPatchTestFailed:
            raise _refused("patch-test-failed", number, operation, "there is something else") from None
        except _DOES_NOT_FIT:
            raise _refused("patch-not-applicable", number, operation, "there is no such place") from None
        except RecursionError:
            raise _refused("patch-too-large", number, operation, "the resource is nested too deeply") from None
    if not isinstance(document, dict):
        raise rule_broken("patch-not-applicable", "The patch leaves no resource.", issue="processing")
    return document


def _wrongs(operation: Any) -> Iterator[str]:
    if not isinstance(operation, dict):
        yield "it is an object"
        return
    name = operation.get("op")
    if not isinstance(name, str) or name not in _NEEDS:
        yield f"op is one of {', '.join(_NEEDS)}"
        return
    for needed in _NEEDS[name]:
        if needed not in operation:
            yield f"{name} needs {needed}"
        elif needed != "value" and not _is_pointer(operation[needed]):
            yield f"{needed} is a JSON Pointer such as /status or /identifier/0"
        elif needed != "value" and "-" in _behind_the_end(name, needed, operation[needed]):
            yield f"nothing is at - in {needed}"


def _is_pointer(text: Any) -> bool:
    if not isinstance(text, str):
        return False
    try:
        jsonpatch.JsonPointer(text)
    except jsonpatch.JsonPointerException:
        return False
    return True


def _behind_the_end(name: str, needed: str, pointer: str) -> list[str]:
    """The steps that cannot be `-`, which is the place behind the last element: only something new goes there."""
    steps = pointer.split("/")
    return steps[:-1] if name in _APPENDS and needed == "path" else steps


def _applied(document: dict[str, Any], operation: Operation) -> Any:
    if operation["op"] == "test":
        if not _is_same(jsonpatch.JsonPointer(operation["path"]).resolve(document), operation["value"]):
            raise jsonpatch.JsonPatchTestFailed
        return document
    return jsonpatch.JsonPatch([operation]).apply(document, in_place=True)


def _is_same(one: Any, other: Any) -> bool:
    """Equal as JSON: numbers by value, and true is not 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_is_same(value, other[name]) for name, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_is_same, one, other))
    return bool(one == other)


def _refused(code: str, number: int, operation: Operation, why: str) -> Refusal:
    place = " ".join([operation["op"], *(shown(operation[name]) for name in ("from", "path") if name in operation)])
    message = f"Operation {number} of the patch ({place}) cannot be applied: {why}. Nothing was changed."
    return rule_broken(code, message, issue="processing")

"""FHIR JSON as FHIR XML. Stored resources are JSON and valid, so this checks nothing; it only knows XML's order.

What is no element of R4 (a resource that another one contains is only checked for what all types have in common) is
written behind what is, in the order of the JSON. https://hl7.org/fhir/R4/xml.html
"""

from __future__ import annotations

from typing import Any

from mappers.r4.definitions import resource_types
from mappers.r4.json_text import decode_own
from mappers.r4.narrative import without_html_entities
from mappers.r4.shapes import Shape, shape_of

FHIR = "http://hl7.org/fhir"

_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>'
# A parser makes spaces of raw tabs and line ends in an attribute.
_ESCAPES = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}
)
_NO_SHAPE: Shape = {}
_LAST = 10_000


def xml_of_json(content: bytes, *, is_pretty: bool = False) -> bytes:
    """A resource that this server has as JSON, as an XML document; `is_pretty` indents it for people."""
    writer = _Writer("\n" if is_pretty else "")
    writer.resource(decode_own(content), 0, f' xmlns="{FHIR}"')
    return "".join([_DECLARATION, *writer.parts, writer.line_end]).encode()


class _Writer:
    def __init__(self, line_end: str) -> None:
        self.parts: list[str] = []
        self.line_end = line_end

    def resource(self, value: dict[str, Any], depth: int, attributes: str = "") -> None:
        type_name = value["resourceType"]
        members = {name: item for name, item in value.items() if name != "resourceType"}
        self._tag(type_name, attributes, members, shape_of(type_name), depth)

    def _tag(self, name: str, attributes: str, members: dict[str, Any], shape: Shape, depth: int) -> None:
        self._begin_line(depth)
        if not members:
            self.parts.append(f"<{name}{attributes}/>")
            return
        self.parts.append(f"<{name}{attributes}>")
        self._members(members, shape, depth + 1)
        self._begin_line(depth)
        self.parts.append(f"</{name}>")

    def _members(self, members: dict[str, Any], shape: Shape, depth: int) -> None:
        names = dict.fromkeys(name.removeprefix("_") for name in members)
        for name in sorted(names, key=lambda name: shape[name].position if name in shape else _LAST):
            child = shape.get(name)
            type_name = child.type_name if child else "Extension" if name in {"extension", "modifierExtension"} else ""
            value, beside = members.get(name), members.get("_" + name)
            if isinstance(value, list) or isinstance(beside, list):
                values, besides = value or [], beside or []
                for index in range(max(len(values), len(besides))):
                    self._element(name, _at(values, index), _at(besides, index), type_name, depth)
            else:
                self._element(name, value, beside, type_name, depth)

    def _element(self, name: str, value: Any, beside: dict[str, Any] | None, type_name: str, depth: int) -> None:
        if isinstance(value, dict):
            if type_name in {"Resource", ""} and _is_resource(value):
                self._holder(name, value, depth)
            else:
                shape = shape_of(type_name) if type_name else _NO_SHAPE
                self._object(name, value, shape, depth, has_url=type_name == "Extension")
        elif type_name == "xhtml" and isinstance(value, str):
            # It is well-formed XHTML with its own namespace, or it would not have been accepted.
            self._begin_line(depth)
            self.parts.append(without_html_entities(value))
        else:
            text = "" if value is None else f' value="{_text(value)}"'
            self._object(name, beside or {}, shape_of("Element"), depth, attributes=text)

    def _holder(self, name: str, resource: dict[str, Any], depth: int) -> None:
        """An element that holds a whole resource: `<contained><Patient>...</Patient></contained>`."""
        self._begin_line(depth)
        self.parts.append(f"<{name}>")
        self.resource(resource, depth + 1)
        self._begin_line(depth)
        self.parts.append(f"</{name}>")

    def _object(
        self, name: str, value: dict[str, Any], shape: Shape, depth: int, *, attributes: str = "", has_url: bool = False
    ) -> None:
        """An element with what XML has as attributes: `id`, and the `url` of an extension."""
        named = [key for key in (("id", "url") if has_url else ("id",)) if isinstance(value.get(key), str)]
        before = "".join(f' {key}="{_text(value[key])}"' for key in named)
        members = {key: item for key, item in value.items() if key not in named}
        self._tag(name, before + attributes, members, shape, depth)

    def _begin_line(self, depth: int) -> None:
        if self.line_end:
            self.parts.append(self.line_end + "  " * depth)


def _is_resource(value: dict[str, Any]) -> bool:
    type_name = value.get("resourceType")
    return isinstance(type_name, str) and type_name in resource_types()


def _at(items: list[Any], index: int) -> Any:
    return items[index] if index < len(items) else None


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value).translate(_ESCAPES)

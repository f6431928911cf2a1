"""The XML border: FHIR XML to the JSON that everything behind works with, without losing a digit or a character.

Nothing is fetched or expanded: a DOCTYPE is refused before anything is parsed, so there are no entities but XML's own.
XML that is none of FHIR's is refused with all places; whether the resource is valid R4 is the validator's to say.
https://hl7.org/fhir/R4/xml.html
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

from lxml import etree

from ledger.errors import Category, Problem, Refusal, invalid
from mappers.r4.definitions import is_primitive, resource_types
from mappers.r4.faults import PROBLEMS_MAX, shown, step
from mappers.r4.json_text import DEPTH_MAX, DIGITS_MAX, encode
from mappers.r4.narrative import XHTML
from mappers.r4.primitives import WHITESPACE
from mappers.r4.shapes import Child, shape_of
from mappers.r4.xml_writing import FHIR

_SCHEMA_INSTANCE = "{http://www.w3.org/2001/XMLSchema-instance}"
_NUMBERS = frozenset({"decimal", "integer", "positiveInt", "unsignedInt"})
_ATTRIBUTES = {"Extension": frozenset({"id", "url"})}
_ID = frozenset({"id"})
_VALUE = frozenset({"id", "value"})
_NOTHING: frozenset[str] = frozenset()

_declared_encoding = re.compile(rb"""\s*<\?xml[^>]*?\sencoding\s*=\s*["']([^"']*)["']""").match
_is_number = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?").fullmatch
_is_whole = re.compile(r"-?[0-9]+").fullmatch


def json_of_xml(body: bytes) -> bytes:
    """The resource of an XML document as JSON."""
    root = _parsed(body)
    reader = _Reader()
    value = reader.resource(root, "", 1)
    if reader.problems:
        raise Refusal(reader.problems[:PROBLEMS_MAX])
    return encode(value)


def _parsed(body: bytes) -> etree._Element:
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        message = "A document with a DOCTYPE or entities is not read; send the elements alone."
        raise invalid("xml-doctype", message, issue="security")
    declared = _declared_encoding(body)
    if not _is_utf_8(body) or (declared and declared[1].lower() not in {b"utf-8", b"utf8", b"us-ascii"}):
        raise invalid("xml-encoding", "The document is not in UTF-8; send XML in UTF-8.", issue="structure")
    parser = etree.XMLParser(
        encoding="utf-8", resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False
    )
    try:
        return etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        message = str(error)
        if "depth" in message:
            raise _too_deep() from None
        message = f"The body is not well-formed XML: {message[:200]}."
        raise invalid("xml-malformed", message, issue="structure") from None


def _is_utf_8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _too_deep() -> Refusal:
    message = f"Elements are nested more than {DEPTH_MAX} deep; flatten them."
    return invalid("xml-too-deep", message, issue="too-long")


class _Reader:
    """Walks a document by the definitions, and notes what is no FHIR in it."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def resource(self, node: etree._Element, place: str, depth: int) -> dict[str, Any]:
        """The resource that an element is; `place` is empty at the root."""
        namespace, name = _name_of(node)
        place = place or name
        if namespace != FHIR:
            self._wrong_namespace(name, FHIR, place)
        elif name not in resource_types():
            self._note("resource-type-unknown", f"{shown(name)} is not a resource type of FHIR R4.", place)
        else:
            self._check_attributes(node, _NOTHING, place)
            return {"resourceType": name, **self._members(node, name, _NOTHING, place, depth)}
        return {}

    def _members(
        self, node: etree._Element, type_name: str, attributes: frozenset[str], place: str, depth: int
    ) -> dict[str, Any]:
        """The child elements as JSON has them. What are `attributes` of the type cannot be elements too."""
        if depth > DEPTH_MAX:
            raise _too_deep()
        if not len(node) and not node.text:
            return {}
        shape = shape_of(type_name)
        found: dict[str, list[tuple[Any, Any]]] = {}
        last = 0
        for child in self._elements(node, place):
            namespace, name = _name_of(child)
            known = shape.get(name) if name not in attributes else None
            wanted = XHTML if known is not None and known.type_name == "xhtml" else FHIR
            if namespace != wanted:
                self._wrong_namespace(name, wanted, place + step(name))
            elif known is None:
                self._note(
                    "unknown-element", f"{shown(name)} is not an element of {type_name}; remove it.", place + step(name)
                )
            else:
                items = found.setdefault(name, [])
                here = f"{place}{known.step}[{len(items)}]" if known.many else place + known.step
                self._check_order(known, last, len(items), here)
                last = max(last, known.position)
                items.append(self._item(child, known, here, depth + 1))
        return dict(_members_of_json(found, {name: shape[name].many for name in found}))

    def _elements(self, node: etree._Element, place: str) -> Iterator[etree._Element]:
        texts = [node.text]
        for child in node:
            texts.append(child.tail)
            if isinstance(child.tag, str):
                yield child
        if any(text and text.strip(WHITESPACE) for text in texts):
            self._note("xml-text", "Text between elements is no FHIR; values are in the attribute value.", place)

    def _check_order(self, known: Child, last: int, before: int, place: str) -> None:
        if known.position < last:
            message = f"{known.element} stands before what precedes it here; XML keeps the order of the definition."
            self._note("xml-order", message, place)
        if before and not known.many:
            self._note("not-single", "The element does not repeat; send it once.", place)

    def _item(self, node: etree._Element, known: Child, place: str, depth: int) -> tuple[Any, Any]:
        """The value, and of a primitive what JSON has beside it."""
        if known.type_name == "xhtml":
            return _xhtml_text(node), None
        if is_primitive(known.type_name):
            return self._primitive(node, known.type_name, place, depth)
        if known.type_name == "Resource":
            self._check_attributes(node, _NOTHING, place)
            inside = list(self._elements(node, place))
            if len(inside) == 1:
                return self.resource(inside[0], place, depth), None
            self._note("xml-resource", "One resource belongs in this element.", place)
            return {}, None
        attributes = _ATTRIBUTES.get(known.type_name, _ID)
        given = self._check_attributes(node, attributes, place)
        return {**given, **self._members(node, known.type_name, attributes, place, depth)}, None

    def _primitive(self, node: etree._Element, type_name: str, place: str, depth: int) -> tuple[Any, Any]:
        given = self._check_attributes(node, _VALUE, place)
        text = given.pop("value", None)
        beside = {**given, **self._members(node, "Element", _ID, place, depth)}
        if text is None and not beside:
            self._note("empty", "The element has no value and no extension; leave it out instead.", place)
        return None if text is None else self._value(text, type_name, place), beside or None

    def _value(self, text: str, type_name: str, place: str) -> Any:
        if type_name in _NUMBERS:
            return self._number(text, type_name, place)
        if type_name != "boolean":
            return text
        if text not in {"true", "false"}:
            self._note("invalid-boolean", "This is not a valid boolean; send true or false.", place, "value")
        return text == "true"

    def _number(self, text: str, type_name: str, place: str) -> int | Decimal:
        if not _is_number(text):
            code = {"positiveInt": "positive-int", "unsignedInt": "unsigned-int"}.get(type_name, type_name)
            self._note(f"invalid-{code}", f"This is not a valid {type_name}; send a number.", place, "value")
            return 0
        # JSON knows a number without a point as an integer. How many digits are kept is checked where JSON is read.
        if len(text) <= DIGITS_MAX and _is_whole(text):
            return int(text)
        try:
            return Decimal(text)
        except InvalidOperation:
            self._note("json-number", "The exponent of the number is too large.", place, "value")
            return 0

    def _check_attributes(self, node: etree._Element, known: frozenset[str], place: str) -> dict[str, str]:
        given = {}
        for raw_name, value in node.attrib.items():
            name = str(raw_name)
            if name in known:
                given[name] = str(value)
            elif not name.startswith(_SCHEMA_INSTANCE):
                local = etree.QName(name).localname
                self._note("xml-attribute", f"{shown(local)} is no attribute of this element; remove it.", place)
        return given

    def _wrong_namespace(self, name: str, wanted: str, place: str) -> None:
        self._note("xml-namespace", f"{shown(name)} belongs in the namespace {wanted}.", place)

    def _note(self, code: str, message: str, place: str, issue: str = "structure") -> None:
        self.problems.append(Problem(Category.INVALID, code, message, place, issue))
        if len(self.problems) > PROBLEMS_MAX:
            raise Refusal(self.problems[:PROBLEMS_MAX])


def _members_of_json(found: dict[str, list[tuple[Any, Any]]], repeats: dict[str, bool]) -> Iterator[tuple[str, Any]]:
    for name, items in found.items():
        for key, values in ((name, [value for value, _ in items]), (f"_{name}", [beside for _, beside in items])):
            if any(value is not None for value in values):
                yield key, values if repeats[name] else values[0]


def _name_of(node: etree._Element) -> tuple[str, str]:
    tag = str(node.tag)
    namespace, _, name = tag[1:].rpartition("}")
    return (namespace, name) if tag.startswith("{") else ("", tag)


def _xhtml_text(node: etree._Element) -> str:
    """The narrative as a document of its own: what is declared around it, and not used in it, stays behind."""
    alone = copy.deepcopy(node)
    alone.tail = None
    etree.cleanup_namespaces(alone)
    return etree.tostring(alone, encoding="unicode")

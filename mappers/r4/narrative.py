"""The narrative of a resource: well-formed XHTML of the subset that R4 allows, and nothing that a browser would run.

https://hl7.org/fhir/R4/narrative.html; the lists are those of the invariant txt-1 in the definition of Narrative.
"""

from __future__ import annotations

import re
from html.entities import name2codepoint
from typing import Any

from lxml import etree

from mappers.r4.faults import Fault, Scope, one, shown
from mappers.r4.primitives import WHITESPACE, wrong_json_type

XHTML = "http://www.w3.org/1999/xhtml"
_XML_NAMESPACE = "{http://www.w3.org/XML/1998/namespace}"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ELEMENTS = _words(
    "a abbr acronym b big blockquote br caption cite code col colgroup dd dfn div dl dt em h1 h2 h3 h4 h5 h6 hr i img"
    " li ol p pre q samp small span strong sub sup table tbody td tfoot th thead tr tt ul var"
)
# Chapters 7-11 and 15 of HTML 4.0 know these too; the list of txt-1 leaves them out.
_ELEMENTS |= _words("address bdo kbd ins del")
_ATTRIBUTES = _words(
    "abbr accesskey align alt axis bgcolor border cellhalign cellpadding cellspacing cellvalign char charoff charset"
    " cite class colspan compact coords dir frame headers height href hreflang hspace id lang longdesc name nowrap rel"
    " rev rowspan rules scope shape span src start style summary tabindex title type valign value vspace width"
) | {_XML_NAMESPACE + "lang", _XML_NAMESPACE + "space"}

_SAFE_LINK = re.compile(r"(https?:|mailto:|tel:|urn:|#|[^:]*$|[^:]*[/?#])", re.IGNORECASE)
_SAFE_IMAGE = re.compile(_SAFE_LINK.pattern + r"|data:image/", re.IGNORECASE)
_UNSAFE_STYLE = re.compile(r"url\s*\(|expression\s*\(|@import|javascript:|behavior\s*:|-moz-binding|\\", re.IGNORECASE)
_XML_ENTITIES = frozenset({"lt", "gt", "amp", "quot", "apos"})
_named_entity = re.compile(r"&([A-Za-z][A-Za-z0-9]*);")


def xhtml_check(value: Any, _scope: Scope) -> list[Fault] | None:
    """The check of `Narrative.div`."""
    if type(value) is not str:
        return wrong_json_type(value, "a JSON string")
    if "<!DOCTYPE" in value.upper() or "<?" in value:
        return _refused("A narrative has no DOCTYPE and no processing instructions; remove them.")
    try:
        root = etree.fromstring(without_html_entities(value), _parser())
    except (etree.XMLSyntaxError, ValueError) as error:
        return _refused(f"The narrative is not well-formed XHTML: {error.args[0] if error.args else error}.")
    if root.tag != f"{{{XHTML}}}div":
        return _refused(f'The narrative must be one <div xmlns="{XHTML}">.')
    return _first_fault(root)


def without_html_entities(value: str) -> str:
    """The text with the entities that HTML names and XML does not (`&nbsp;`) as the characters they stand for."""
    return _named_entity.sub(_character, value)


def _character(match: re.Match[str]) -> str:
    name = match[1]
    return match[0] if name in _XML_ENTITIES or name not in name2codepoint else chr(name2codepoint[name])


def _parser() -> etree.XMLParser:
    return etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)


def _first_fault(root: etree._Element) -> list[Fault] | None:
    """The first thing that the subset forbids (one is enough to mend: the place inside has no FHIRPath)."""
    has_content = False
    for element in root.iter():
        if isinstance(element, etree._Comment):
            has_content = has_content or _has_text(element.tail)
            continue
        wrong = _wrong_tag(element) or _wrong_attribute(element)
        if wrong:
            return _refused(wrong)
        is_image = element.tag == f"{{{XHTML}}}img" and element.get("src") is not None
        has_content = has_content or is_image or _has_text(element.text) or _has_text(element.tail)
    if has_content:
        return None
    return one("txt-2", "The narrative must have some text or an image.", "invariant")


def _wrong_tag(element: etree._Element) -> str | None:
    tag = element.tag
    if isinstance(tag, str) and tag.startswith(f"{{{XHTML}}}") and tag[len(XHTML) + 2 :] in _ELEMENTS:
        return None
    name = etree.QName(tag).localname if isinstance(tag, str) else "this node"
    return f"{shown(name)} is not allowed in a narrative; use the formatting elements of XHTML only."


def _wrong_attribute(element: etree._Element) -> str | None:
    for raw_name, raw_value in element.attrib.items():
        name, value = str(raw_name), str(raw_value)
        if name not in _ATTRIBUTES:
            return f"The attribute {shown(name)} is not allowed in a narrative; remove it."
        # Browsers skip whitespace and control characters inside a scheme.
        bare = "".join(character for character in value if character > " ")
        if name in {"href", "cite", "longdesc"} and not _SAFE_LINK.match(bare):
            return f"A link of a narrative ({name}) must be http, https, mailto, tel, urn or local."
        if name == "src" and not _SAFE_IMAGE.match(bare):
            return "The image of a narrative must be #id of a contained resource, a URL or data:image/..."
        if name == "style" and _UNSAFE_STYLE.search(value):
            return "A style attribute of a narrative must not load or run anything."
    return None


def _has_text(text: str | None) -> bool:
    return text is not None and text.strip(WHITESPACE) != ""


def _refused(message: str) -> list[Fault]:
    return one("txt-1", message, "invariant")

"""References between the entries of a transaction: temporary ones become the ids that the server gives.

https://hl7.org/fhir/R4/http.html#trules. What is replaced are literal references, elements that are a uri by type (an
identifier's value is none, though it may look like one), and links in narratives.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Mapping
from functools import cache
from typing import Any

from ledger.errors import Category, Problem, Refusal
from mappers.literal_references import LiteralReference
from mappers.r4.definitions import definitions, json_names

_URI_TYPES = frozenset({"uri", "url", "oid", "uuid", "canonical"})
_NARRATIVE_LINK = re.compile(r"""(?<=\s)((?:href|src)\s*=\s*)(["'])([^"']+)\2""")
_TEMPORARY = "A urn:uuid names what an entry of the same transaction creates or changes, and none has it as fullUrl."
_is_conditional = re.compile(r"[A-Z][A-Za-z]+\?\S+").fullmatch


def replace_references(value: Any, replacements: Mapping[str, str]) -> None:
    """Replace in place, in a resource, whatever says a key of `replacements` by its value."""
    if isinstance(value, list):
        for position, item in enumerate(value):
            if isinstance(item, (dict, list)):
                replace_references(item, replacements)
            elif isinstance(item, str) and item in replacements:
                value[position] = replacements[item]
        return
    for name, item in value.items():
        sort = type(item)
        if sort is str:
            if name == "div":
                value[name] = _with_links(item, replacements)
            elif item in replacements and (name == "reference" or name in _uri_names()):
                value[name] = replacements[item]
        elif sort is dict or (sort is list and item and (type(item[0]) is not str or name in _uri_names())):
            replace_references(item, replacements)


def conditional_references(literals: Iterable[LiteralReference]) -> Iterator[LiteralReference]:
    """(`Account?identifier=...`, where it stands) of every reference that is a search."""
    return (found for found in literals if "?" in found[0] and _is_conditional(found[0]))


def refuse_temporary(literals: Iterable[LiteralReference], full_urls: Container[str] | None = None) -> None:
    """Refuse references to `urn:uuid:...` that were not replaced: all of them, or those to entries with these fullUrls.

    https://hl7.org/fhir/R4/http.html#brules: the entries of a batch do not refer to one another.
    """
    problems = [
        Problem(Category.RULE_BROKEN, "reference-not-found", _TEMPORARY, expression, "not-found")
        for literal, expression in literals
        if literal.startswith("urn:uuid:") and (full_urls is None or literal in full_urls)
    ]
    if problems:
        raise Refusal(problems)


def _with_links(narrative: str, replacements: Mapping[str, str]) -> str:
    return _NARRATIVE_LINK.sub(
        lambda link: f"{link[1]}{link[2]}{replacements.get(link[3], link[3])}{link[2]}", narrative
    )


@cache
def _uri_names() -> frozenset[str]:
    """JSON names of elements that are a uri wherever they stand. A name that is a text elsewhere is left alone."""
    uris: set[str] = set()
    others: set[str] = set()
    for type_definition in definitions().types.values():
        for name, element in type_definition.elements.items():
            for json_name, type_name in json_names(name, element).items():
                (uris if type_name in _URI_TYPES else others).add(json_name)
    return frozenset(uris - others)

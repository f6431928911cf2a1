"""Re-rendered = stored: the columns of every current resource make its newest version, byte for byte, and back."""

from __future__ import annotations

import re
from dataclasses import fields
from functools import cache
from typing import Any

from billing.check.corruption import Corruption
from billing.check.finding import Findings
from ledger.errors import Refusal
from ledger.resource import Resource
from mappers import mapper_for
from mappers.r4.json_text import decode, decode_encoded
from storage.check_versions import KeptVersion

# A reference that was sent below the server's base URL: the residue remembers the base of then (`mappers.references`).
_BASE = re.compile(rb'"reference~":\["([^"]+)"')
_FRAME = b'"reference~"'

# What a damaged row or version may make of a mapper that takes both for sound.
_UNREADABLE = (Refusal, AssertionError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


def check_rendering(findings: Findings, record: Resource, newest: KeptVersion, mapper_version: int) -> bool:
    """Whether the record can be trusted so far that the rules of its type say something about it."""
    resource_type = type(record).__name__
    place = f"{resource_type}/{record.id}"
    if (record.version, record.last_updated) != (newest.version, newest.last_updated) or newest.content is None:
        return True  # said already, and any rendering would differ
    content = newest.content.encode()
    try:
        rendered = mapper_for(resource_type).render(record)
    except _UNREADABLE as failure:
        findings.add(Corruption.ROW_UNREADABLE, place, f"its columns make no resource: {_named(failure)}")
        return False
    if rendered != content and newest.mapper_version >= mapper_version:
        findings.add(Corruption.RENDERING_DIFFERS, place, _difference(rendered, content))
        return True
    try:
        # What was just rendered cannot say a thing twice, which is dear to find out.
        document = decode_encoded(content) if rendered == content else decode(content)
        different = _different_columns(record, _parsed(record, document))
    except _UNREADABLE as failure:
        message = f"the stored version cannot be read: {_named(failure)}"
        findings.add(Corruption.VERSION_CONTENT_WRONG, f"{place}/_history/{newest.version}", message)
        return True
    if different:
        message = f"the stored version makes other values of {', '.join(different)}"
        findings.add(Corruption.COLUMNS_DIFFER, place, message)
    return True


def _parsed(record: Resource, document: dict[str, Any]) -> Resource:
    mapper = mapper_for(type(record).__name__)
    parsed: Resource = mapper.take_apart(document, id=record.id, base_url=_base_of(record))
    parsed.version, parsed.last_updated = record.version, record.last_updated
    return parsed


def _base_of(record: Resource) -> str:
    residues = [record.residue, *(item.residue for item in _items(record))]
    framed = (residue for residue in residues if _FRAME in residue)
    found = next((match[1] for residue in framed if (match := _BASE.search(residue))), b"")
    return found.decode()


def _items(record: Any) -> list[Any]:
    """The records of repeating elements, and theirs."""
    found = []
    for name in _lists(record.__class__):
        for item in getattr(record, name):
            found += [item, *_items(item)]
    return found


@cache
def _lists(record_class: type[Any]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(record_class) if str(field.type).startswith("list["))


def _different_columns(record: Any, parsed: Any) -> list[str]:
    """The fields that differ. Not the residue: that it is right is seen by the rendering."""
    if record == parsed:
        return []
    different = []
    for field in fields(record):
        name = field.name
        mine, its = getattr(record, name), getattr(parsed, name)
        if name == "residue":
            continue
        if name == "index":
            if sorted(mine, key=_place) != sorted(its, key=_place):
                different.append(name)
        elif isinstance(mine, list):
            if len(mine) != len(its):
                different.append(name)
            else:
                pairs = zip(mine, its, strict=True)
                different += [
                    f"{name}[{at}].{inner}" for at, pair in enumerate(pairs) for inner in _different_columns(*pair)
                ]
        elif mine != its:
            different.append(name)
    return different


def _place(row: Any) -> tuple[str, tuple[int, ...]]:
    return (row.parameter, row.position)


def _difference(rendered: bytes, content: bytes) -> str:
    try:
        mine, its = decode(rendered), decode(content)
    except Refusal as failure:
        return f"the stored version cannot be read: {_named(failure)}"
    names = [name for name in {**its, **mine} if mine.get(name) != its.get(name)]
    what = f"they differ in {', '.join(names)}" if names else "they are written differently"
    return f"its columns do not make the stored version: {what}"


def _named(failure: Exception) -> str:
    return f"{type(failure).__name__}: {failure}"[:200]

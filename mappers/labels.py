"""The labels in a `meta`: profiles, tags and security labels, added, taken away, and put into a record.

https://hl7.org/fhir/R4/resource.html#Meta. Two codings are the same label where they have the same system and code.
"""

from __future__ import annotations

from typing import Any

from ledger.resource import Resource
from mappers import mapper_for
from mappers.residue import decode_residue, encode_residue

Meta = dict[str, Any]

CODINGS = ("security", "tag")
_PARAMETERS = frozenset({"_profile", "_security", "_security:text", "_tag", "_tag:text"})


def with_labels(meta: Meta, added: Meta) -> Meta:
    """A meta with the labels of another one that it does not have yet, behind those that it has."""
    changed = dict(meta)
    profiles = list(meta.get("profile", []))
    profiles += [each for each in dict.fromkeys(added.get("profile", [])) if each is not None and each not in profiles]
    if profiles:
        changed["profile"] = profiles
        if "_profile" in meta:
            # What stands beside primitives has a place for each of them.
            changed["_profile"] = [*meta["_profile"], *[None] * (len(profiles) - len(meta["_profile"]))]
    for name in CODINGS:
        codings = {_identity(each): each for each in reversed(added.get(name, []))}
        for each in meta.get(name, []):
            codings.pop(_identity(each), None)
        if codings:
            changed[name] = [*meta.get(name, []), *reversed(codings.values())]
    return changed


def without_labels(meta: Meta, removed: Meta) -> Meta:
    """A meta without the labels of another one."""
    changed = dict(meta)
    profiles = meta.get("profile", [])
    kept = [at for at, each in enumerate(profiles) if each is None or each not in removed.get("profile", [])]
    if len(kept) < len(profiles):
        _keep(changed, "profile", kept)
        if "_profile" in meta:
            _keep(changed, "_profile", kept)
            if not any(changed.get("_profile", [])):
                changed.pop("_profile", None)
    for name in CODINGS:
        gone = {_identity(each) for each in removed.get(name, [])}
        _keep(changed, name, [at for at, each in enumerate(meta.get(name, [])) if _identity(each) not in gone])
    return changed


def with_meta(record: Resource, meta: Meta, *, base_url: str) -> None:
    """Give a record the labels of a meta; whatever else it says stays as it is."""
    mapper = mapper_for(type(record).__name__)
    # Of what is read anew only the labels count: references may mean something else under another base URL.
    parsed = mapper.parse(mapper.render_document(record) | {"meta": meta}, id=record.id, base_url=base_url)
    rows = [row for row in record.index if row.parameter not in _PARAMETERS]
    rows += [row for row in parsed.index if row.parameter in _PARAMETERS]
    record.index = tuple(sorted(rows, key=lambda row: (row.parameter, row.position)))
    residue, meta_residue = decode_residue(record.residue), decode_residue(parsed.residue).get("meta")
    residue.pop("meta", None)
    record.residue = encode_residue(residue | ({"meta": meta_residue} if meta_residue else {}))


def _identity(coding: Meta) -> tuple[str | None, str | None, str | None]:
    code = coding.get("code")
    return coding.get("system"), code, None if code else coding.get("display")


def _keep(meta: Meta, name: str, places: list[int]) -> None:
    items = meta.get(name, [])
    kept = [items[at] for at in places if at < len(items)]
    if kept:
        meta[name] = kept
    else:
        meta.pop(name, None)

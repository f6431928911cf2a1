"""References to resources that live here: they must exist (https://hl7.org/fhir/R4/references.html)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from ledger.errors import Category, Problem, Refusal
from mappers.literal_references import LiteralReference, literal_references
from storage import resource_ids_known, resource_versions
from storage.resource_rows import RESOURCE_TYPES
from storage.transaction import Transaction


class OwnReference(NamedTuple):
    """`version` is there where the reference is to a version."""

    expression: str
    resource_type: str
    id: str
    version: str = ""


def own_references(document: dict[str, Any], base_url: str) -> list[OwnReference]:
    """Every literal reference in a resource to one of the types that this server keeps, on this server."""
    return own_among(literal_references(document), base_url)


def own_among(literals: Iterable[LiteralReference], base_url: str) -> list[OwnReference]:
    """Those of literal references that are to one of the types that this server keeps, on this server."""
    base = _base(base_url)
    return [
        OwnReference(expression, *own, literal.partition("/_history/")[2])
        for literal, expression in literals
        if (own := _own(literal, base)) is not None
    ]


def own_reference(literal: str, base_url: str) -> tuple[str, str] | None:
    """(type, id) of a relative reference, or of an absolute one below our base; None for anything else."""
    return _own(literal, _base(base_url))


def _base(base_url: str) -> str:
    return base_url.rstrip("/") + "/" if base_url else ""


def _own(literal: str, base: str) -> tuple[str, str] | None:
    resource_type, _, rest = literal.removeprefix(base).partition("/")
    if resource_type not in RESOURCE_TYPES or not rest:
        return None
    return resource_type, rest.split("/", 1)[0]


def _is_of_this(tx: Transaction, item: OwnReference) -> bool:
    """Whether this transaction has made it, or is going to."""
    name = item.resource_type, item.id
    if name in tx.to_create:
        tx.relied_on.add(name)
    return name in tx.created or name in tx.to_create


async def refuse_missing(tx: Transaction, references: Sequence[OwnReference]) -> None:
    """Refuse with every reference that leads nowhere in this tenant. What was locked or made before is there."""
    unknown = [
        item
        for item in references
        if not _is_of_this(tx, item) and not (item.resource_type == "Account" and item.id in tx.balances)
    ]
    missing = []
    if unknown:
        known = await resource_ids_known.known(tx, {(item.resource_type, item.id) for item in unknown})
        missing = [item for item in unknown if (item.resource_type, item.id) not in known]
    problems = [_missing(item, f"{item.resource_type}/{item.id}") for item in missing]
    versioned = [item for item in references if item.version and item not in missing]
    if versioned:
        problems += await _without_version(tx, versioned)
    if problems:
        raise Refusal(problems)


async def _without_version(tx: Transaction, references: Sequence[OwnReference]) -> list[Problem]:
    """What is wrong with references to versions of resources that are there; what this makes has no version yet."""
    named = {item: (item.resource_type, item.id, item.version) for item in references if not _is_of_this(tx, item)}
    if not named:
        return []
    known = await resource_versions.known(tx, named.values())
    return [_missing(item, "/".join((*key[:2], "_history", key[2]))) for item, key in named.items() if key not in known]


def _missing(item: OwnReference, what: str) -> Problem:
    message = f"{what} does not exist; create it first, or refer to it by identifier."
    return Problem(Category.RULE_BROKEN, "reference-not-found", message, item.expression, "not-found")

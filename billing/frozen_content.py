"""Content that is frozen once it is booked: what of an update differs, and the update without all but what is free."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, TypeVar

from billing.status_rules import StatusRefusal
from ledger.errors import Problem, Refusal
from ledger.resource import Resource
from mappers import mapper_for
from mappers.r4.json_text import canonical

R = TypeVar("R", bound=Resource)

# Says nothing about money, so it may change for ever.
NOTES = ("id", "meta", "language", "text", "status")


def refuse_changes(record: Resource, previous: Resource, *, free: Collection[str], refusal: StatusRefusal) -> None:
    """Refuse with every top-level element that differs and is not free. How many zeros a number has does not count."""
    before, after = _content(previous, free), _content(record, free)
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    if names:
        raise Refusal(
            Problem(
                refusal.category,
                refusal.code,
                f"{name.lstrip('_')} does not change any more. {refusal.message}",
                f"{type(record).__name__}.{name.lstrip('_')}",
                "business-rule",
            )
            for name in names
        )


def with_free_elements(record: R, previous: R, *, free: Collection[str], base_url: str) -> R:
    """The stored resource, byte for byte, with the free elements of what was sent."""
    mapper = mapper_for(type(record).__name__)
    sent, document = mapper.render_document(record), mapper.render_document(previous)
    kept = {name: value for name, value in document.items() if name.lstrip("_") not in free}
    taken = {name: value for name, value in sent.items() if name.lstrip("_") in free}
    merged: R = mapper.parse({**kept, **taken}, id=record.id, base_url=base_url)
    return merged


def _content(record: Resource, free: Collection[str]) -> dict[str, Any]:
    document = mapper_for(type(record).__name__).render_document(record)
    content = {name: value for name, value in document.items() if name.lstrip("_") not in free}
    if "extension" in content:
        # The order in which they stand says nothing.
        content["extension"] = sorted(content["extension"], key=lambda item: (item["url"], canonical(item)))
    return content

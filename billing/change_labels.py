"""Add profiles, tags and security labels to a resource, or take them away; nothing else of it changes.

Versions never change, so another set of labels is another version. Labels say nothing about money: what is posted or
issued may have them changed for ever.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import Any, Literal

from billing.change import Change
from billing.context import Context
from billing.record_change import record_update
from billing.update_resource import locked, version_differs
from ledger.errors import Category, not_found, refuse
from ledger.resource import Resource
from mappers import mapper_for
from mappers.labels import with_labels, with_meta, without_labels
from storage import resource_versions
from storage.transaction import Transaction

Meta = dict[str, Any]

_CHANGES: dict[str, Callable[[Meta, Meta], Meta]] = {"add": with_labels, "delete": without_labels}


async def change_labels(
    tx: Transaction,
    context: Context,
    resource_type: str,
    resource_id: str,
    what: Literal["add", "delete"],
    meta: Meta,
    *,
    if_match: frozenset[int] | None = None,
) -> Change:
    """The resource with the labels of a Meta, or without them; unchanged where it has them, or has them not."""
    previous: Resource | None = await locked(tx, resource_type, resource_id, naming=None, context=context)
    if previous is None:
        raise await _absent(tx, resource_type, resource_id)
    if if_match is not None and previous.version not in if_match:
        raise version_differs(resource_type, resource_id)
    had: Meta = mapper_for(resource_type).render_document(previous).get("meta", {})
    changed = copy(previous)
    with_meta(changed, _CHANGES[what](had, meta), base_url=context.base_url)
    return record_update(tx, changed, previous)


async def _absent(tx: Transaction, resource_type: str, resource_id: str) -> Exception:
    name = f"{resource_type}/{resource_id}"
    if await resource_versions.latest(tx, resource_type, resource_id) is None:
        return not_found("not-found", f"There is no {name}.")
    return refuse(Category.GONE, "deleted", f"{name} is deleted; {name}/_history has what it was.")

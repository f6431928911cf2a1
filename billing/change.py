"""What a command gives back of a resource that it wrote: the version as it was stored, ready to be sent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Change:
    """`content` is the rendered JSON, None for a deletion. `outcome`: created, updated, unchanged, existing or deleted.

    `unchanged` is an update that says what is stored already; `existing` a create that met a resource with its key.
    """

    resource_type: str
    id: str
    version: int
    last_updated: datetime
    content: bytes | None
    outcome: str

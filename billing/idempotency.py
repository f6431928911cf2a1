"""Idempotency keys: the answer to a request is kept in its transaction, and a repetition gets that answer.

A refusal is not kept: mend the request and repeat it with the same key.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from billing.context import Context
from ledger.errors import conflict, invalid
from storage import idempotency_keys
from storage.transaction import Transaction

_KEY = re.compile(r"[\x20-\x7e]{1,255}")


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    http_status: int
    location: str | None
    answer: str


def refuse_key(key: str) -> None:
    if not _KEY.fullmatch(key):
        raise invalid("idempotency-key-invalid", "An Idempotency-Key is 1 to 255 printable ASCII characters.")


async def find_or_begin(
    tx: Transaction, context: Context, operation: str, key: str, request_hash: str
) -> StoredAnswer | None:
    """The answer that this key had, or None: then this is the first, and who comes second waits for its end.

    Refused as IDEMPOTENCY_CONFLICT where the key had another request, as IDEMPOTENCY_IN_FLIGHT after two seconds.
    """
    refuse_key(key)
    kept = await idempotency_keys.lock_and_read(tx, context.client, operation, key)
    if kept is None:
        return None
    if kept.request_hash != request_hash:
        raise conflict("IDEMPOTENCY_CONFLICT", "This Idempotency-Key was used for another request; take a new one.")
    return StoredAnswer(kept.http_status, kept.location, kept.answer)


async def remember(
    tx: Transaction,
    context: Context,
    operation: str,
    key: str,
    request_hash: str,
    http_status: int,
    location: str | None,
    answer: str,
) -> None:
    """Keep the answer of the request, for ever."""
    kept = idempotency_keys.KeptAnswer(request_hash, http_status, location, answer)
    idempotency_keys.insert(tx, context.client, operation, key, kept, await tx.read_clock())

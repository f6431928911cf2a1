"""Idempotency keys: one row a key, written in the transaction of the request that it belongs to."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from storage.pipeline import Statement
from storage.transaction import Transaction

# Two requests with one key meet here: the second waits until the first is committed or gone, two seconds at most.
_WAIT = Statement("SELECT set_config('lock_timeout', '2s', true)")
_NO_WAIT_LIMIT = Statement("SELECT set_config('lock_timeout', '0', true)")
_LOCK = Statement("SELECT pg_advisory_xact_lock(hashtextextended($1::text, 0))")
_READ = Statement(
    "SELECT request_hash, http_status, location, answer FROM billing.idempotency_key"
    " WHERE tenant_id = $1 AND client = $2 AND operation = $3 AND key = $4"
)
_INSERT = Statement(
    "INSERT INTO billing.idempotency_key"
    " (tenant_id, client, operation, key, request_hash, http_status, location, answer, created_at)"
    " VALUES ($1, $2, $3, $4, $5, $6::smallint, $7, $8, $9::timestamptz)"
)


class KeptAnswer(NamedTuple):
    request_hash: str
    http_status: int
    location: str | None
    answer: str


async def lock_and_read(tx: Transaction, client: str, operation: str, key: str) -> KeptAnswer | None:
    """Wait for a running request with this key, then read what it answered. `55P03` after two seconds of waiting."""
    name = "\x1f".join((tx.tenant_id, client, operation, key))
    results = await tx.fetch_all(
        [
            (_WAIT, ()),
            (_LOCK, (name,)),
            (_NO_WAIT_LIMIT, ()),
            (_READ, (tx.tenant_id, client, operation, key)),
        ]
    )
    return KeptAnswer(*results[-1][0]) if results[-1] else None


def insert(tx: Transaction, client: str, operation: str, key: str, kept: KeptAnswer, created_at: datetime) -> None:
    tx.send(
        _INSERT,
        tx.tenant_id,
        client,
        operation,
        key,
        kept.request_hash,
        kept.http_status,
        kept.location,
        kept.answer,
        created_at,
    )

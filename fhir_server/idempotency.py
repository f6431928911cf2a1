"""Idempotency-Key: a request that is repeated with its key is carried out once and answered the same each time.

The key is of one tenant, client and operation. It is written in the transaction of the request, so there is no moment
at which the one has happened and the other has not. A refusal is not remembered: mend the request and use the key
again.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable
from datetime import datetime
from http import HTTPStatus
from typing import Any, Protocol

import msgspec

from billing.context import Context
from billing.idempotency import StoredAnswer, find_or_begin, remember
from fhir_server.authorization.token import AccessToken
from fhir_server.responses import Answer
from ledger.errors import invalid
from mappers.r4.json_text import canonical
from storage.transaction import Transaction

HEADER = "Idempotency-Key"
CLOSES_PERIODS = "billing:period:close"
ENTRY_KEY_MAX = 240
"""A longer key of a Bundle would not leave room for the place of an entry."""


class KeyedRequest(Protocol):
    """What a request that may have a key is, FHIR or REST. `operation` is what the key belongs to."""

    method: str
    url: str
    document: dict[str, Any] | None
    idempotency_key: str | None
    token: AccessToken

    @property
    def context(self) -> Context: ...

    @property
    def operation(self) -> str: ...


_is_key = re.compile(r"[\x20-\x7e]{1,255}").fullmatch
_version_of = re.compile(r"/_history/(\d+)$").search


class _Meta(msgspec.Struct):
    last_updated: datetime | None = msgspec.field(name="lastUpdated", default=None)


class _WithMeta(msgspec.Struct):
    meta: _Meta = msgspec.field(default_factory=_Meta)


def check_key(key: str) -> str:
    if not _is_key(key):
        raise invalid("idempotency-key-invalid", f"{HEADER} has 1 to 255 printable ASCII characters.", issue="value")
    return key


def entry_key(key: str, index: int) -> str:
    """The key of an entry of a Bundle: the Bundle's and the place of the entry."""
    return f"{key if len(key) <= ENTRY_KEY_MAX else hashlib.sha256(key.encode()).hexdigest()}:{index}"


def require_key(request: KeyedRequest) -> None:
    if request.idempotency_key is None:
        raise invalid(
            "idempotency-key-required",
            f"{request.operation} moves money, so it needs the header {HEADER}: a new value for each payment, and the"
            " same one when the request is repeated.",
            issue="required",
        )


def hash_of(request: KeyedRequest) -> str:
    """Equal for requests that ask for the same: method, path with ids, and body, whatever its spaces and key order."""
    content = canonical(request.document) if request.document is not None else b""
    return hashlib.sha256(f"{request.method} {request.url}\n".encode() + content).hexdigest()


async def once(
    tx: Transaction, request: KeyedRequest, request_hash: str, writing: Callable[[Transaction], Awaitable[Answer]]
) -> Answer:
    """Carry out a request, unless it was carried out before under its key: then the answer it had."""
    tx.posts_into_soft_closed = request.token.scopes.allow_business(CLOSES_PERIODS)
    key = request.idempotency_key
    if key is None:
        return await writing(tx)
    known = await find_or_begin(tx, request.context, request.operation, key, request_hash)
    if known is not None:
        return _replayed(known)
    answer = await writing(tx)
    await remember(
        tx,
        request.context,
        request.operation,
        key,
        request_hash,
        int(answer.status),
        answer.location or None,
        answer.content.decode(),
    )
    return answer


def _replayed(known: StoredAnswer) -> Answer:
    content = known.answer.encode()
    location = known.location or ""
    is_new = known.http_status == HTTPStatus.CREATED
    version = _version_of(location)
    meta = msgspec.json.decode(content, type=_WithMeta).meta if version else _Meta()
    return Answer(
        known.http_status,
        content,
        version=int(version[1]) if version else 0,
        last_updated=meta.last_updated,
        location=location,
        is_new=is_new,
        says=f"{location} was made when this request came first." if is_new else "",
        replayed=True,
    )

"""The public keys of an issuer: given once, read from a file that is replaced now and then, or fetched by URL.

Keys that were fetched are kept: for a while without asking again, and where the issuer does not answer, for long, so
that its outage is not ours. A key id that is not known has them fetched again, but not more often than every few
seconds, whatever is sent.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable
from typing import Any, Protocol

import httpx
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from ledger.errors import Category, Refusal, refuse

log = logging.getLogger(__name__)

FRESH_SECONDS = 300
STALE_SECONDS = 24 * 3600
BETWEEN_FETCHES_SECONDS = 10
FETCH_TIMEOUT_SECONDS = 5
JWKS_BYTES_MAX = 256 * 1024


class IssuerKeys(Protocol):
    """Gives the keys to verify with, among them, if there is one, that of the id."""

    async def get(self, key_id: str | None) -> KeySet: ...


class GivenKeys:
    """Keys that stay."""

    def __init__(self, keys: KeySet) -> None:
        self._keys = keys

    async def get(self, key_id: str | None) -> KeySet:  # noqa: ARG002 - they are always all there
        return self._keys


class FileKeys:
    """Keys that another process may add to: they are read again when one is not known."""

    def __init__(self, read: Callable[[], KeySet]) -> None:
        self._read = read
        self._keys = read()
        self._read_at = 0.0

    async def get(self, key_id: str | None) -> KeySet:
        if key_id is not None and not _has(self._keys, key_id) and time.monotonic() - self._read_at > 1:
            self._read_at = time.monotonic()
            self._keys = self._read()
        return self._keys


class FetchedKeys:
    """Keys from a URL (RFC 7517), kept for a while."""

    def __init__(self, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._url = url
        self._clock = clock
        self._keys: KeySet | None = None
        self._fetched_at = self._asked_at = float("-inf")
        self._fetching = asyncio.Lock()

    async def get(self, key_id: str | None) -> KeySet:
        if self._is_wanting(key_id):
            async with self._fetching:
                # Whoever held the lock has perhaps fetched what is wanted.
                if self._is_wanting(key_id):
                    await self._fetch()
        if self._keys is None or self._clock() - self._fetched_at > STALE_SECONDS:
            raise _unavailable()
        return self._keys

    def _is_wanting(self, key_id: str | None) -> bool:
        now = self._clock()
        if now - self._asked_at < BETWEEN_FETCHES_SECONDS:
            return False
        if self._keys is None or now - self._fetched_at > FRESH_SECONDS:
            return True
        return key_id is not None and not _has(self._keys, key_id)

    async def _fetch(self) -> None:
        self._asked_at = self._clock()
        try:
            self._keys = KeySet.import_key_set(await fetch_json(self._url))
            self._fetched_at = self._clock()
        except (httpx.HTTPError, httpx.InvalidURL, JoseError, ValueError, TypeError, KeyError) as failure:
            # Those that were fetched before stay in use for a day.
            log.warning("keys could not be fetched from %s: %s", self._url, type(failure).__name__)


async def fetch_json(url: str) -> Any:
    """What is at an operator's URL. Redirects are not followed, and too large an answer is none."""
    client = httpx.AsyncClient(timeout=FETCH_TIMEOUT_SECONDS, follow_redirects=False, trust_env=False)
    async with client as http, http.stream("GET", url, headers={"accept": "application/json"}) as answer:
        if answer.status_code != httpx.codes.OK:
            raise httpx.HTTPError(f"status {answer.status_code}")
        content = b""
        async for chunk in answer.aiter_bytes():
            content += chunk
            if len(content) > JWKS_BYTES_MAX:
                raise ValueError("the answer is too large")
    return json.loads(content)


def _has(keys: KeySet, key_id: str) -> bool:
    return any(key.kid == key_id for key in keys.keys)


def _unavailable() -> Refusal:
    return refuse(
        Category.UNAVAILABLE,
        "issuer-unavailable",
        "The token's issuer does not give its keys at the moment; try again.",
    )

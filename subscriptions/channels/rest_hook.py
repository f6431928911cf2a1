"""The rest-hook channel: a notification is an HTTP request to the subscriber's endpoint.

Where a connection may go is asked again for every connection, with the address that it is made to; redirects are not
followed, and no proxy of the environment is used.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import time
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import aiohttp
import httpx
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from httpx_aiohttp import AiohttpTransport

from billing.endpoint_policy import EndpointPolicy, EndpointRefusedError
from subscriptions.signature import signed_headers

CONNECTIONS_MAX = 500
KEPT_ALIVE_SECONDS = 30
ANSWER_BYTES_MAX = 64 * 1024
RETRY_AFTER_SECONDS_MAX = 3600


@dataclass(frozen=True, slots=True)
class Message:
    """What is to be sent. `id` is the same whenever it is sent again; `keys` sign it."""

    id: str
    method: str
    url: str
    content_type: str | None
    body: bytes
    headers: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    timeout_seconds: float = 10


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether it was taken, and if not why, in words that hold nothing of what was sent. `is_gone`: for good."""

    taken: bool
    error: str = ""
    retry_after_seconds: float | None = None
    is_gone: bool = field(default=False)


class GuardedResolver(AbstractResolver):
    """Resolves names, and gives only addresses that may be connected to: the connection goes to these."""

    def __init__(self, policy: EndpointPolicy) -> None:
        self._policy = policy
        self._resolver = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        for each in found:
            # One address inside is enough: who answers with both is up to something.
            self._policy.check_address(host, each["host"])
        return found

    async def close(self) -> None:
        await self._resolver.close()


class RestHook:
    """A client for all endpoints of one dispatcher."""

    def __init__(self, policy: EndpointPolicy) -> None:
        self._policy = policy

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(
            limit=CONNECTIONS_MAX,
            resolver=GuardedResolver(self._policy),
            ttl_dns_cache=5,
            keepalive_timeout=KEPT_ALIVE_SECONDS,
        )
        session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            skip_auto_headers=["User-Agent", "Content-Type"],
        )
        self._client = httpx.AsyncClient(
            transport=AiohttpTransport(client=session), follow_redirects=False, trust_env=False
        )
        self._client.headers.clear()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def send(self, message: Message) -> Outcome:
        try:
            self._policy.check_url(message.url)
            self._check_literal(message.url)
            async with asyncio.timeout(message.timeout_seconds):
                return await self._send(message)
        except EndpointRefusedError as refused:
            return Outcome(taken=False, error=str(refused))
        except TimeoutError:
            return Outcome(taken=False, error=f"no answer within {message.timeout_seconds:g} seconds")
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as failure:
            return Outcome(taken=False, error=_named(failure))

    def _check_literal(self, url: str) -> None:
        """An address in the URL is resolved by nobody."""
        host = urlsplit(url).hostname or ""
        try:
            ipaddress.ip_address(host)
        except ValueError:
            return
        self._policy.check_address(host, host)

    async def _send(self, message: Message) -> Outcome:
        headers = httpx.Headers([_split(each) for each in message.headers])
        headers.setdefault("User-Agent", "billing-subscriptions")
        if message.content_type is not None:
            headers["Content-Type"] = message.content_type
        headers.update(signed_headers(message.id, int(time.time()), message.body, message.keys))
        timeout = httpx.Timeout(message.timeout_seconds)
        async with self._client.stream(
            message.method, message.url, content=message.body, headers=headers, timeout=timeout
        ) as response:
            await _drain(response)
            return _outcome(response)


async def _drain(response: httpx.Response) -> None:
    """Read what is said, so that the connection can be used again; not more than anybody would say."""
    size = 0
    async for chunk in response.aiter_raw():
        size += len(chunk)
        if size > ANSWER_BYTES_MAX:
            return


def _outcome(response: httpx.Response) -> Outcome:
    status = response.status_code
    if response.is_success:
        return Outcome(taken=True)
    said = f"HTTP {status}"
    if status in {HTTPStatus.MOVED_PERMANENTLY, HTTPStatus.FOUND, HTTPStatus.SEE_OTHER} or status in {307, 308}:
        said += ", a redirect, which is not followed"
    return Outcome(
        taken=False,
        error=said,
        retry_after_seconds=_retry_after(response.headers.get("retry-after")),
        is_gone=status == HTTPStatus.GONE,
    )


def _retry_after(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        seconds = (
            float(text) if text.isascii() and text.isdigit() else parsedate_to_datetime(text).timestamp() - time.time()
        )
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(seconds, 0.0), RETRY_AFTER_SECONDS_MAX)


def _split(header: str) -> tuple[str, str]:
    name, _, value = header.partition(":")
    return name.strip(), value.strip()


def _named(failure: BaseException) -> str:
    """The kind of a failure; what it says may repeat what was sent."""
    cause: BaseException | None = failure
    while cause is not None:
        if isinstance(cause, EndpointRefusedError):
            return str(cause)
        cause = cause.__cause__ or cause.__context__
    kinds = {httpx.ConnectError: "no connection", httpx.ReadError: "the connection was lost"}
    return next((said for kind, said in kinds.items() if isinstance(failure, kind)), type(failure).__name__)

"""The rest-hook channel: a notification is an HTTP request to the subscriber's endpoint.

Where a connection may go is asked again for every connection, with the address that it is made to; redirects are not
followed, no proxy of the environment is used, and what is answered is not read but for its status.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import lru_cache, partial
from http import HTTPStatus
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from multidict import CIMultiDict
from yarl import URL

from billing.endpoint_policy import EndpointPolicy, EndpointRefusedError
from subscriptions.signature import signed_headers

CONNECTIONS_MAX = 500
KEPT_ALIVE_SECONDS = 30
NAMES_KEPT_SECONDS = 5
LOOK_UPS_MAX = 32
ANSWER_BYTES_MAX = 64 * 1024
ANSWER_SECONDS_MAX = 1.0
"""How much is read of what a subscriber says, beside the status, so that the connection can be used again."""

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


class SystemResolver(AbstractResolver):
    """The resolver of the system, in threads of its own: names that nobody answers for delay no others."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(LOOK_UPS_MAX, "look-up")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        asked = partial(
            socket.getaddrinfo, host, port, family, socket.SOCK_STREAM, socket.IPPROTO_TCP, socket.AI_ADDRCONFIG
        )
        found = await asyncio.get_running_loop().run_in_executor(self._threads, asked)
        return [
            ResolveResult(
                hostname=host, host=str(address[0]), port=port, family=each, proto=proto, flags=socket.AI_NUMERICHOST
            )
            for each, _, proto, _, address in found
        ]

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


class GuardedResolver(AbstractResolver):
    """Gives only addresses that may be connected to: the connection goes to one of these."""

    def __init__(self, policy: EndpointPolicy, resolver: AbstractResolver) -> None:
        self._policy = policy
        self._resolver = resolver

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
    """A client for all endpoints of one dispatcher. `resolver`: who is asked for the addresses of names."""

    def __init__(self, policy: EndpointPolicy, resolver: AbstractResolver | None = None) -> None:
        self._policy = policy
        self._resolver = GuardedResolver(policy, resolver or SystemResolver())
        # Who waits for a connection is not yet talking to anybody: that time is not the endpoint's.
        self._connections = asyncio.Semaphore(CONNECTIONS_MAX)

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(
            limit=0,
            resolver=self._resolver,
            ttl_dns_cache=NAMES_KEPT_SECONDS,
            keepalive_timeout=KEPT_ALIVE_SECONDS,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            trust_env=False,
            auto_decompress=False,
            skip_auto_headers=["User-Agent", "Content-Type", "Accept", "Accept-Encoding"],
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()
        await self._resolver.close()  # the session closes only what it has made itself

    async def send(self, message: Message) -> Outcome:
        try:
            url = _checked(self._policy, message.url)
            async with self._connections, asyncio.timeout(message.timeout_seconds):
                return await self._send(message, url)
        except EndpointRefusedError as refused:
            return Outcome(taken=False, error=str(refused))
        except TimeoutError:
            return Outcome(taken=False, error=f"no answer within {message.timeout_seconds:g} seconds")
        except (aiohttp.ClientError, OSError, ValueError) as failure:
            return Outcome(taken=False, error=_named(failure))

    async def _send(self, message: Message, url: URL) -> Outcome:
        async with self._session.request(
            message.method, url, data=message.body, headers=_headers(message), allow_redirects=False
        ) as response:
            await _drain(response)
            return _outcome(response)


@lru_cache(maxsize=4096)
def _checked(policy: EndpointPolicy, text: str) -> URL:
    """A URL that may be asked; its name is looked up for every connection, an address in it is not."""
    policy.check_url(text)
    url = URL(text)
    host = url.host or ""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return url
    policy.check_address(host, host)
    return url


def _headers(message: Message) -> CIMultiDict[str]:
    """Those of the subscription, and ours, which nobody can set."""
    headers = CIMultiDict(_split(each) for each in message.headers)
    headers.setdefault("User-Agent", "billing-subscriptions")
    if message.content_type is not None:
        headers["Content-Type"] = message.content_type
    headers.update(signed_headers(message.id, int(time.time()), message.body, message.keys))
    return headers


async def _drain(response: aiohttp.ClientResponse) -> None:
    """Read what is said, so that the connection can be used again; who says more, or slowly, loses the connection."""
    size = 0
    try:
        async with asyncio.timeout(ANSWER_SECONDS_MAX):
            async for chunk in response.content.iter_any():
                size += len(chunk)
                if size > ANSWER_BYTES_MAX:
                    return response.close()
    except (TimeoutError, aiohttp.ClientError):
        response.close()


def _outcome(response: aiohttp.ClientResponse) -> Outcome:
    status = response.status
    if 200 <= status < 300:
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
    kinds: dict[type[BaseException], str] = {
        aiohttp.ClientConnectorDNSError: "its name is not known",
        aiohttp.ClientConnectorCertificateError: "its certificate is not valid",
        aiohttp.ClientSSLError: "no TLS connection",
        aiohttp.ClientConnectorError: "no connection",
        aiohttp.ServerDisconnectedError: "the connection was lost",
        aiohttp.ClientOSError: "the connection was lost",
        aiohttp.ClientResponseError: "what was answered is not HTTP",
    }
    return next((said for kind, said in kinds.items() if isinstance(failure, kind)), type(failure).__name__)

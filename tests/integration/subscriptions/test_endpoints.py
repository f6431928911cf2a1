"""Whom a rest-hook talks to, and how little of what it is answered it believes: real sockets, a resolver of our own."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from billing.endpoint_policy import PUBLIC_ONLY, EndpointPolicy, EndpointRefusedError
from subscriptions.channels.rest_hook import ANSWER_BYTES_MAX, GuardedResolver, Message, Outcome, RestHook
from tests.integration.subscriptions.receiver import Receiver, receiving

NAME = "claims.example.org"
PUBLIC = "93.184.215.14"
LOOPBACK = EndpointPolicy.of_text("127.0.0.0/8")
OK = b"HTTP/1.1 200 OK\r\n"


class Names(AbstractResolver):
    """Gives the addresses that it was told of, one list a question, the last for ever."""

    def __init__(self, *answers: list[str]) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        assert family in {socket.AF_INET, socket.AF_INET6, socket.AF_UNSPEC}
        self.asked.append(host)
        addresses = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        kind = {True: socket.AF_INET6, False: socket.AF_INET}
        return [
            ResolveResult(hostname=host, host=each, port=port, family=kind[":" in each], proto=0, flags=0)
            for each in addresses
        ]

    async def close(self) -> None:
        pass


@dataclass
class Peer:
    """A TCP server that does as it likes."""

    port: int = 0
    connections: int = 0
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)


Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(serve: Serve) -> AsyncIterator[int]:
    """A TCP server; at the end of the block its connections are closed."""
    serving = set[asyncio.Task[None]]()

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.add(task)
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            try:
                await serve(reader, writer)
            finally:
                writer.close()
                await writer.wait_closed()

    server = await asyncio.start_server(one, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for each in serving:
            each.cancel()
        await asyncio.gather(*serving, return_exceptions=True)


@asynccontextmanager
async def answering(answer: Callable[[asyncio.StreamWriter], Awaitable[None]]) -> AsyncIterator[Peer]:
    peer = Peer()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer.connections += 1
        try:
            await reader.readuntil(b"\r\n\r\n")
            await answer(writer)
            await reader.read()
        finally:
            peer.hung_up.set()

    async with listening(serve) as peer.port:
        yield peer


async def say_ok(writer: asyncio.StreamWriter) -> None:
    writer.write(OK + b"content-length: 0\r\n\r\n")
    await writer.drain()


async def sent(url: str, policy: EndpointPolicy, names: AbstractResolver | None = None, seconds: float = 20) -> Outcome:
    async with RestHook(policy, names) as hook:
        return await hook.send(Message("m", "POST", url, "application/fhir+json", b"{}", timeout_seconds=seconds))


async def test_a_name_that_leads_inside_later_is_not_followed_there() -> None:
    guarded = GuardedResolver(PUBLIC_ONLY, Names([PUBLIC], ["127.0.0.1"]))
    PUBLIC_ONLY.check_url(f"https://{NAME}/notify")
    assert [each["host"] for each in await guarded.resolve(NAME, 443)] == [PUBLIC]
    with pytest.raises(EndpointRefusedError, match="at an address inside a network"):
        await guarded.resolve(NAME, 443)


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        [PUBLIC, "127.0.0.1"],
        ["169.254.169.254"],
        ["10.0.0.1"],
        ["::1"],
        ["::ffff:127.0.0.1"],
        ["64:ff9b::7f00:1"],
        ["fd00::1"],
        ["fe80::1%lo"],
        ["0.0.0.0"],
    ],
)
async def test_no_connection_is_made_to_an_address_inside_whatever_name_it_has(addresses: list[str]) -> None:
    names = Names(addresses)
    async with answering(say_ok) as peer:
        outcome = await sent(f"https://{NAME}:{peer.port}/", PUBLIC_ONLY, names)
    assert outcome == Outcome(
        taken=False, error=f"{NAME} is at an address inside a network; the operator has not allowed it."
    )
    assert (names.asked, peer.connections) == ([NAME], 0)


async def test_the_connection_goes_to_the_address_that_was_looked_at() -> None:
    names = Names(["127.0.0.1"], ["127.0.0.9"])
    async with answering(say_ok) as peer:
        outcome = await sent(f"http://{NAME}:{peer.port}/", EndpointPolicy.of_text(NAME), names)
    assert outcome.taken
    assert (names.asked, peer.connections) == ([NAME], 1)


async def test_an_address_in_the_url_is_looked_at_too() -> None:
    async with answering(say_ok) as peer:
        for host in ("127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "127.1", "2130706433", "0x7f.1", "localhost"):
            assert not (await sent(f"https://{host}:{peer.port}/", PUBLIC_ONLY)).taken
    assert peer.connections == 0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_leads_nowhere(status: int, receiver: Receiver) -> None:
    async with receiving() as elsewhere:

        async def redirect(writer: asyncio.StreamWriter) -> None:
            head = f"HTTP/1.1 {status} Moved\r\nlocation: {elsewhere.url}\r\ncontent-length: 0\r\n\r\n"
            writer.write(head.encode())

        async with answering(redirect) as peer:
            outcome = await sent(f"http://127.0.0.1:{peer.port}/", LOOPBACK)
        assert outcome.error == f"HTTP {status}, a redirect, which is not followed"
        assert elsewhere.received == []


async def test_who_answers_without_end_is_left_after_some_of_it() -> None:
    said = 0

    async def endless(writer: asyncio.StreamWriter) -> None:
        nonlocal said
        writer.write(OK + b"transfer-encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")
            said += 65536
            await writer.drain()

    async with answering(endless) as peer:
        outcome = await sent(f"http://127.0.0.1:{peer.port}/", LOOPBACK)
        await peer.hung_up.wait()
    assert outcome.taken  # the status says so, and came first
    assert said < 64 * ANSWER_BYTES_MAX  # what fits into the buffers between, and no more


async def test_who_sends_the_body_of_an_answer_slowly_holds_nobody_up() -> None:
    async def trickle(writer: asyncio.StreamWriter) -> None:
        writer.write(OK + b"content-length: 1000000\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.05)

    async with answering(trickle) as peer:
        outcome = await sent(f"http://127.0.0.1:{peer.port}/", LOOPBACK, seconds=300)
        await peer.hung_up.wait()
    assert outcome.taken


@pytest.mark.parametrize("line", [b"x-%d: y\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", b"z"])
async def test_who_never_comes_to_the_end_of_the_head_fails_at_the_timeout_or_before(line: bytes) -> None:
    async def trickle(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n" if line.startswith(b"x") else b"")
        number = 0
        while True:
            number += 1
            writer.write(line % number if b"%" in line else line)
            await writer.drain()
            await asyncio.sleep(0.02)

    async with answering(trickle) as peer:
        outcome = await sent(f"http://127.0.0.1:{peer.port}/", LOOPBACK, seconds=1)
        await peer.hung_up.wait()
    assert not outcome.taken


@pytest.mark.parametrize(
    "head", [b"HTTP/1.1 200 OK\r\nx: " + b"y" * 100_000 + b"\r\n\r\n", b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n"]
)
async def test_what_is_no_answer_of_http_is_a_failure(head: bytes) -> None:
    async def odd(writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        await writer.drain()

    async with answering(odd) as peer:
        outcome = await sent(f"http://127.0.0.1:{peer.port}/", LOOPBACK)
    assert outcome == Outcome(taken=False, error="what was answered is not HTTP")


async def test_what_a_failure_says_repeats_nothing_of_what_was_sent() -> None:
    async def hang_up(writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with answering(hang_up) as peer:
        outcome = await sent(f"http://127.0.0.1:{peer.port}/secret-path", LOOPBACK)
    assert outcome == Outcome(taken=False, error="the connection was lost")
    outcome = await sent(f"http://127.0.0.1:{peer.port}/secret-path", LOOPBACK)
    assert outcome == Outcome(taken=False, error="no connection")


async def test_a_name_that_nobody_knows_is_a_failure_that_says_so() -> None:
    class Unknown(Names):
        async def resolve(self, *_: object) -> list[ResolveResult]:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")

    outcome = await sent(f"https://{NAME}/", PUBLIC_ONLY, Unknown([]))
    assert outcome == Outcome(taken=False, error="its name is not known")


async def test_a_cookie_is_not_sent_back() -> None:
    heads: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            heads.append(await reader.readuntil(b"\r\n\r\n{}"))
            writer.write(OK + b"set-cookie: a=b\r\ncontent-length: 0\r\n\r\n")

    async with listening(serve) as port, RestHook(LOOPBACK) as hook:
        for _ in range(2):
            message = Message("m", "POST", f"http://127.0.0.1:{port}/", None, b"{}", ("X-a: 1", "X-a: 2"))
            assert (await hook.send(message)).taken
    assert len(heads) == 2
    assert all(b"cookie" not in head.lower() and head.count(b"X-a: ") == 2 for head in heads)

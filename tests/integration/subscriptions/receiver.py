"""A subscriber: a real HTTP server that keeps what it is sent and answers as it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
from aiohttp import web

PATIENCE_SECONDS = 30

Json = dict[str, Any]


@dataclass
class Received:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> Json:
        decoded: Json = msgspec.json.decode(self.body)
        return decoded

    @property
    def status(self) -> Json:
        """The parameters of the status by name, those that repeat left to `numbers`."""
        parameters = self.document["entry"][0]["resource"]["parameter"]
        return {each["name"]: next(value for key, value in each.items() if key != "name") for each in parameters}

    @property
    def kind(self) -> str:
        return str(self.status["type"])

    @property
    def numbers(self) -> list[int]:
        """The numbers of the events that it tells of."""
        parameters = self.document["entry"][0]["resource"]["parameter"]
        return [
            int(part["valueString"])
            for each in parameters
            if each["name"] == "notification-event"
            for part in each["part"]
            if part["name"] == "event-number"
        ]


@dataclass
class Receiver:
    """`answer` gives the HTTP status of a request, after waiting if it wants to."""

    port: int = 0
    received: list[Received] = field(default_factory=list)
    answer: Callable[[Received], Any] = field(default=lambda _: 200)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/notify"

    @property
    def numbers(self) -> list[int]:
        """The numbers of all events in the order in which they were taken."""
        return [number for each in self.received if each.kind == "event-notification" for number in each.numbers]

    @property
    def kinds(self) -> list[str]:
        return [each.kind for each in self.received]

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS), self.changed:
            await self.changed.wait_for(holds)

    async def handle(self, request: web.Request) -> web.Response:
        got = Received(request.method, request.path_qs, dict(request.headers), await request.read())
        status = self.answer(got)
        if asyncio.iscoroutine(status):
            status = await status
        headers = {"location": "http://127.0.0.1:1/"} if 300 <= status < 400 else {}
        if 200 <= status < 300:
            async with self.changed:
                self.received.append(got)
                self.changed.notify_all()
        return web.Response(status=status, headers=headers)


@asynccontextmanager
async def receiving(port: int = 0) -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application(client_max_size=32 * 1024 * 1024)
    app.router.add_route("*", "/{path:.*}", receiver.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port, reuse_address=True)
    await site.start()
    receiver.port = runner.addresses[0][1]
    try:
        yield receiver
    finally:
        await runner.cleanup()

"""A terminology server: a real HTTP server that knows some codes, keeps what it is asked, and answers as it is told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
from aiohttp import web

Json = dict[str, Any]


@dataclass
class TerminologyStub:
    """`meanwhile` is called while a question is open; what it gives is answered instead, where it gives anything."""

    url: str = ""
    valid: set[tuple[str, str]] = field(default_factory=set)
    asked: list[Json] = field(default_factory=list)
    meanwhile: Callable[[], Any] = field(default=lambda: None)

    async def answer(self, request: web.Request) -> web.Response:
        assert request.path == "/fhir/ValueSet/$validate-code"
        parameters: list[Json] = msgspec.json.decode(await request.read())["parameter"]
        asked = {each["name"]: next(value for key, value in each.items() if key != "name") for each in parameters}
        self.asked.append(asked)
        said = self.meanwhile()
        if hasattr(said, "__await__"):
            said = await said
        if isinstance(said, web.Response):
            return said
        is_valid = (asked["system"], asked["code"]) in self.valid
        return web.json_response(
            {"resourceType": "Parameters", "parameter": [{"name": "result", "valueBoolean": is_valid}]}
        )


@asynccontextmanager
async def terminology_stub() -> AsyncIterator[TerminologyStub]:
    stub = TerminologyStub()
    app = web.Application()
    app.router.add_post("/{path:.*}", stub.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    stub.url = f"http://{host}:{port}/fhir"
    try:
        yield stub
    finally:
        await runner.cleanup()

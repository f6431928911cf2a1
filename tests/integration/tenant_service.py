"""A tenant service to test against: a real server on a port of this machine, that keeps to docs/tenants.md.

What it is to do badly is set on it: be silent, fail, say nonsense, or be gone altogether.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

SECRET = "secret-of-this-server"
Trouble = Literal["", "silent", "fails", "forbids", "redirects", "nonsense", "other", "endless", "bad-facts"]


@dataclass
class TestTenantService:
    """`asked`: the ids that were asked for, in order."""

    __test__ = False

    url: str = ""
    trouble: Trouble = ""
    tenants: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def add(self, tenant_id: str, *, licence: str | None = "active", **changed: Any) -> None:
        self.tenants[tenant_id] = {
            "id": tenant_id,
            "name": "Kabul One",
            "country": "AF",
            "currency": "AFN",
            "timezone": "Asia/Kabul",
            "facilities": [{"id": "main", "name": "Main House"}],
            "modules": {"scheduling": "active", **({} if licence is None else {"billing": licence})},
            "plan": "what is not known here is passed over",
            **changed,
        }

    async def find(self, request: Request) -> Response:
        assert request.headers["authorization"] == f"Bearer {SECRET}"
        tenant_id = request.path_params["id"]
        self.asked.append(tenant_id)
        if self.trouble in _ANSWERS:
            return _ANSWERS[self.trouble]
        if self.trouble == "silent":
            await asyncio.sleep(2)
        facts = self.tenants.get(tenant_id)
        if facts is None:
            return Response(status_code=404)
        if self.trouble == "other":
            facts = {**facts, "id": "another"}
        if self.trouble == "bad-facts":
            facts = {**facts, "timezone": "../../etc/passwd"}
        return JSONResponse(facts)


_ANSWERS: dict[str, Response] = {
    "fails": Response(status_code=500),
    "forbids": Response(status_code=403),
    "redirects": RedirectResponse("http://127.0.0.1:1/tenants/x"),
    "nonsense": Response(b"<html>", media_type="text/html"),
    "endless": Response(b" " * 1_000_000, media_type="application/json"),
}


@asynccontextmanager
async def tenant_service(port: int = 0) -> AsyncIterator[TestTenantService]:
    double = TestTenantService()
    server = uvicorn.Server(
        uvicorn.Config(
            Starlette(routes=[Route("/v1/tenants/{id}", double.find)]),
            port=port,
            log_config=None,
            lifespan="off",
            timeout_graceful_shutdown=1,
        )
    )
    task = asyncio.create_task(server.serve())
    try:
        while not server.started:  # noqa: ASYNC110 - uvicorn tells nobody
            await asyncio.sleep(0.01)
        double.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/v1"
        yield double
    finally:
        server.should_exit = True
        await task

"""A payment gateway to test against: a real server on a port of this machine, that keeps to docs/gateway.md.

What it is to do badly is set on it: charge and be silent, fail, decline, be away.
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
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

SECRET = "secret-of-this-server"
Trouble = Literal["", "silent-after", "fails-after", "fails-before", "declines", "pending", "other-amount", "nonsense"]


@dataclass
class TestGateway:
    """`charged`: id -> how often money moved for it, which must be once at most."""

    __test__ = False

    url: str = ""
    trouble: Trouble = ""
    payments: dict[str, dict[str, Any]] = field(default_factory=dict)
    charged: dict[str, int] = field(default_factory=dict)
    bodies: list[dict[str, Any]] = field(default_factory=list)

    async def charge(self, request: Request) -> Response:
        assert request.headers["authorization"] == f"Bearer {SECRET}"
        sent = await request.json()
        assert request.headers["idempotency-key"] == sent["id"]
        self.bodies.append(sent)
        if self.trouble == "fails-before":
            return Response(status_code=503)
        if sent["id"] not in self.payments:
            self._keep(sent)
        if self.trouble == "silent-after":
            await asyncio.sleep(3)
        if self.trouble == "fails-after":
            return Response(status_code=500)
        if self.trouble == "nonsense":
            return Response(b"<html>", media_type="text/html")
        kept = self.payments[sent["id"]]
        return JSONResponse(kept, status_code=402 if kept["status"] == "declined" else 201)

    def _keep(self, sent: dict[str, Any]) -> None:
        id_, amount = sent["id"], sent["amount"]
        if self.trouble == "declines":
            self.payments[id_] = {"id": id_, "status": "declined", "code": "no-funds"}
            return
        if self.trouble == "other-amount":
            amount = {**amount, "minor_units": amount["minor_units"] + 1}
        status = "pending" if self.trouble == "pending" else "captured"
        self.payments[id_] = {"id": id_, "status": status, "amount": amount, "reference": f"gw-{id_}"}
        self.charged[id_] = self.charged.get(id_, 0) + 1

    async def find(self, request: Request) -> Response:
        kept = self.payments.get(request.path_params["id"])
        return Response(status_code=404) if kept is None else JSONResponse(kept)

    async def cancel(self, request: Request) -> Response:
        id_ = request.path_params["id"]
        return JSONResponse(self.payments.setdefault(id_, {"id": id_, "status": "cancelled"}))


@asynccontextmanager
async def gateway() -> AsyncIterator[TestGateway]:
    double = TestGateway()
    routes = [
        Route("/v1/payments", double.charge, methods=["POST"]),
        Route("/v1/payments/{id}", double.find),
        Route("/v1/payments/{id}/cancel", double.cancel, methods=["POST"]),
    ]
    server = uvicorn.Server(
        uvicorn.Config(Starlette(routes=routes), port=0, log_config=None, lifespan="off", timeout_graceful_shutdown=1)
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

"""The bare reference: Starlette and psycopg's own pool and pipeline, answering with recorded bytes after the same SQL.

It reads no token, validates and maps nothing: what it does in a second is what the SQL, psycopg and Starlette allow.
Run as `python -m bench.reference SOCKET-FD RECORDING CONNINFO`.
"""

from __future__ import annotations

import re
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psycopg
import uvicorn
from psycopg_pool import AsyncConnectionPool
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.recording import Batch, Recording
from bench.works import WORKS
from storage import pipeline

_PARAMETER = re.compile(rb"\$(\d+)")
Replay = list[list[tuple[bytes, list[str | None]]]]


def _for_psycopg(batches: list[Batch]) -> Replay:
    """`$2` becomes `%s`, with the parameters in the order in which the statement names them.

    They travel as text, as the product's do: psycopg would type an integer by its size, and PostgreSQL would plan a
    statement anew for each combination of sizes.
    """
    return [
        [
            (
                _PARAMETER.sub(b"%s", sql.replace(b"%", b"%%")),
                [_text(parameters[int(number) - 1]) for number in _PARAMETER.findall(sql)],
            )
            for sql, parameters in batch
        ]
        for batch in batches
    ]


def _text(value: Any) -> str | None:
    [text] = pipeline.parameters([value])
    return None if text is None else text.decode()


class Reference:
    """The next recorded request of a work at each call; what changes something is not replayed twice."""

    def __init__(self, recording: Recording, conninfo: str) -> None:
        self._works = {
            name: [(_for_psycopg(batches), body) for batches, body in taken] for name, taken in recording.works.items()
        }
        self._next = dict.fromkeys(self._works, 0)
        self._pool: AsyncConnectionPool[psycopg.AsyncConnection[Any]] = AsyncConnectionPool(
            conninfo,
            min_size=2,
            max_size=10,
            open=False,
            configure=self._configure,
            kwargs={
                "autocommit": True,
                "prepare_threshold": 0,
                "options": "-c timezone=UTC -c search_path=billing -c plan_cache_mode=force_generic_plan",
            },
        )

    async def _configure(self, connection: psycopg.AsyncConnection[Any]) -> None:
        # As many prepared statements as there are: each is planned once a connection, as the product's are.
        connection.prepared_max = None

    @asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncIterator[None]:
        await self._pool.open()
        yield
        await self._pool.close()

    async def answer(self, request: Request) -> Response:
        name = request.path_params["name"]
        number, taken = self._next[name], self._works[name]
        self._next[name] += 1
        if number >= len(taken) and WORKS[name].changes:
            return Response(b"nothing left to replay", 507)
        batches, body = taken[number % len(taken)]
        await request.body()
        async with self._pool.connection() as connection:
            for batch in batches:
                async with connection.pipeline():
                    cursors = [await connection.execute(sql, parameters) for sql, parameters in batch]
                for cursor in cursors:
                    if cursor.description is not None:
                        await cursor.fetchall()
        return Response(body, media_type="application/fhir+json")


def main() -> None:
    descriptor, recording, conninfo = sys.argv[1:]
    reference = Reference(Recording.load(Path(recording)), conninfo)
    app = Starlette(
        routes=[Route("/replay/{name}", reference.answer, methods=["GET", "POST", "PUT"])], lifespan=reference.lifespan
    )
    config = uvicorn.Config(
        app, loop="uvloop", http="httptools", log_level="warning", access_log=False, server_header=False
    )
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=int(descriptor))])


if __name__ == "__main__":
    main()

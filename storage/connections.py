"""The connections of one process: psycopg's pool, and those that go from one request to the next without it.

The pool opens and replaces connections and lets requests wait in turn. To ask it twice a request, and to have the event
loop look at a socket and no longer look at it, costs a fifth of a whole search; so a connection that comes back while
nobody waits is kept here for the next, and goes back to the pool after a while.
https://www.psycopg.org/psycopg3/docs/advanced/pool.html
"""

from __future__ import annotations

from time import monotonic
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from psycopg_pool import AsyncConnectionPool

from ledger.errors import Category, Refusal, refuse
from storage.pipeline import Pipeline, prepare_connection

KEPT_SECONDS = 30.0
"""For so long the pool does not see a connection. It replaces those that are an hour old when they come back."""


class Connections:
    def __init__(
        self, conninfo: str, *, size_min: int, size_max: int, pool_timeout_seconds: int, statement_timeout_seconds: int
    ) -> None:
        self._pipelines: WeakKeyDictionary[psycopg.AsyncConnection[Any], Pipeline] = WeakKeyDictionary()
        self._pool: AsyncConnectionPool[psycopg.AsyncConnection[Any]] = AsyncConnectionPool(
            conninfo,
            min_size=size_min,
            max_size=size_max,
            open=False,
            timeout=pool_timeout_seconds,
            kwargs={
                "autocommit": True,
                "options": f"-c statement_timeout={statement_timeout_seconds}s -c timezone=UTC"
                " -c search_path=billing -c plan_cache_mode=force_generic_plan",
            },
            configure=self._configure,
        )
        self._kept: list[Pipeline] = []
        """Those that nobody uses; the one that was used last is used next."""
        self._waiting = 0

    async def open(self) -> None:
        await self._pool.open()

    async def close(self) -> None:
        # First, so that nobody keeps one any more.
        await self._pool.close()
        while self._kept:
            await self._return(self._kept.pop())

    def statistics(self) -> dict[str, int]:
        """How many connections there are and who waits for one, by psycopg_pool's names."""
        found = dict(self._pool.get_stats())
        found["pool_available"] = found.get("pool_available", 0) + len(self._kept)
        return found

    def borrowed(self) -> Borrowed:
        """A connection for the length of a block; refused where the database does not answer."""
        return Borrowed(self)

    async def take(self) -> Pipeline:
        while self._kept:
            pipeline = self._kept.pop()
            if not pipeline.is_closed:
                return pipeline
            await self._return(pipeline)
        self._waiting += 1
        try:
            connection = await self._pool.getconn()
        finally:
            self._waiting -= 1
        pipeline = self._pipelines[connection]
        pipeline.watch()
        pipeline.taken_at = monotonic()
        return pipeline

    async def give_back(self, pipeline: Pipeline) -> None:
        now = monotonic()
        is_due = now - pipeline.taken_at > KEPT_SECONDS
        if self._waiting or is_due or pipeline.is_closed or self._pool.closed:
            await self._return(pipeline)
        else:
            self._kept.append(pipeline)
        # Where fewer are used than before, the first ones are not asked for any more.
        if self._kept and now - self._kept[0].taken_at > KEPT_SECONDS:
            await self._return(self._kept.pop(0))

    async def _return(self, pipeline: Pipeline) -> None:
        pipeline.unwatch()
        await self._pool.putconn(pipeline.connection)

    async def _configure(self, connection: psycopg.AsyncConnection[Any]) -> None:
        prepare_connection(connection)
        self._pipelines[connection] = Pipeline(connection)


class Borrowed:
    """A block with a connection. Not the pool's own, which commits at its end: our transactions end themselves."""

    __slots__ = ("_connections", "_pipeline")

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def __aenter__(self) -> Pipeline:
        try:
            self._pipeline = await self._connections.take()
        except psycopg.OperationalError as error:
            if error.sqlstate is not None:
                raise
            raise _unanswered() from error
        return self._pipeline

    async def __aexit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        await self._connections.give_back(self._pipeline)
        if isinstance(error, psycopg.OperationalError) and error.sqlstate is None:
            raise _unanswered() from error


def _unanswered() -> Refusal:
    """What PostgreSQL itself says has a code; without one, nobody answered."""
    return refuse(Category.UNAVAILABLE, "database-unavailable", "The database does not answer; try again.")

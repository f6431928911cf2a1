"""Connections that go from one request to the next, and what becomes of them when something goes wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import LiteralString

import psycopg
import pytest

from ledger.errors import Refusal
from storage import connections
from storage.pipeline import Statement
from storage.transaction import Database
from tests.database_server import DatabaseAccess

_BACKEND = Statement("SELECT pg_backend_pid()")
_SLEEP = Statement("SELECT pg_sleep(60)")
_NAP = Statement("SELECT pg_sleep(0.01), pg_backend_pid()")
_OURS: LiteralString = "FROM pg_stat_activity WHERE application_name = 'lent' AND datname = current_database()"
_LENGTH = Statement("SELECT length($1::text)")


@asynccontextmanager
async def opened(access: DatabaseAccess, size_max: int = 4) -> AsyncIterator[Database]:
    database = Database(f"{access.app} application_name=lent", size_min=1, size_max=size_max)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


def states(access: DatabaseAccess) -> list[str]:
    """What PostgreSQL says of the connections of these tests."""
    with psycopg.connect(access.superuser, autocommit=True) as connection:
        rows = connection.execute(f"SELECT state {_OURS}").fetchall()
    return [state for (state,) in rows]


async def until(access: DatabaseAccess, holds: Callable[[list[str]], bool]) -> None:
    while not holds(states(access)):  # noqa: ASYNC110 - PostgreSQL tells nobody
        await asyncio.sleep(0.02)


def is_active(found: list[str]) -> bool:
    return "active" in found


async def test_requests_one_after_the_other_use_one_connection_and_do_not_ask_the_pool(
    database: DatabaseAccess,
) -> None:
    async with opened(database) as books:
        backends = {(await books.read("t", _BACKEND))[0][0] for _ in range(10)}
        assert len(backends) == 1
        assert books.pool_statistics()["requests_num"] == 1


async def test_more_requests_than_connections_wait_and_are_all_answered(database: DatabaseAccess) -> None:
    async with opened(database, size_max=2) as books:
        answers = await asyncio.gather(*(books.read("t", _NAP) for _ in range(50)))
        assert len({row[1] for [row] in answers}) <= 2


async def test_after_a_while_a_connection_goes_back_to_the_pool(
    database: DatabaseAccess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "KEPT_SECONDS", 0.0)
    async with opened(database) as books:
        for _ in range(5):
            await books.read("t", _BACKEND)
        assert books.pool_statistics()["requests_num"] == 5


async def test_what_nobody_uses_counts_as_available(database: DatabaseAccess) -> None:
    async with opened(database, size_max=1) as books:
        await books.read("t", _BACKEND)
        found = books.pool_statistics()
        assert (found["pool_size"], found["pool_available"]) == (1, 1)


async def test_a_connection_that_postgresql_has_closed_meanwhile_is_given_to_nobody(database: DatabaseAccess) -> None:
    async with opened(database) as books:
        [[backend]] = await books.read("t", _BACKEND)
        with psycopg.connect(database.superuser, autocommit=True) as connection:
            connection.execute("SELECT pg_terminate_backend(%s, 5000)", (backend,))
        await asyncio.sleep(0.05)
        [[another]] = await books.read("t", _BACKEND)
        assert another != backend


async def test_a_connection_that_is_lost_under_a_statement_is_an_unavailable_database_and_replaced(
    database: DatabaseAccess,
) -> None:
    async with opened(database, size_max=1) as books:
        reading = asyncio.create_task(books.read("t", _SLEEP))
        await until(database, is_active)
        with psycopg.connect(database.superuser, autocommit=True) as connection:
            connection.execute(f"SELECT pg_terminate_backend(pid, 5000) {_OURS}")
        with pytest.raises((Refusal, psycopg.OperationalError)):
            await reading
        assert await books.read("t", _LENGTH, "abc") == [(3,)]


async def test_a_request_that_is_cancelled_ends_its_statement_and_spoils_no_other(database: DatabaseAccess) -> None:
    async with opened(database) as books:
        reading = asyncio.create_task(books.read("t", _SLEEP))
        await until(database, is_active)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert await books.read("t", _LENGTH, "abc") == [(3,)]
        await until(database, lambda found: not is_active(found))


async def test_more_than_a_socket_takes_at_once_is_sent_whole(database: DatabaseAccess) -> None:
    async with opened(database) as books:
        long = "x" * 30_000_000
        assert await books.read("t", _LENGTH, long) == [(len(long),)]
        assert await books.read("t", _LENGTH, "abc") == [(3,)]


async def test_closing_leaves_no_connection(database: DatabaseAccess) -> None:
    async with opened(database) as books:
        await asyncio.gather(*(books.read("t", _NAP) for _ in range(8)))
        assert states(database) != []
    await until(database, lambda found: not found)

"""Locks that a process holds while it lives, on a connection of their own: when it dies, PostgreSQL frees them.

Unlike a lease they need no clock: a process that is merely slow keeps what it has. A process whose connection is lost
has lost its locks and must stop what it did under them.
"""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

import psycopg

from ledger.errors import Category, Refusal, refuse


class SessionLocks:
    """Session-level advisory locks (https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS)."""

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self._connection = connection
        self._one_at_a_time = asyncio.Lock()

    @classmethod
    async def connect(cls, conninfo: str) -> SessionLocks:
        try:
            return cls(await psycopg.AsyncConnection.connect(conninfo, autocommit=True))
        except psycopg.OperationalError as error:
            raise _lost() from error

    async def close(self) -> None:
        await self._connection.close()

    async def try_lock(self, name: str) -> bool:
        """Take the lock of that name unless another process has it."""
        return await self._ask("SELECT pg_try_advisory_lock(%s)", name)

    async def unlock(self, name: str) -> None:
        await self._ask("SELECT pg_advisory_unlock(%s)", name)

    async def check(self) -> None:
        """Raise where the connection is lost, and the locks with it."""
        await self._ask("SELECT %s::bigint IS NOT NULL", "")

    async def _ask(self, statement: Any, name: str) -> bool:
        number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)
        async with self._one_at_a_time:
            try:
                cursor = await self._connection.execute(statement, [number])
                row = await cursor.fetchone()
            except psycopg.Error as error:
                raise _lost() from error
        return bool(row and row[0])


def _lost() -> Refusal:
    return refuse(Category.UNAVAILABLE, "database-unavailable", "The database does not answer; try again.")

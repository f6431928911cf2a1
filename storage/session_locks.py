"""Locks that a process holds while it lives, on a connection of their own: when it dies, PostgreSQL frees them.

Unlike a lease they need no clock: a process that is merely slow keeps what it has. A process whose connection is lost
has lost its locks and must stop what it did under them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import psycopg

from ledger.errors import Category, Refusal, refuse
from storage.gathering import Gathering
from storage.pipeline import Pipeline, Statement

_LOCK = Statement("SELECT n, pg_try_advisory_lock(n) FROM unnest($1::bigint[]) AS w(n)")
_UNLOCK = Statement("SELECT pg_advisory_unlock(n) FROM unnest($1::bigint[]) AS w(n)")

AT_ONCE_MAX = 200


class SessionLocks:
    """Session-level advisory locks (https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS).

    Who has a lock must not ask for it again before giving it back: PostgreSQL would count two.
    """

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self._connection = connection
        self._pipeline = Pipeline(connection)
        self._gathering = Gathering(self._exchange, size_max=AT_ONCE_MAX)

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
        return await self._gathering.ask((_number(name), True))

    async def unlock(self, name: str) -> None:
        await self._gathering.ask((_number(name), False))

    async def check(self) -> None:
        """Raise where the connection is lost, and the locks with it."""
        await self._gathering.ask((None, False))

    async def _exchange(self, wanted: Sequence[tuple[int | None, bool]]) -> list[bool]:
        """For each lock whether it was taken (true) or given back (false): all in one round trip."""
        back = [number for number, takes in wanted if number is not None and not takes]
        take = [number for number, takes in wanted if number is not None and takes]
        try:
            _, rows = await self._pipeline.run([(_UNLOCK, (back,)), (_LOCK, (take,))])
        except psycopg.Error as error:
            raise _lost() from error
        taken: dict[int | None, bool] = dict(rows)
        return [takes and taken[number] for number, takes in wanted]


def _number(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)


def _lost() -> Refusal:
    return refuse(Category.UNAVAILABLE, "database-unavailable", "The database does not answer; try again.")

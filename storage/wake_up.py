"""Telling other processes that there is something to do, by LISTEN and NOTIFY. What gets lost is found by looking.

A NOTIFY in the transaction of a change would make commits wait for one another: PostgreSQL takes one lock of the whole
server for it until the commit is on disk. So whoever has committed says so right after, on a connection of its own, and
once for all that it committed meanwhile. https://www.postgresql.org/docs/current/sql-notify.html
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

import psycopg
from psycopg import sql

from ledger.errors import Category, Refusal, refuse
from storage.pipeline import Statement
from storage.transaction import Database

CHANGES = "billing_changes"
"""Something was queued for the subscriptions, or a subscription has changed."""

SOCKETS = "billing_sockets"
"""Events were numbered for a subscription over a websocket: `tenant id`."""

_NOTIFY = Statement("SELECT pg_notify('billing_changes', '')")
_PAUSE_SECONDS = 0.002


class Notifier:
    """Says that there are changes, soon after and not more often than needed."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._changed = asyncio.Event()

    def tell(self) -> None:
        self._changed.set()

    async def run(self) -> None:
        """Tell for ever; a database that is away is no reason to stop, for the listeners look by themselves too."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            with suppress(Refusal, psycopg.Error):
                await self._database.read("", _NOTIFY)
            await asyncio.sleep(_PAUSE_SECONDS)


async def listen(conninfo: str, channel: str, listening: Callable[[], None] | None = None) -> AsyncIterator[str]:
    """What is told on the channel, for ever; raises where the connection is lost. `listening` is called at first."""
    try:
        connection: psycopg.AsyncConnection[Any] = await psycopg.AsyncConnection.connect(conninfo, autocommit=True)
        async with connection:
            await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
            if listening is not None:
                listening()
            async for notification in connection.notifies():
                yield notification.payload
    except psycopg.OperationalError as error:
        raise refuse(
            Category.UNAVAILABLE, "database-unavailable", "The database does not answer; try again."
        ) from error

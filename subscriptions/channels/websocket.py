"""The websocket channel: the client connects, binds subscriptions, and is told for as long as it stays.

What it was not told stands in the database and is told first when it comes again. R4 criteria get `ping [id]`, topics
the notification Bundle. It runs where the socket is held: in a serving process, not in the dispatcher.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from ledger.errors import Refusal
from mappers.r4.xml_writing import xml_of_json
from mappers.subscription_topics import TOPICS
from storage import subscription_delivery
from storage.subscription_delivery import Work
from storage.transaction import Database
from storage.wake_up import SOCKETS, listen
from subscriptions.notification import Kind, Told, notification

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
RESTART_SECONDS = 1.0
BATCH = 100

Send = Callable[[str], Awaitable[None]]


class SocketWakeUps:
    """Wakes those who wait for events of a subscription; it listens to PostgreSQL while anybody waits."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._waiting: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self._listening: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def waiting(self, tenant_id: str, subscription_id: str) -> AsyncIterator[asyncio.Event]:
        key, event = f"{tenant_id} {subscription_id}", asyncio.Event()
        self._waiting[key].add(event)
        if self._listening is None:
            self._listening = asyncio.create_task(self._listen())
        try:
            yield event
        finally:
            self._waiting[key].discard(event)
            if not self._waiting[key]:
                del self._waiting[key]
            if not self._waiting:
                self._listening.cancel()
                self._listening = None

    async def _listen(self) -> None:
        while True:
            # Who waits looks by itself too: what is told meanwhile comes a moment later.
            with suppress(Refusal):
                async for key in listen(self._conninfo, SOCKETS):
                    for event in self._waiting.get(key, ()):
                        event.set()
            await asyncio.sleep(RESTART_SECONDS)


class BoundSubscription:
    """One subscription on one socket."""

    def __init__(self, database: Database, base_url: str, tenant_id: str, subscription_id: str, send: Send) -> None:
        self._database = database
        self._base_url = base_url
        self._tenant_id = tenant_id
        self._id = subscription_id
        self._send = send
        self._sent = 0

    async def begin(self, *, with_handshake: bool) -> bool:
        """Bind it; whether there is such a subscription over a websocket."""
        work = await self._work()
        if work is None or work.channel_type != "websocket":
            return False
        self._sent = work.sent_number
        if with_handshake and work.criteria in TOPICS:
            await self._send(self._bundle(work, "handshake"))
        else:
            await self._send(f"bound {self._id}")
        return True

    async def run(self, wake_ups: SocketWakeUps) -> None:
        """Tell what comes until the subscription is off or gone."""
        quiet = 0.0
        async with wake_ups.waiting(self._tenant_id, self._id) as woken:
            while True:
                woken.clear()
                work = await self._work()
                if work is None or work.status == "off":
                    return
                told = await self._tell(work)
                quiet = 0.0 if told else quiet
                if work.heartbeat_seconds and quiet >= work.heartbeat_seconds and work.criteria in TOPICS:
                    await self._send(self._bundle(work, "heartbeat"))
                    quiet = 0.0
                if not told:
                    quiet += LOOK_SECONDS
                    # Not wait_for, which until Python 3.12 may lose a cancellation.
                    with suppress(TimeoutError):
                        async with asyncio.timeout(LOOK_SECONDS):
                            await woken.wait()

    async def _tell(self, work: Work) -> bool:
        if work.paused or work.status != "active" or work.last_number <= self._sent:
            return False
        is_topic = work.criteria in TOPICS
        events = await subscription_delivery.read_events(
            self._database,
            self._tenant_id,
            self._id,
            self._sent + 1,
            work.last_number,
            limit=work.max_count or 1 if is_topic else BATCH,
            with_content=work.payload_content == "full-resource",
        )
        if not events:
            return False
        if is_topic:
            await self._send(self._bundle(work, "event-notification", events))
        else:
            await self._send(f"ping {self._id}")
        self._sent = events[-1].number
        await subscription_delivery.mark_sent_over_socket(self._database, self._tenant_id, self._id, self._sent)
        return True

    def _bundle(self, work: Work, kind: Kind, events: Any = ()) -> str:
        told = Told(self._base_url, self._id, work.criteria, work.status, work.last_number)
        body = notification(told, kind, work.now, content=work.payload_content or "empty", events=events)
        return (xml_of_json(body) if work.payload is not None and "xml" in work.payload else body).decode()

    async def _work(self) -> Work | None:
        return await subscription_delivery.read_subscription(self._database, self._tenant_id, self._id)

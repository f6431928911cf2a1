"""The dispatcher: wakes when something has changed, matches it with the subscriptions, and sends until it is taken.

Several of them share the work. A tenant's changes are matched by one at a time and a subscription is sent to by one at
a time; locks of PostgreSQL see to both, and are freed when a process dies. Everything that is to be done stands in the
database, so a dispatcher that is killed loses nothing but the answer to what it has just sent.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from typing import NoReturn
from urllib.parse import urlsplit

from billing.subscription_status import tell_status
from ledger.errors import Refusal
from storage import subscription_delivery, subscription_matching, subscription_overview
from storage.session_locks import SessionLocks
from storage.subscription_delivery import DueSubscription
from storage.transaction import Database, Transaction
from storage.wake_up import CHANGES, listen
from subscriptions.channels.rest_hook import RestHook
from subscriptions.delivery import Delivery, Subscriber
from subscriptions.matching import ACTOR, Matcher
from subscriptions.metrics import DispatcherMetrics
from subscriptions.settings import DispatcherSettings
from subscriptions.slots import Slots

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"""How often it looks by itself, whatever it was told."""

PAUSE_SECONDS = 0.02
"""Between two looks at what is due: what is matched here is sent without one."""

HELD_ELSEWHERE_SECONDS = 0.05
SLOW_SECONDS = 1.0
"""After so long a run takes a slot of those that are slow or fail."""

DUE_MAX = 500
TENANTS_AT_ONCE = 4
HOUSEKEEPING_SECONDS = 5.0
FORGET_SECONDS = 3600.0
RESTART_SECONDS = 0.5


class Dispatcher:
    def __init__(self, settings: DispatcherSettings) -> None:
        self._settings = settings
        self._metrics = DispatcherMetrics()
        self._changed = asyncio.Event()
        self._due = asyncio.Event()
        self._busy: dict[Subscriber, bool] = {}
        """Who is being sent to; true: was woken again meanwhile."""
        self._by_endpoint = Slots(settings.per_endpoint)
        self._by_tenant = Slots(settings.per_tenant)

    async def run(self) -> NoReturn:
        """Work for ever. What breaks - the database goes away - is begun anew, with nothing taken for done."""
        while True:
            # A task of its own: who is told to stop while something breaks in a TaskGroup sees only what broke.
            working = asyncio.create_task(self._work())
            try:
                await asyncio.wait([working])
            except asyncio.CancelledError:
                working.cancel()
                await asyncio.gather(working, return_exceptions=True)
                raise
            failure = None if working.cancelled() else working.exception()
            if failure is not None and not isinstance(failure, Exception):
                raise failure
            kinds = _kinds(failure) if failure is not None else ("cancelled",)
            log.warning("the dispatcher begins anew: %s", ", ".join(sorted(set(kinds))))
            self._busy.clear()
            await asyncio.sleep(RESTART_SECONDS)

    async def _work(self) -> NoReturn:
        settings = self._settings
        database = Database(settings.database_url, size_min=2, size_max=settings.pool_size)
        await database.open()
        try:
            locks = await SessionLocks.connect(settings.database_url)
            try:
                async with RestHook(settings.endpoints) as rest_hook, asyncio.TaskGroup() as group:
                    delivery = Delivery(database, rest_hook, settings, self._metrics)
                    sending = _Sending(self, group, database, locks, delivery)
                    for loop in (
                        self._listen(),
                        self._match(database, sending),
                        self._look(database, sending),
                        self._housekeeping(database),
                        _watch(locks),
                    ):
                        group.create_task(loop)
            finally:
                await locks.close()
        finally:
            await database.close()
        raise AssertionError("its tasks never end")

    def wake(self) -> None:
        self._changed.set()
        self._due.set()

    async def _listen(self) -> None:
        async for _ in listen(self._settings.database_url, CHANGES, self.wake):
            self.wake()

    async def _match(self, database: Database, sending: _Sending) -> None:
        matcher = Matcher(database, self._settings.base_url)
        at_once = asyncio.Semaphore(TENANTS_AT_ONCE)

        async def one(tenant_id: str) -> None:
            async with at_once:
                if await matcher.run(tenant_id, sending.wake):
                    self._changed.set()

        while True:
            self._changed.clear()
            tenants = await subscription_matching.tenants_with_changes(database)
            async with asyncio.TaskGroup() as group:
                for tenant_id in tenants:
                    group.create_task(one(tenant_id))
            await _wait(self._changed, LOOK_SECONDS)

    async def _look(self, database: Database, sending: _Sending) -> None:
        """Find what is due and nobody was woken for: handshakes, retries, heartbeats, what another one has left."""
        while True:
            self._due.clear()
            busy = [(each.tenant_id, each.id) for each in self._busy]
            found = await subscription_delivery.due(database, DUE_MAX, busy)
            for each in found:
                sending.wake(each)
            if len(found) == DUE_MAX:
                self._due.set()
            await asyncio.sleep(PAUSE_SECONDS)
            await _wait(self._due, LOOK_SECONDS)

    async def _housekeeping(self, database: Database) -> None:
        forget_in = 0.0
        while True:
            for tenant_id, subscription_id in await subscription_delivery.ended(database):
                await database.run(tenant_id, ACTOR, _ending(subscription_id))
            self._metrics.backlog(await subscription_overview.backlog(database))
            if forget_in <= 0:
                await subscription_delivery.forget(database, self._settings.retention_days)
                forget_in = FORGET_SECONDS
            forget_in -= HOUSEKEEPING_SECONDS
            await _rest(HOUSEKEEPING_SECONDS)


class _Sending:
    """The subscribers that are being sent to, each in a task of its own."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        group: asyncio.TaskGroup,
        database: Database,
        locks: SessionLocks,
        delivery: Delivery,
    ) -> None:
        self._dispatcher = dispatcher
        self._group = group
        self._database = database
        self._locks = locks
        self._delivery = delivery
        delivery.again = self._wake_later
        self._held_elsewhere: set[Subscriber] = set()

    def wake(self, due: DueSubscription) -> None:
        """Send to a subscriber, or once more where that is going on already."""
        subscriber, busy = Subscriber(due.tenant_id, due.id), self._dispatcher._busy
        if subscriber in busy:
            busy[subscriber] = True
        else:
            busy[subscriber] = False
            sending = self._send(subscriber, due)
            try:
                self._group.create_task(sending)
            except RuntimeError:
                sending.close()
                busy.pop(subscriber, None)
                raise

    def _wake_later(self, due: DueSubscription, seconds: float) -> None:
        def wake() -> None:
            # Nobody is there any more where the dispatcher has begun anew; it looks for what is due itself then.
            with suppress(RuntimeError):
                self.wake(due)

        asyncio.get_running_loop().call_later(seconds, wake)

    async def _send(self, subscriber: Subscriber, due: DueSubscription) -> None:
        busy = self._dispatcher._busy
        try:
            has_more = True
            while has_more or busy[subscriber]:
                busy[subscriber] = False
                has_more = await self._run(subscriber, due)
                if has_more:
                    due = due._replace(failures=0)
        except Exception as failure:
            # One that goes wrong must not stop the others. What it is about stays out of the log.
            log.warning("sending to a subscription failed: %s", type(failure).__name__)
        finally:
            busy.pop(subscriber, None)

    async def _run(self, subscriber: Subscriber, due: DueSubscription) -> bool:
        """Whether more is to be done at once. Between two runs others of the endpoint and of the tenant have theirs."""
        # Those that fail have slots of their own, and those that are slow get one of these: they take none from others.
        place = (due.tenant_id, urlsplit(due.endpoint).netloc.lower(), due.failures > 0)
        tenant, behind = (due.tenant_id, due.failures > 0), (due.tenant_id, True)
        async with (
            self._dispatcher._by_endpoint.hold(place),
            self._dispatcher._by_tenant.hold(tenant, later=behind, after_seconds=SLOW_SECONDS),
        ):
            name = f"subscription {subscriber.tenant_id}/{subscriber.id}"
            if not await self._locks.try_lock(name):
                self._look_once_more(subscriber, due)
                return False
            self._held_elsewhere.discard(subscriber)
            try:
                return await self._delivery.run(subscriber)
            finally:
                with suppress(Refusal):
                    await self._locks.unlock(name)

    def _look_once_more(self, subscriber: Subscriber, due: DueSubscription) -> None:
        """Another dispatcher is sending to it, and may have been about to stop."""
        if subscriber in self._held_elsewhere:
            self._held_elsewhere.discard(subscriber)
        else:
            self._held_elsewhere.add(subscriber)
            self._wake_later(due, HELD_ELSEWHERE_SECONDS)


def _kinds(failure: BaseException) -> Iterator[str]:
    """What failed, without what it says."""
    if isinstance(failure, BaseExceptionGroup):
        for each in failure.exceptions:
            yield from _kinds(each)
    else:
        yield failure.code if isinstance(failure, Refusal) else type(failure).__name__


def _ending(subscription_id: str) -> Callable[[Transaction], Awaitable[None]]:
    async def ending(tx: Transaction) -> None:
        await tell_status(tx, subscription_id, "off")

    return ending


async def _watch(locks: SessionLocks) -> None:
    while True:
        await locks.check()
        await _rest(LOOK_SECONDS)


async def _wait(event: asyncio.Event, seconds: float) -> None:
    # Not wait_for: until Python 3.12 it loses a cancellation that comes together with the event, and this never ended.
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    _end_where_cancelled()


async def _rest(seconds: float) -> None:
    await asyncio.sleep(seconds)
    _end_where_cancelled()


def _end_where_cancelled() -> None:
    """End a task whose cancellation was lost by what it called: the wait for a connection of the pool may lose one."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError

"""Sending one subscriber what is due: the handshake, the next events, a heartbeat. In order, until it is taken.

What a run takes is read once, sent one notification after the other, and marked once: a dispatcher that dies in between
leaves it to be sent again. What is read and marked for several subscribers at the same moment shares a statement.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from uuid import uuid4

from billing.subscription_status import tell_status
from mappers.r4.xml_writing import xml_of_json
from mappers.subscription_topics import TOPICS
from storage import subscription_delivery
from storage.gathering import Gathering
from storage.subscription_delivery import DueSubscription, Sent, StoredEvent, Work
from storage.transaction import Database, Transaction
from subscriptions.channels.rest_hook import Message, Outcome, RestHook
from subscriptions.matching import ACTOR
from subscriptions.metrics import DispatcherMetrics
from subscriptions.notification import Kind, Told, notification
from subscriptions.settings import DispatcherSettings

log = logging.getLogger(__name__)

BODY_BYTES_MAX = 4 * 1024 * 1024
RUN_SECONDS = 0.2
"""How long is sent what was read before; then it is marked, and what has changed meanwhile is read."""

READ_AT_ONCE_MAX = 16
MARKED_AT_ONCE_MAX = 200
REQUESTED, ACTIVE, FAILED = "requested", "active", "error"


@dataclass(frozen=True, slots=True)
class Subscriber:
    tenant_id: str
    id: str


@dataclass(frozen=True, slots=True)
class Due:
    """What a subscriber is due as it was read, with the loop's time then: what is sent is dated by the database."""

    work: Work
    events: list[StoredEvent]
    read_at: float

    @property
    def now(self) -> datetime:
        return self.work.now + timedelta(seconds=asyncio.get_running_loop().time() - self.read_at)


class TenantBook:
    """Reads and marks for the subscribers of one tenant, all at once that are asked for at the same moment."""

    def __init__(self, database: Database, tenant_id: str) -> None:
        self._database = database
        self._tenant_id = tenant_id
        self._reading: Gathering[str, Due | None] = Gathering(self._read_all, size_max=READ_AT_ONCE_MAX)
        self._marking: Gathering[Sent, bool] = Gathering(self._mark_all, size_max=MARKED_AT_ONCE_MAX)

    async def read(self, subscription_id: str) -> Due | None:
        return await self._reading.ask(subscription_id)

    async def mark(self, sent: Sent) -> bool:
        """Whether there is more to send."""
        return await self._marking.ask(sent)

    async def _read_all(self, ids: Sequence[str]) -> list[Due | None]:
        found = await subscription_delivery.read_work(self._database, self._tenant_id, ids)
        at = asyncio.get_running_loop().time()
        return [Due(*found[each], at) if each in found else None for each in ids]

    async def _mark_all(self, sent: Sequence[Sent]) -> list[bool]:
        more = await subscription_delivery.mark_sent(self._database, self._tenant_id, sent)
        return [each.id in more for each in sent]


class Delivery:
    """One run at one subscription at a time; the caller holds its lock."""

    def __init__(
        self, database: Database, rest_hook: RestHook, settings: DispatcherSettings, metrics: DispatcherMetrics
    ) -> None:
        self._database = database
        self._rest_hook = rest_hook
        self._settings = settings
        self._metrics = metrics
        self._books: dict[str, TenantBook] = {}
        self.again: Callable[[DueSubscription, float], None] = lambda _due, _seconds: None
        """Told of who is to be tried again, and in how many seconds."""

    def _book(self, tenant_id: str) -> TenantBook:
        book = self._books.get(tenant_id)
        if book is None:
            book = self._books[tenant_id] = TenantBook(self._database, tenant_id)
        return book

    async def run(self, subscriber: Subscriber) -> bool:
        """Do what is due; whether there is more to do at once."""
        due = await self._book(subscriber.tenant_id).read(subscriber.id)
        if due is None or not due.work.is_due or due.work.paused or due.work.endpoint is None:
            return False
        if due.work.status == REQUESTED:
            return await self._handshake(subscriber, due)
        if due.events:
            return await self._notify(subscriber, due)
        return await self._heartbeat(subscriber, due)

    async def _handshake(self, subscriber: Subscriber, due: Due) -> bool:
        outcome = await self._sent("handshake", partial(self._bundle, subscriber, due, "handshake", []))
        status = ACTIVE if outcome.taken else FAILED

        async def telling(tx: Transaction) -> None:
            reason = None if outcome.taken else f"The handshake failed: {outcome.error}"
            await tell_status(tx, subscriber.id, status, reason=reason, at_revision=due.work.revision)

        await self._database.run(subscriber.tenant_id, ACTOR, telling)
        return outcome.taken

    async def _notify(self, subscriber: Subscriber, due: Due) -> bool:
        """Send the events in order until one is not taken, or the time of a run is over."""
        work, taken, notifications = due.work, 0, 0
        failure: Outcome | None = None
        for events in _notifications(due.events, (work.max_count or 1) if work.criteria in TOPICS else 1):
            outcome = await self._sent("event-notification", partial(self._of_events, subscriber, due, events))
            if not outcome.taken:
                failure = outcome
                break
            taken, notifications = taken + len(events), notifications + 1
            if asyncio.get_running_loop().time() - due.read_at > RUN_SECONDS:
                break
        number = due.events[taken - 1].number if taken else work.sent_number
        self._metrics.delivered(due.events[:taken], due.now)
        sent = Sent(subscriber.id, work.sent_number, number, notifications, work.heartbeat_seconds or 0)
        if failure is not None:
            await self._failed(subscriber, work, sent, failure)
            return False
        return await self._book(subscriber.tenant_id).mark(sent)

    async def _heartbeat(self, subscriber: Subscriber, due: Due) -> bool:
        work = due.work
        sends = bool(work.heartbeat_seconds) and work.criteria in TOPICS
        sent = Sent(subscriber.id, work.sent_number, work.sent_number, int(sends), work.heartbeat_seconds or 0)
        if sends:
            outcome = await self._sent("heartbeat", partial(self._bundle, subscriber, due, "heartbeat", []))
            if not outcome.taken:
                await self._failed(subscriber, work, sent._replace(deliveries=0), outcome)
                return False
        return await self._book(subscriber.tenant_id).mark(sent if sends else sent._replace(heartbeat_seconds=0))

    async def _sent(self, kind: str, message: Callable[[], Message]) -> Outcome:
        """Make a message and send it. One that cannot be made is a failure like others: it is told, and given up."""
        try:
            made = message()
        except Exception as failure:
            outcome = Outcome(taken=False, error=f"the notification could not be made: {type(failure).__name__}")
        else:
            outcome = await self._rest_hook.send(made)
        self._metrics.count(kind, taken=outcome.taken)
        return outcome

    async def _failed(self, subscriber: Subscriber, work: Work, sent: Sent, outcome: Outcome) -> None:
        """Try again later, ever later; too often in a row, and the subscription is in error until somebody acts."""
        failures = 0 if sent.number > sent.begin else work.failures
        gives_up = outcome.is_gone or failures + 1 >= self._settings.attempts_max
        delay = self.delay_seconds(failures, outcome.retry_after_seconds)

        async def telling(tx: Transaction) -> None:
            if sent.number > sent.begin:
                subscription_delivery.mark_sent_before_failure(tx, sent)
            subscription_delivery.mark_failed(tx, subscriber.id, outcome.error, delay)
            subscription_delivery.log(tx, subscriber.id, "failed", outcome.error)
            if gives_up:
                reason = f"Event {sent.number + 1} could not be delivered: {outcome.error}"
                await tell_status(tx, subscriber.id, FAILED, reason=reason, at_revision=work.revision)

        await self._database.run(subscriber.tenant_id, ACTOR, telling)
        self._metrics.failures(gives_up=gives_up)
        if not gives_up and work.endpoint is not None:
            self.again(DueSubscription(subscriber.tenant_id, subscriber.id, work.endpoint, failures + 1), delay)

    def delay_seconds(self, failures: int, retry_after_seconds: float | None) -> float:
        """Twice as long each time, with jitter, so that those who failed together do not come back together."""
        most = min(self._settings.retry_seconds_max, self._settings.retry_seconds * 2.0 ** min(failures, 30))
        delay = most * random.uniform(0.5, 1)  # noqa: S311 - spreads load, hides nothing
        return max(delay, retry_after_seconds or 0.0)

    def _of_events(self, subscriber: Subscriber, due: Due, events: list[StoredEvent]) -> Message:
        work = due.work
        if work.criteria in TOPICS:
            return self._bundle(subscriber, due, "event-notification", events)
        [event] = events
        message_id = f"{subscriber.id}-{event.number}-{event.number}"
        assert work.endpoint is not None, "a rest-hook has an endpoint"
        if work.payload is None or event.content is None:
            # By R4 a notification without payload says that something happened, and nothing else.
            return self._message(work, message_id, "POST", work.endpoint, b"")
        url = f"{work.endpoint.rstrip('/')}/{event.resource_type}/{event.resource_id}"
        return self._message(work, message_id, "PUT", url, event.content.encode())

    def _bundle(self, subscriber: Subscriber, due: Due, kind: Kind, events: list[StoredEvent]) -> Message:
        work = due.work
        assert work.endpoint is not None, "a rest-hook has an endpoint"
        told = Told(self._settings.base_url, subscriber.id, work.criteria, work.status, work.last_number)
        body = notification(told, kind, due.now, content=work.payload_content or "empty", events=events)
        between = f"{events[0].number}-{events[-1].number}" if events else f"{kind}-{uuid4().hex}"
        return self._message(work, f"{subscriber.id}-{between}", "POST", work.endpoint, body)

    def _message(self, work: Work, message_id: str, method: str, url: str, body: bytes) -> Message:
        if body and work.payload is not None and "xml" in work.payload:
            body = xml_of_json(body)
        keys = tuple(key for key in (work.signing_key, work.earlier_key) if key is not None)
        return Message(
            message_id,
            method,
            url,
            work.payload if body else None,
            body,
            tuple(work.headers),
            keys,
            work.timeout_seconds or self._settings.timeout_seconds,
        )


def _notifications(events: Sequence[StoredEvent], count_max: int) -> Iterator[list[StoredEvent]]:
    """The events in order, as many at once as are wanted and fit into one body; one in any case."""
    kept: list[StoredEvent] = []
    size = 0
    for event in events:
        size += len(event.content or "") + 1000
        if kept and (len(kept) == count_max or size > BODY_BYTES_MAX):
            yield kept
            kept, size = [], len(event.content or "") + 1000
        kept.append(event)
    if kept:
        yield kept

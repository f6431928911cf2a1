"""Sending one subscriber what is due: the handshake, the next events, a heartbeat. In order, until it is taken."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from uuid import uuid4

from billing.subscription_status import tell_status
from mappers.r4.xml_writing import xml_of_json
from mappers.subscription_topics import TOPICS
from storage import subscription_delivery
from storage.subscription_delivery import StoredEvent, Work
from storage.transaction import Database, Transaction
from subscriptions.channels.rest_hook import Message, Outcome, RestHook
from subscriptions.matching import ACTOR
from subscriptions.metrics import DispatcherMetrics
from subscriptions.notification import Kind, Told, notification
from subscriptions.settings import DispatcherSettings

log = logging.getLogger(__name__)

BODY_BYTES_MAX = 4 * 1024 * 1024
REQUESTED, ACTIVE, FAILED = "requested", "active", "error"


@dataclass(frozen=True, slots=True)
class Subscriber:
    tenant_id: str
    id: str


class Delivery:
    """One turn at one subscription at a time; the caller holds its lock."""

    def __init__(
        self, database: Database, rest_hook: RestHook, settings: DispatcherSettings, metrics: DispatcherMetrics
    ) -> None:
        self._database = database
        self._rest_hook = rest_hook
        self._settings = settings
        self._metrics = metrics
        self.again: Callable[[Subscriber, float], None] = lambda _subscriber, _seconds: None
        """Told of who is to be tried again, and in how many seconds."""

    async def turn(self, subscriber: Subscriber) -> bool:
        """Do what is due; whether there is more to do at once."""
        read = await subscription_delivery.read_work(self._database, subscriber.tenant_id, subscriber.id)
        if read is None or not read[0].is_due or read[0].paused:
            return False
        work, events = read
        if work.status == REQUESTED:
            return await self._handshake(subscriber, work)
        if events:
            return await self._notify(subscriber, work, _cut(events))
        return await self._heartbeat(subscriber, work)

    async def _handshake(self, subscriber: Subscriber, work: Work) -> bool:
        outcome = await self._rest_hook.send(self._bundle(subscriber, work, "handshake", []))
        status = ACTIVE if outcome.taken else FAILED
        self._metrics.count("handshake", taken=outcome.taken)

        async def telling(tx: Transaction) -> None:
            reason = None if outcome.taken else f"The handshake failed: {outcome.error}"
            await tell_status(tx, subscriber.id, status, reason=reason, at_revision=work.revision)

        await self._database.run(subscriber.tenant_id, ACTOR, telling)
        return outcome.taken

    async def _notify(self, subscriber: Subscriber, work: Work, events: list[StoredEvent]) -> bool:
        message = self._message_of_events(subscriber, work, events)
        outcome = await self._rest_hook.send(message)
        self._metrics.count("event-notification", taken=outcome.taken)
        if not outcome.taken:
            await self._failed(subscriber, work, outcome)
            return False
        self._metrics.delivered(events, work.now)
        return await subscription_delivery.mark_sent(
            self._database, subscriber.tenant_id, subscriber.id, events[-1].number, work.heartbeat_seconds
        )

    async def _heartbeat(self, subscriber: Subscriber, work: Work) -> bool:
        sends = bool(work.heartbeat_seconds) and work.criteria in TOPICS
        if sends:
            outcome = await self._rest_hook.send(self._bundle(subscriber, work, "heartbeat", []))
            self._metrics.count("heartbeat", taken=outcome.taken)
            if not outcome.taken:
                await self._failed(subscriber, work, outcome)
                return False
        return await subscription_delivery.mark_sent(
            self._database,
            subscriber.tenant_id,
            subscriber.id,
            work.sent_number,
            work.heartbeat_seconds if sends else None,
            deliveries=int(sends),
        )

    async def _failed(self, subscriber: Subscriber, work: Work, outcome: Outcome) -> None:
        """Try again later, ever later; too often in a row, and the subscription is in error until somebody acts."""
        gives_up = outcome.is_gone or work.failures + 1 >= self._settings.attempts_max
        delay = self.delay_seconds(work.failures, outcome.retry_after_seconds)

        async def telling(tx: Transaction) -> None:
            subscription_delivery.mark_failed(tx, subscriber.id, outcome.error, delay)
            subscription_delivery.log(tx, subscriber.id, "failed", outcome.error)
            if gives_up:
                reason = f"Event {work.sent_number + 1} could not be delivered: {outcome.error}"
                await tell_status(tx, subscriber.id, FAILED, reason=reason, at_revision=work.revision)

        await self._database.run(subscriber.tenant_id, ACTOR, telling)
        self._metrics.failures(gives_up=gives_up)
        if not gives_up:
            self.again(subscriber, delay)

    def delay_seconds(self, failures: int, retry_after_seconds: float | None) -> float:
        """Twice as long each time, with jitter, so that those who failed together do not come back together."""
        most = min(self._settings.retry_seconds_max, self._settings.retry_seconds * 2.0 ** min(failures, 30))
        delay = most * random.uniform(0.5, 1)  # noqa: S311 - spreads load, hides nothing
        return max(delay, retry_after_seconds or 0.0)

    def _message_of_events(self, subscriber: Subscriber, work: Work, events: list[StoredEvent]) -> Message:
        if work.criteria in TOPICS:
            return self._bundle(subscriber, work, "event-notification", events)
        [event] = events[:1]
        message_id = f"{subscriber.id}-{event.number}-{event.number}"
        assert work.endpoint is not None, "a rest-hook has an endpoint"
        if work.payload is None or event.content is None:
            # By R4 a notification without payload says that something happened, and nothing else.
            return self._message(work, message_id, "POST", work.endpoint, b"")
        url = f"{work.endpoint.rstrip('/')}/{event.resource_type}/{event.resource_id}"
        return self._message(work, message_id, "PUT", url, event.content.encode())

    def _bundle(self, subscriber: Subscriber, work: Work, kind: Kind, events: list[StoredEvent]) -> Message:
        assert work.endpoint is not None, "a rest-hook has an endpoint"
        count = work.last_number
        told = Told(self._settings.base_url, subscriber.id, work.criteria, work.status, count)
        body = notification(told, kind, work.now, content=work.payload_content or "empty", events=events)
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


def _cut(events: list[StoredEvent]) -> list[StoredEvent]:
    """As many as fit into one body; the first in any case."""
    size = 0
    kept: list[StoredEvent] = []
    for event in events:
        size += len(event.content or "") + 1000
        if kept and size > BODY_BYTES_MAX:
            break
        kept.append(event)
    return kept

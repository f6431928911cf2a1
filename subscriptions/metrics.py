"""What a dispatcher counts, for Prometheus. Beside a server it counts into the same directory as its workers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from storage.subscription_delivery import StoredEvent
from storage.subscription_overview import Backlog

_BUCKETS_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60, 600, 3600)


class DispatcherMetrics:
    def __init__(self) -> None:
        registry = CollectorRegistry()
        self._sent = Counter(
            "billing_subscription_notifications", "Notifications sent.", ["kind", "outcome"], registry=registry
        )
        self._events = Counter("billing_subscription_events", "Events that subscribers took.", registry=registry)
        self._errors = Counter("billing_subscription_errors", "Subscriptions that went into error.", registry=registry)
        self._seconds = Histogram(
            "billing_subscription_delivery_seconds",
            "From the change to when its notification was sent.",
            registry=registry,
            buckets=_BUCKETS_SECONDS,
        )
        self._queued = _gauge("billing_subscription_queue", "Changes that are not matched yet.", registry)
        self._pending = _gauge("billing_subscription_pending_events", "Events that are not sent yet.", registry)
        self._in_error = _gauge("billing_subscription_in_error", "Subscriptions in error.", registry)
        self._lag = _gauge(
            "billing_subscription_lag_seconds", "Age of the oldest event that is not sent yet.", registry
        )

    def count(self, kind: str, *, taken: bool) -> None:
        self._sent.labels(kind, "taken" if taken else "failed").inc()

    def delivered(self, events: Sequence[StoredEvent], now: datetime) -> None:
        self._events.inc(len(events))
        for event in events:
            self._seconds.observe(max(0.0, (now - event.recorded_at).total_seconds()))

    def failures(self, *, gives_up: bool) -> None:
        if gives_up:
            self._errors.inc()

    def backlog(self, backlog: Backlog) -> None:
        self._queued.set(backlog.queued)
        self._pending.set(backlog.pending)
        self._in_error.set(backlog.in_error)
        self._lag.set(backlog.lag_seconds)


def _gauge(name: str, text: str, registry: CollectorRegistry) -> Gauge:
    # Several dispatchers see the same database: any of them says it.
    return Gauge(name, text, registry=registry, multiprocess_mode="livemax")

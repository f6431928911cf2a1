"""Metrics for Prometheus: requests by route and status, how long they took, and the connection pool.

The worker processes of a server count together, so whichever is asked answers for all (PROMETHEUS_MULTIPROC_DIR, which
their parent sets); only the pool is the one of the worker that answers.
https://prometheus.github.io/client_python/multiprocess/
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_BUCKETS_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
# When each series began is three series more for each, and Prometheus knows it from its own data.
disable_created_metrics()  # type: ignore[no-untyped-call]

_POOL_GAUGES = {
    "pool_size": "Connections in the pool.",
    "pool_available": "Connections in the pool that nobody uses.",
    "requests_waiting": "Requests that wait for a connection.",
}


class Metrics:
    def __init__(self, pool_statistics: Callable[[], dict[str, int]]) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "billing_http_requests", "Requests answered.", ["route", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "billing_http_request_seconds",
            "How long requests took.",
            ["route"],
            registry=self._registry,
            buckets=_BUCKETS_SECONDS,
        )
        # Beside the dispatchers, which say the first as well: here it is said where none runs.
        self._queued = Gauge(
            "billing_subscription_queue",
            "Changes that are not matched yet.",
            registry=self._registry,
            multiprocess_mode="livemax",
        )
        self._queue_age = Gauge(
            "billing_subscription_queue_age_seconds",
            "Age of the oldest change that is not matched yet.",
            registry=self._registry,
            multiprocess_mode="livemax",
        )
        self._pool = _Pool(pool_statistics)
        self._registry.register(self._pool)
        # Looking a child up by its labels costs more than counting.
        self._counting: dict[tuple[str, int], Callable[[], None]] = {}
        self._timing: dict[str, Callable[[float], None]] = {}

    def observe(self, route: str, status: int, seconds: float) -> None:
        count = self._counting.get((route, status))
        if count is None:
            count = self._counting[route, status] = self._requests.labels(route, str(status)).inc
        count()
        timing = self._timing.get(route)
        if timing is None:
            timing = self._timing[route] = self._seconds.labels(route).observe
        timing(seconds)

    def queue(self, changes: int, oldest_seconds: float) -> None:
        self._queued.set(changes)
        self._queue_age.set(oldest_seconds)

    def exposition(self) -> bytes:
        registry = self._registry
        if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
            registry.register(self._pool)
        return generate_latest(registry)


class _Pool(Collector):
    def __init__(self, statistics: Callable[[], dict[str, int]]) -> None:
        self._statistics = statistics

    def collect(self) -> Iterable[Metric]:
        found = self._statistics()
        for name, meaning in _POOL_GAUGES.items():
            yield GaugeMetricFamily(f"billing_database_{name}", meaning, value=found.get(name, 0))

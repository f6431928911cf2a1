"""`python -m bench.subscriptions`: from commit to delivery, sustained deliveries, what those cost that do not match.

Writer and receivers are this process, the dispatcher is one of its own, PostgreSQL a third, on the cores there are.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from billing.context import Context
from billing.create_resource import create_resource
from billing.endpoint_policy import EndpointPolicy
from billing.tenants import add_tenant
from fhir_server.database import with_urls_of
from fhir_server.settings import Settings
from ledger.tenant import Tenant
from mappers.subscription_topics import TOPICS
from storage.embedded_postgres import EmbeddedPostgres
from storage.migrations import upgrade
from storage.resource_ids import new_id
from storage.transaction import Database, Transaction
from storage.wake_up import Notifier
from subscriptions.matching import Matcher

BASE_URL = "http://127.0.0.1/fhir"
BACKPORT = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-"
TOPIC = next(url for url in TOPICS if url.endswith("/charge-item-changed"))
ALLOWED = "127.0.0.0/8"

_length = re.compile(rb"content-length: *(\d+)", re.IGNORECASE).search
_focus = re.compile(rb'"focus","valueReference":\{"reference":"[^"]*/ChargeItem/([^"]+)"').findall


class Receiver(asyncio.Protocol):
    """Answers every POST with 200, and notes when which resource was told."""

    def __init__(self, told: list[tuple[str, float]]) -> None:
        self._told, self._data = told, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def data_received(self, data: bytes) -> None:
        self._data += data
        while (end := self._data.find(b"\r\n\r\n")) >= 0:
            head = _length(self._data[:end])
            size = end + 4 + (int(head[1]) if head else 0)
            if len(self._data) < size:
                return
            body, self._data = self._data[end + 4 : size], self._data[size:]
            at = time.perf_counter()
            self._told.extend((name.decode(), at) for name in _focus(body))
            self._transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")


class Tenancy:
    """A tenant of its own, its database, and who is told of what."""

    def __init__(self, settings: Settings, name: str) -> None:
        self.settings = settings
        self.tenant = Tenant(name, name, "AF", "AFN", "UTC")
        self.context = Context(self.tenant, "bench", "bench", BASE_URL, endpoints=EndpointPolicy.of_text(ALLOWED))
        self.database = Database(settings.database_url, size_max=4)
        self.committed: dict[str, float] = {}
        self.told: list[tuple[str, float]] = []
        """Each arrival of an event at a receiver."""

    async def change(self, count: int) -> None:
        """Make some charges in one transaction, and note when it is committed."""
        ids = [new_id() for _ in range(count)]

        async def creating(tx: Transaction) -> None:
            for each in ids:
                charge = {
                    "resourceType": "ChargeItem",
                    "status": "planned",
                    "code": {"text": "Visit"},
                    "subject": {"reference": "Patient/1"},
                    "performingOrganization": {"reference": "Organization/1"},
                }
                await create_resource(tx, self.context, "ChargeItem", charge, resource_id=each, is_new_id=True)

        await self.database.run(self.tenant.id, "bench", creating)
        self.committed.update(dict.fromkeys(ids, time.perf_counter()))

    async def subscribe(self, port: int, count: int, *, max_count: int = 1, filters: str = "") -> None:
        async def creating(tx: Transaction) -> None:
            for number in range(count):
                document = _subscription(port, max_count, filters.format(number) if filters else "")
                await create_resource(tx, self.context, "Subscription", document)

        await self.database.run(self.tenant.id, "bench", creating)


def _subscription(port: int, max_count: int, filters: str) -> dict[str, Any]:
    criteria: dict[str, Any] = {"criteria": TOPIC}
    if filters:
        criteria["_criteria"] = {"extension": [{"url": f"{BACKPORT}filter-criteria", "valueString": filters}]}
    return {
        "resourceType": "Subscription",
        "status": "requested",
        "reason": "bench",
        **criteria,
        "channel": {
            "type": "rest-hook",
            "endpoint": f"http://127.0.0.1:{port}/",
            "payload": "application/fhir+json",
            "_payload": {"extension": [{"url": f"{BACKPORT}payload-content", "valueCode": "id-only"}]},
            "extension": [{"url": f"{BACKPORT}max-count", "valuePositiveInt": max_count}],
        },
    }


@asynccontextmanager
async def tenancy(settings: Settings, name: str) -> AsyncIterator[Tenancy]:
    one = Tenancy(settings, name)
    await one.database.open()
    notifier = Notifier(one.database)
    one.database.told = notifier.tell
    telling = asyncio.create_task(notifier.run())
    await add_tenant(one.database, one.tenant)
    try:
        yield one
    finally:
        telling.cancel()
        await one.database.close()


@asynccontextmanager
async def receivers(told: list[tuple[str, float]], count: int) -> AsyncIterator[list[int]]:
    loop = asyncio.get_running_loop()
    servers = [await loop.create_server(lambda: Receiver(told), "127.0.0.1", 0) for _ in range(count)]
    yield [server.sockets[0].getsockname()[1] for server in servers]
    for server in servers:
        server.close()


@contextmanager
def dispatcher(settings: Settings) -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, "-m", "subscriptions", str(os.getpid())], stdin=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    process.stdin.write(settings.model_dump_json())
    process.stdin.close()
    try:
        yield
    finally:
        process.terminate()
        process.wait()


async def latency(settings: Settings, rate: int, seconds: int, endpoints: int = 1) -> dict[str, Any]:
    """From commit to arrival while changes come at a rate, in transactions of ten at most.

    One endpoint takes 100 at once; several take one event a notification each, and all are told of every change.
    """
    max_count = 100 if endpoints == 1 else 1
    async with tenancy(settings, f"rate-{rate}-{endpoints}") as one, receivers(one.told, endpoints) as ports:
        for port in ports:
            await one.subscribe(port, 1, max_count=max_count)
        with dispatcher(settings):
            await one.change(1)
            await _until(lambda: len(one.told) == endpoints)
            one.committed.clear()
            one.told.clear()
            size = max(1, min(10, rate // 20))
            begin = time.perf_counter()
            for number in range(max(1, rate * seconds // size)):
                await asyncio.sleep(max(0.0, begin + number * size / rate - time.perf_counter()))
                await one.change(size)
            await _until(lambda: len(one.told) == endpoints * len(one.committed))
            took = one.told[-1][1] - begin
    waits = sorted(at - one.committed[name] for name, at in one.told)
    return {
        "case": f"{rate} changes/s to {endpoints} endpoint(s), max-count {max_count}",
        "events": len(waits),
        "reached/s": round(len(waits) / took),
        "p50 ms": _milliseconds(waits, 0.5),
        "p99 ms": _milliseconds(waits, 0.99),
    }


async def sustained(settings: Settings, endpoints: int, max_count: int, changes: int) -> dict[str, Any]:
    """How fast a backlog is sent that one dispatcher finds, matching included."""
    async with tenancy(settings, f"sustained-{endpoints}") as one, receivers(one.told, endpoints) as ports:
        for port in ports:
            await one.subscribe(port, 1, max_count=max_count)
        for left in range(changes, 0, -50):
            await one.change(min(50, left))
        wanted = endpoints * changes
        with dispatcher(settings):
            await _until(lambda: len(one.told) >= endpoints)
            first, begin = len(one.told), time.perf_counter()
            await _until(lambda: len(one.told) >= wanted)
            took = time.perf_counter() - begin
    return {
        "case": f"backlog to {endpoints} endpoint(s), max-count {max_count}",
        "events": wanted,
        "reached/s": round((wanted - first) / took),
    }


async def matching(settings: Settings, others: int, changes: int) -> dict[str, Any]:
    """What matching costs an event beside subscriptions that are for other facilities."""
    async with tenancy(settings, f"others-{others}") as one:
        await one.subscribe(9, 1)
        for _ in range(others // 500):
            await one.subscribe(9, 500, filters=f"facility=Organization/{new_id()}-{{}}")
        worker = Database(settings.worker_database_url, size_max=2)
        await worker.open()
        try:
            matcher = Matcher(worker, BASE_URL)
            await one.change(1)
            await _match_all(matcher, one)
            for _ in range(changes // 50):
                await one.change(50)
            begin = time.perf_counter()
            await _match_all(matcher, one)
            took = time.perf_counter() - begin
        finally:
            await worker.close()
    return {"case": f"matching beside {others} others", "events": changes, "us/event": round(took / changes * 1e6)}


async def _match_all(matcher: Matcher, one: Tenancy) -> None:
    while await matcher.run(one.tenant.id, lambda _due: None):
        pass


def _milliseconds(waits: list[float], part: float) -> float:
    return round(waits[min(len(waits) - 1, int(len(waits) * part))] * 1000, 1)


async def _until(holds: Any) -> None:
    async with asyncio.timeout(300):
        while True:
            if holds():
                return
            await asyncio.sleep(0.005)


async def _measure(settings: Settings, seconds: int, changes: int) -> list[dict[str, Any]]:
    cases = [
        *(latency(settings, rate, seconds) for rate in (1, 100, 500, 1000)),
        latency(settings, 30, seconds, 50),
        sustained(settings, 50, 1, changes),
        sustained(settings, 1, 100, changes * 20),
        # These leave ten thousand subscriptions behind whose endpoints are not there.
        *(matching(settings, others, 1000) for others in (0, 10_000)),
    ]
    found = []
    for case in cases:
        found.append(await case)
        typer.echo("  ".join(f"{name}: {value}" for name, value in found[-1].items()))
    return found


def bench(
    seconds: Annotated[int, typer.Option(help="How long changes come at each rate.")] = 15,
    changes: Annotated[int, typer.Option(help="Changes that 50 endpoints are told of; one alone: 20 times.")] = 400,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the result to a file, too.")] = None,
) -> None:
    """Measure subscriptions."""
    directory = Path(tempfile.mkdtemp(prefix="billing-bench-"))
    directory.chmod(0o711)
    postgres = EmbeddedPostgres(directory / "data")
    try:
        with postgres.running():
            settings = with_urls_of(postgres, Settings().changed(data_dir=directory / "data", log_level="warning"))
            settings = settings.changed(subscription_allow=ALLOWED, public_base_url=BASE_URL)
            upgrade(settings.migrate_database_url)
            found = asyncio.run(_measure(settings, seconds, changes))
    finally:
        shutil.rmtree(postgres.home, ignore_errors=True)
        shutil.rmtree(directory, ignore_errors=True)
    if json_file is not None:
        json_file.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    typer.run(bench)

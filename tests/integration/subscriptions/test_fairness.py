"""Who is slow, dead or has much to be told delays nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from storage.transaction import Database
from subscriptions import matching
from subscriptions.matching import Matcher
from tests.database_server import DatabaseAccess
from tests.integration.fhir_server.test_subscription import topic_subscription
from tests.integration.serving import BASE, Hospital, Server, hospital_of
from tests.integration.subscriptions.conftest import dispatching
from tests.integration.subscriptions.receiver import Received, Receiver, receiving
from tests.integration.subscriptions.test_rest_hook import subscribed, with_limits


@asynccontextmanager
async def hanging(hospital: Hospital, count: int) -> AsyncIterator[list[Receiver]]:
    """Endpoints that answer the handshake and then nothing until the end of the block."""
    release = asyncio.Event()

    async def hang(told: Received) -> int:
        if told.kind == "event-notification":
            await release.wait()
        return 200

    async with AsyncExitStack() as stack:
        endpoints = [await stack.enter_async_context(receiving()) for _ in range(count)]
        for each in endpoints:
            await subscribed(hospital, each, "charge-captured", **with_limits(timeout=300))
            each.answer = hang
        try:
            yield endpoints
        finally:
            release.set()


async def test_more_dead_endpoints_than_a_tenant_has_slots_delay_none_that_is_well(
    database: DatabaseAccess, hospital: Hospital, receiver: Receiver
) -> None:
    async with dispatching(database, per_tenant=4), hanging(hospital, 6) as dead:
        await subscribed(hospital, receiver, "charge-captured")
        account = await hospital.account()
        for _ in range(3):
            await hospital.charge(account)
        await receiver.until(lambda: receiver.numbers == [1, 2, 3])
        assert [each.numbers for each in dead] == [[]] * 6


async def test_the_dead_endpoints_of_a_tenant_delay_no_other_tenant(
    database: DatabaseAccess, server: Server, hospital: Hospital, receiver: Receiver
) -> None:
    async with hospital_of(server) as other, dispatching(database, per_tenant=1):
        await subscribed(other, receiver, "charge-captured")
        async with hanging(hospital, 3) as dead:
            await hospital.charge(await hospital.account())
            await other.charge(await other.account())
            await receiver.until(lambda: receiver.numbers == [1])
            assert [each.numbers for each in dead] == [[]] * 3


async def test_one_endpoint_of_many_subscriptions_is_not_asked_more_than_so_often_at_once(
    database: DatabaseAccess, hospital: Hospital, receiver: Receiver
) -> None:
    now, most = 0, 0

    async def count(told: Received) -> int:
        nonlocal now, most
        now += told.kind == "event-notification"
        most = max(most, now)
        await asyncio.sleep(0.01)
        now -= told.kind == "event-notification"
        return 200

    async with dispatching(database, per_endpoint=2):
        for _ in range(6):
            await subscribed(hospital, receiver, "charge-captured")
        receiver.answer = count
        account = await hospital.account()
        for _ in range(3):
            await hospital.charge(account)
        await receiver.until(lambda: sorted(receiver.numbers) == sorted([1, 2, 3] * 6))
    assert 1 <= most <= 2


async def test_between_two_batches_of_a_tenant_the_others_have_theirs(
    database: DatabaseAccess, hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matching, "BATCH", 2)
    await hospital.create(topic_subscription("account-changed", endpoint="http://127.0.0.1:9/"))
    for _ in range(5):
        await hospital.account()
    worker = Database(database.worker)
    await worker.open()
    try:
        matcher = Matcher(worker, BASE)
        more = [await matcher.run(hospital.tenant_id, lambda _: None) for _ in range(4)]
    finally:
        await worker.close()
    assert more == [True, True, False, False]

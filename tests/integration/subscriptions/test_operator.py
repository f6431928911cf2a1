"""What the operator sees of subscriptions and does with them."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from billing.context import Context
from billing.operate_subscription import pause_subscription, replay_subscription, resume_subscription
from ledger.errors import Refusal
from ledger.tenant import Tenant
from storage.transaction import Database, Transaction
from tests.integration.serving import BASE, Hospital, Json
from tests.integration.subscriptions.receiver import Received, Receiver
from tests.integration.subscriptions.test_rest_hook import subscribed, until_status

pytestmark = pytest.mark.usefixtures("dispatcher")


async def overview(hospital: Hospital, scope: str = "billing:subscription:operate") -> httpx.Response:
    server = hospital.server
    async with server.client(server.token(hospital.tenant_id, scope)) as http:
        return await http.get("http://127.0.0.1:8080/api/v1/billing/subscriptions")


async def operate(hospital: Hospital, verb: str, subscription: Json, first: int = 0) -> None:
    context = Context(Tenant(hospital.tenant_id, "", "", "", "UTC"), "operator", "operator", BASE)

    async def operating(tx: Transaction) -> None:
        match verb:
            case "pause":
                await pause_subscription(tx, subscription["id"])
            case "resume":
                await resume_subscription(tx, context, subscription["id"])
            case _:
                await replay_subscription(tx, subscription["id"], first)

    database = Database(hospital.server.access.app)
    await database.open()
    try:
        await database.run(hospital.tenant_id, "operator", operating)
    finally:
        await database.close()


async def test_the_overview_says_how_far_each_subscription_is(hospital: Hospital, receiver: Receiver) -> None:
    subscription = await subscribed(hospital, receiver)
    await hospital.issued()
    await receiver.until(lambda: receiver.numbers == [1])
    receiver.answer = lambda _: 503
    await hospital.issued()
    await until_status(hospital, subscription, "error")

    [item] = (await overview(hospital)).json()["items"]
    assert item["id"] == subscription["id"]
    assert (item["status"], item["events"], item["sent"], item["waiting"]) == ("error", 2, 1, 1)
    assert (item["deliveries"], item["failed_deliveries"], item["last_error"]) == (1, 4, "HTTP 503")
    assert item["lag_seconds"] > 0


async def test_the_overview_is_for_operators(hospital: Hospital) -> None:
    assert (await overview(hospital, "system/*.cruds")).status_code == 403


async def test_a_paused_subscription_is_told_when_it_is_resumed(hospital: Hospital, receiver: Receiver) -> None:
    subscription = await subscribed(hospital, receiver)
    await operate(hospital, "pause", subscription)
    await hospital.issued()
    await hospital.issued()
    async with asyncio.timeout(30):
        while True:
            [item] = (await overview(hospital)).json()["items"]
            if item["waiting"] == 2:
                break
            await asyncio.sleep(0.02)
    assert (item["paused"], receiver.numbers) == (True, [])
    await operate(hospital, "resume", subscription)
    await receiver.until(lambda: receiver.numbers == [1, 2])


async def test_one_in_error_is_started_again_by_the_operator(hospital: Hospital, receiver: Receiver) -> None:
    subscription = await subscribed(hospital, receiver)
    receiver.answer = lambda _: 410
    await hospital.issued()
    await until_status(hospital, subscription, "error")
    receiver.answer = lambda _: 200
    await operate(hospital, "resume", subscription)
    await receiver.until(lambda: receiver.numbers == [1])
    assert (await until_status(hospital, subscription, "active")).get("error") is None


async def test_events_are_sent_again_from_a_number(hospital: Hospital, receiver: Receiver) -> None:
    subscription = await subscribed(hospital, receiver, "charge-captured")
    account = await hospital.account()
    for _ in range(3):
        await hospital.charge(account)
    await receiver.until(lambda: receiver.numbers == [1, 2, 3])
    await operate(hospital, "replay", subscription, 2)
    await receiver.until(lambda: receiver.numbers == [1, 2, 3, 2, 3])
    with pytest.raises(Refusal, match="1 to 3"):
        await operate(hospital, "replay", subscription, 9)


async def test_what_is_sent_at_the_moment_does_not_undo_a_replay(hospital: Hospital, receiver: Receiver) -> None:
    subscription = await subscribed(hospital, receiver, "charge-captured")
    account = await hospital.account()
    for _ in range(2):
        await hospital.charge(account)
    await receiver.until(lambda: receiver.numbers == [1, 2])
    hangs, release = asyncio.Event(), asyncio.Event()

    async def hang(_: Received) -> int:
        hangs.set()
        await release.wait()
        return 200

    receiver.answer = hang
    await hospital.charge(account)
    await hangs.wait()
    await operate(hospital, "replay", subscription, 2)
    release.set()
    await receiver.until(lambda: receiver.numbers == [1, 2, 3, 2, 3])

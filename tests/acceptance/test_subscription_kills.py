"""Nothing is lost by a kill of the server, a dispatcher or PostgreSQL, while subscribers fail, hang and are slow.

The suite issues a few invoices. The long run, on an otherwise quiet machine, is
    BILLING_TEST_SUBSCRIPTION_INVOICES=10000 BILLING_TEST_SUBSCRIBERS=20 \\
        ./run test -n 0 -o faulthandler_timeout=7200 tests/acceptance/test_subscription_kills.py -k whatever
Then 32 invoices are issued at once, and something is killed every two to ten seconds.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Iterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.acceptance.server_process import ServerProcess, run
from tests.integration.fhir_server.test_subscription import BACKPORT, topic_subscription
from tests.integration.serving import Json, charge_item, draft_invoice
from tests.integration.subscriptions.receiver import Received, Receiver, receiving

INVOICES = int(os.environ.get("BILLING_TEST_SUBSCRIPTION_INVOICES", "40"))
SUBSCRIBERS = int(os.environ.get("BILLING_TEST_SUBSCRIBERS", "6"))
PATIENCE_SECONDS = 120 + INVOICES
AT_ONCE = 4 if INVOICES < 1000 else 32
KILLED_AFTER_SECONDS = (0.5, 2.0) if INVOICES < 1000 else (2.0, 10.0)
TENANT = "kills"


@pytest.fixture
def server(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ServerProcess]:
    monkeypatch.setenv("BILLING_SUBSCRIPTION_ALLOW", "127.0.0.0/8")
    monkeypatch.setenv("BILLING_SUBSCRIPTION_RETRY_SECONDS", "0.05")
    monkeypatch.setenv("BILLING_SUBSCRIPTION_RETRY_SECONDS_MAX", "0.5")
    monkeypatch.setenv("BILLING_SUBSCRIPTION_ATTEMPTS", "1000000")
    monkeypatch.setenv("BILLING_DISPATCHERS", "2")
    process = ServerProcess(data_dir)
    process.start()
    try:
        yield process
    finally:
        process.stop()


def token_of(server: ServerProcess) -> str:
    directory = ("--data-dir", str(server.data_dir))
    run("tenants", "add", TENANT, "--country", "AF", "--currency", "AFN", "--timezone", "Asia/Kabul", *directory)
    done = run("token", "--tenant", TENANT, "--scope", "system/*.cruds billing:*", *directory)
    return done.stdout.strip()


async def insist(http: httpx.AsyncClient, method: str, url: str, **content: Any) -> Json:
    """Ask until it is answered: what is asked can be asked twice (PUT with an id of our own, or a key)."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            with suppress(httpx.HTTPError):
                answer = await http.request(method, url, **content)
                if answer.status_code < 300:
                    decoded: Json = answer.json()
                    return decoded
                assert answer.status_code in {409, 503} or answer.status_code >= 500, answer.text
            await asyncio.sleep(0.05)


def behaviour(kind: int, chance: random.Random) -> Any:
    """How a subscriber answers: well, failing, slow, flapping; what it does not take, it is sent again."""

    async def slow(_: Received) -> int:
        await asyncio.sleep(0.05)
        return 200

    def failing(_: Received) -> int:
        return 200 if chance.random() < 0.5 else 500

    async def hanging(_: Received) -> int:
        if chance.random() < 0.05:
            await asyncio.sleep(2)
        return 200

    return (lambda _: 200, slow, failing, hanging)[kind % 4]


async def subscribers(stack: AsyncExitStack, http: httpx.AsyncClient) -> list[Receiver]:
    receivers = []
    for number in range(SUBSCRIBERS):
        receiver = await stack.enter_async_context(receiving())
        limits = [{"url": f"{BACKPORT}max-count", "valuePositiveInt": 1 + number * 3}]
        limits.append({"url": f"{BACKPORT}timeout", "valueUnsignedInt": 1})
        document = topic_subscription(endpoint=receiver.url, extension=limits)
        await insist(http, "PUT", f"Subscription/s{number}", json={**document, "id": f"s{number}"})
        receivers.append(receiver)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            active = (await http.get("Subscription?status=active&_summary=count")).json()["total"]
            if active == SUBSCRIBERS:
                break
            await asyncio.sleep(0.05)
    for number, receiver in enumerate(receivers):
        receiver.answer = behaviour(number, random.Random(number))
    return receivers


async def open_account(http: httpx.AsyncClient, account: str) -> None:
    document = {"resourceType": "Account", "id": account, "status": "active", "subject": [{"reference": "Patient/p1"}]}
    await insist(http, "PUT", f"Account/{account}", json=document)


async def issue(http: httpx.AsyncClient, account: str, number: int) -> None:
    charge, invoice = f"c{number}", f"i{number}"
    await insist(http, "PUT", f"ChargeItem/{charge}", json={**charge_item(f"Account/{account}"), "id": charge})
    draft = {**draft_invoice(f"Account/{account}", charge), "id": invoice}
    await insist(http, "PUT", f"Invoice/{invoice}", json=draft)
    await insist(http, "POST", f"Invoice/{invoice}/$issue", headers={"idempotency-key": f"issue-{number}"})


async def killing(server: ServerProcess, chance: random.Random, done: asyncio.Event) -> list[str]:
    kinds: list[str] = []
    while not done.is_set():
        with suppress(TimeoutError):
            async with asyncio.timeout(chance.uniform(*KILLED_AFTER_SECONDS)):
                await done.wait()
        kind = ("dispatcher", "postgres", "worker", "server")[len(kinds) % 4]
        kinds.append(kind)
        match kind:
            case "dispatcher":
                server.kill_dispatcher()
            case "worker":
                server.kill_worker()
            case "postgres":
                server.kill_postgres()
            case _:
                await asyncio.to_thread(server.kill)
                await asyncio.to_thread(server.start)
    return kinds


def first_seen(numbers: list[int]) -> list[int]:
    return list(dict.fromkeys(numbers))


async def until_all_have(receivers: list[Receiver], count: int) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        for receiver in receivers:
            async with receiver.changed:
                await receiver.changed.wait_for(lambda each=receiver: len(set(each.numbers)) >= count)  # type: ignore[misc]


async def test_every_subscriber_gets_every_event_in_order_whatever_is_killed(server: ServerProcess) -> None:
    headers = {"authorization": f"Bearer {token_of(server)}"}
    async with AsyncExitStack() as stack, httpx.AsyncClient(base_url=server.url, headers=headers, timeout=10) as http:
        await open_account(http, "a0")
        receivers = await subscribers(stack, http)
        done = asyncio.Event()
        killer = asyncio.create_task(killing(server, random.Random(1), done))

        async def cashier(lane: int) -> None:
            await open_account(http, f"a{lane}")
            for number in range(lane, INVOICES, AT_ONCE):
                await issue(http, f"a{lane}", number)

        await asyncio.gather(*(cashier(lane) for lane in range(AT_ONCE)))
        done.set()
        kinds = await killer
        assert len(kinds) >= 2
        await until_all_have(receivers, INVOICES)
        for receiver in receivers:
            numbers = receiver.numbers
            # Nothing is missing, nothing comes before what is before it; what comes again has the number it had.
            assert first_seen(numbers) == list(range(1, INVOICES + 1))
            focus: dict[int, str] = {}
            for told in receiver.received:
                if told.kind == "event-notification":
                    for number, entry in zip(told.numbers, told.document["entry"][1:], strict=True):
                        assert focus.setdefault(number, entry["fullUrl"]) == entry["fullUrl"]
            assert len(set(focus.values())) == INVOICES
    checked = await asyncio.to_thread(run, "check", "--data-dir", str(server.data_dir))
    assert checked.returncode == 0, checked.stdout


async def test_after_a_restore_everything_goes_on(server: ServerProcess, tmp_path: Path) -> None:
    headers = {"authorization": f"Bearer {token_of(server)}"}
    async with AsyncExitStack() as stack, httpx.AsyncClient(base_url=server.url, headers=headers, timeout=10) as http:
        await open_account(http, "a0")
        receivers = await subscribers(stack, http)
        for receiver in receivers:
            receiver.answer = lambda _: 503
        for number in range(3):
            await issue(http, "a0", number)
        dump = server.data_dir.with_name("dump")
        directory = ("--data-dir", str(server.data_dir))
        assert (await asyncio.to_thread(run, "backup", str(dump), *directory)).returncode == 0
        await asyncio.to_thread(server.stop)
        restored = await asyncio.to_thread(run, "restore", str(dump), "--force", *directory)
        assert restored.returncode == 0, restored.stderr
        for receiver in receivers:
            receiver.answer = lambda _: 200
        await asyncio.to_thread(server.start)
        await issue(http, "a0", 3)
        await until_all_have(receivers, 4)
        assert [first_seen(receiver.numbers) for receiver in receivers] == [[1, 2, 3, 4]] * SUBSCRIBERS

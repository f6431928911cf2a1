"""kill -9 of the server, of a worker and of PostgreSQL under load: nothing acknowledged is lost, nothing is doubled.

Clients repeat what was not answered with the same Idempotency-Key until it is. The suite kills a few times; for more:
BILLING_TEST_KILLS=200 ./run test tests/acceptance/test_kills.py
"""

from __future__ import annotations

import asyncio
import json
import os
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.acceptance import documents
from tests.acceptance.server_process import ServerProcess, run

KILLS = int(os.environ.get("BILLING_TEST_KILLS", "6"))
CLIENTS = 6
TENANT = "kabul"
PATIENT = "Patient/1"

Json = dict[str, Any]


@pytest.fixture
def server(data_dir: Path) -> Iterator[ServerProcess]:
    where = ("--data-dir", str(data_dir))
    added = run(*("tenants", "add", TENANT, "--country", "AF", "--currency", "AFN", "--timezone", "Asia/Kabul"), *where)
    assert added.returncode == 0, added.stderr
    started = ServerProcess(data_dir)
    started.start()
    yield started
    started.stop()
    print(started.log.read_text())  # pytest shows it where the test fails


@dataclass(slots=True)
class Client:
    """A cashier's desk with an account of its own: charges, an invoice of them, and a payment on it, again and again.

    What it was told is done it adds up; each request it repeats until it is answered.
    """

    http: httpx.AsyncClient
    name: str
    account_id: str = ""
    has_ended_a_round: asyncio.Event = field(default_factory=asyncio.Event)
    charges: list[str] = field(default_factory=list)
    charged: int = 0
    billed: int = 0
    paid: int = 0
    acknowledged: list[tuple[str, Json, str, Json]] = field(default_factory=list)
    repeated: Counter[str] = field(default_factory=Counter)

    async def work(self, has_ended: asyncio.Event) -> None:
        account = await self.once("Account", documents.account(PATIENT, "AFN"))
        self.account_id = account["id"]
        while not has_ended.is_set():
            await self.bill_and_pay()
            self.has_ended_a_round.set()

    async def bill_and_pay(self) -> None:
        amounts = [random.randrange(1, 1000) for _ in range(3)]
        charges = [await self.capture(amount) for amount in amounts]
        bundle = await self.once("", _transaction(self.account_id, [7, 8]))
        self.charges += [entry["resource"]["id"] for entry in bundle["entry"]]
        self.charged += 15
        lines = [documents.line(charge_id) for charge_id in charges[:2]]
        invoice = await self.once("Invoice", documents.invoice(lines, status="issued", account_id=self.account_id))
        total = sum(amounts[:2])
        self.billed += total
        amount = random.randrange(1, total + 1)
        parameters = {
            "resourceType": "Parameters",
            "parameter": [
                {"name": "amount", "valueMoney": documents.money(amount, "AFN")},
                {"name": "method", "valueCode": "mobile-money"},
            ],
        }
        await self.once(f"Invoice/{invoice['id']}/$post-payment", parameters)
        self.paid += amount

    async def capture(self, amount: int) -> str:
        document = documents.charge(PATIENT, account_id=self.account_id, price=(amount, "AFN"))
        charge = await self.once("ChargeItem", document)
        self.charges.append(charge["id"])
        self.charged += amount
        return str(charge["id"])

    async def once(self, url: str, document: Json) -> Json:
        """Have it done once: repeated with its key until somebody says that it is done."""
        key = f"{self.name}-{len(self.acknowledged)}"
        answer = await self.answer(url, document, key)
        body: Json = json.loads(answer.content)
        self.acknowledged.append((url, document, key, body))
        return body

    async def answer(self, url: str, document: Json, key: str) -> httpx.Response:
        content = json.dumps(document, default=str)
        headers = {"Idempotency-Key": key, "Content-Type": "application/fhir+json", "Prefer": "return=representation"}
        while True:
            try:
                answer = await self.http.post(url, content=_with_numbers(content), headers=headers)
            except httpx.TransportError as error:
                self.repeated[type(error).__name__] += 1
            else:
                if answer.status_code in (200, 201):
                    return answer
                # 503: PostgreSQL is being started again. In flight: the kill has not reached the first one yet.
                assert answer.status_code == 503 or "IDEMPOTENCY_IN_FLIGHT" in answer.text, answer.text
                self.repeated[str(answer.status_code)] += 1
            await asyncio.sleep(0.1)

    async def prove(self) -> None:
        """What was acknowledged is there, once: the account has the sums, and each request has the answer it had."""
        answer = await self.http.get(f"Account/{self.account_id}/$balance")
        amounts = {
            part["name"]: int(100 * part["valueMoney"]["value"])
            for part in json.loads(answer.content, parse_float=Decimal)["parameter"]
            if "valueMoney" in part
        }
        assert amounts["unbilled"] == self.charged - self.billed
        assert amounts["billed-patient"] == self.billed - self.paid
        assert amounts["unapplied"] == 0
        found = await self.http.get("ChargeItem", params={"account": self.account_id, "_total": "accurate"})
        assert found.json()["total"] == len(self.charges) == len(set(self.charges))
        for url, document, key, body in random.sample(self.acknowledged, min(30, len(self.acknowledged))):
            again = await self.answer(url, document, key)
            assert again.headers["Idempotency-Replayed"] == "true"
            assert json.loads(again.content) == body


def _transaction(account_id: str, amounts: list[int]) -> Json:
    charges = [documents.charge(PATIENT, account_id=account_id, price=(amount, "AFN")) for amount in amounts]
    entries = [{"resource": each, "request": {"method": "POST", "url": "ChargeItem"}} for each in charges]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def _with_numbers(content: str) -> bytes:
    """Decimals were written as text, for the JSON module has none that keeps zeros: take the quotes off."""
    return documents.QUOTED_VALUE.sub(r'"value": \1', content).encode()


async def test_kills_under_load_lose_nothing_and_double_nothing(server: ServerProcess) -> None:
    token = run("token", "--tenant", TENANT, "--scope", "system/*.cruds billing:*", "--data-dir", str(server.data_dir))
    headers = {"Authorization": f"Bearer {token.stdout.strip()}"}
    has_ended = asyncio.Event()
    kills = Counter[str]()
    async with httpx.AsyncClient(base_url=server.url, headers=headers, timeout=30) as http:
        clients = [Client(http, f"desk-{number}") for number in range(CLIENTS)]
        async with asyncio.TaskGroup() as group:
            for client in clients:
                group.create_task(client.work(has_ended))
            for number in range(KILLS):
                await _everybody_works(clients)
                await asyncio.sleep(random.random())
                victim = ("worker", "PostgreSQL", "server")[number % 3]
                await asyncio.to_thread(_kill, server, victim)
                kills[victim] += 1
            await _everybody_works(clients)
            has_ended.set()
        for client in clients:
            await client.prove()
    requests = sum(len(client.acknowledged) for client in clients)
    repeated = sum((client.repeated for client in clients), Counter[str]())
    print(f"{dict(kills)} killed, {requests} requests acknowledged, repeated after {dict(repeated)}")
    server.stop()
    checked = run("check", "--data-dir", str(server.data_dir))
    assert checked.returncode == 0, checked.stdout + checked.stderr


async def _everybody_works(clients: list[Client]) -> None:
    """Wait until each client has come to the end of a round."""
    for client in clients:
        client.has_ended_a_round.clear()
    async with asyncio.timeout(120):
        for client in clients:
            await client.has_ended_a_round.wait()


def _kill(server: ServerProcess, victim: str) -> None:
    if victim == "worker":
        server.kill_worker()
    elif victim == "PostgreSQL":
        server.kill_postgres()
    else:
        server.kill()
        server.start()

"""`/gateway-payments` against a real gateway that may do anything badly: never charged twice, never lost."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import pytest_asyncio
from psycopg import sql

from billing.check_ledger import check_ledger
from fhir_server.gateway_client import gateway_of
from fhir_server.gateway_resolution import resolve_all
from storage.pipeline import Statement
from storage.transaction import Database
from tests.database_server import DatabaseAccess
from tests.integration.payment_gateway import SECRET, TestGateway, Trouble, gateway
from tests.integration.rest_client import amount, post, problem_codes, rest_client
from tests.integration.serving import Hospital, Json, Server, body, hospital_of, serving

TOKEN = "tok_of-a-card-1"


@dataclass
class Desk:
    """A cashier of a hospital that has a gateway."""

    hospital: Hospital
    rest: httpx.AsyncClient
    gateway: TestGateway

    async def ask(self, account: Json, key: str = "k", minor_units: int = 5000, **more: object) -> httpx.Response:
        wanted = {"account": f"Account/{account['id']}", "amount": amount(minor_units), "method": "card"}
        return await post(self.rest, "gateway-payments", {**wanted, "token": TOKEN, **more}, key=key)

    async def payments(self, account: Json) -> list[Json]:
        found: list[Json] = body(await self.rest.get(f"payments?account=Account/{account['id']}"))["items"]
        return found

    async def asked(self) -> Json:
        """The one that was asked for."""
        (one,) = body(await self.rest.get("gateway-payments"))["items"]
        return dict(one)

    async def resolve_all(self, settled_after: timedelta = timedelta(0)) -> None:
        """What every server does at each interval."""
        server = self.hospital.server
        database, client = Database(server.access.app), gateway_of(server.settings)
        assert client is not None
        await database.open()
        try:
            await resolve_all(database, client, self.hospital.tenant_id, "http://x/fhir", settled_after)
        finally:
            await client.close()
            await database.close()

    async def is_right(self, account: Json, paid: int) -> None:
        """What the gateway took is posted, all of it once, and the books are sound."""
        assert sum(self.gateway.charged.values()) == len(await self.payments(account))
        assert sum(payment["amount"]["minor_units"] for payment in await self.payments(account)) == paid
        auditor = Database(self.hospital.server.access.audit)
        await auditor.open()
        try:
            assert await check_ledger(auditor, [self.hospital.tenant_id]) == []
        finally:
            await auditor.close()


@pytest_asyncio.fixture
async def desk(database: DatabaseAccess, tmp_path: Path) -> AsyncIterator[Desk]:
    secret = tmp_path / "secret"
    secret.write_text(f"{SECRET}\n")
    async with gateway() as double:
        settings = {"gateway_url": double.url, "gateway_secret_file": secret, "gateway_timeout_seconds": 1.5}
        async with (
            serving(database, tmp_path / "data", **settings) as server,
            hospital_of(server) as hospital,
            rest_client(server, hospital.tenant_id) as rest,
        ):
            yield Desk(hospital, rest, double)


async def test_what_is_captured_pays_the_invoice(desk: Desk) -> None:
    account, invoice = await desk.hospital.issued(100)
    answer = await desk.ask(account, minor_units=12000, invoices=[f"Invoice/{invoice['id']}"])
    assert answer.status_code == 201, answer.text
    asked = body(answer)
    assert answer.headers["location"] == f"/api/v1/billing/gateway-payments/{asked['id']}"
    assert asked["status"] == "captured"
    (payment,) = await desk.payments(account)
    assert asked["payment"] == payment["reference"]
    assert (payment["method"], payment["payment_reference"]) == ("card", f"gw-{asked['id']}")
    assert payment["allocations"] == [{"invoice": f"Invoice/{invoice['id']}", "amount": amount(10000)}]
    assert body(await desk.rest.get(f"gateway-payments/{asked['id']}")) == asked
    assert desk.gateway.bodies == [
        {"id": asked["id"], "token": TOKEN, "method": "card", "amount": amount(12000)},
    ]
    await desk.is_right(account, 12000)


async def test_a_repetition_charges_nothing_more(desk: Desk) -> None:
    account = await desk.hospital.account()
    first, again = await desk.ask(account), await desk.ask(account)
    assert (first.content, again.headers["idempotency-replayed"]) == (again.content, "true")
    other = await desk.ask(account, minor_units=1)
    assert (other.status_code, problem_codes(other)) == (409, ["IDEMPOTENCY_CONFLICT"])
    assert len(desk.gateway.bodies) == 1
    await desk.is_right(account, 5000)


async def test_what_is_declined_is_refused_and_kept_and_a_new_key_may_try_again(desk: Desk) -> None:
    account = await desk.hospital.account()
    desk.gateway.trouble = "declines"
    for _ in range(2):
        answer = await desk.ask(account)
        assert (answer.status_code, problem_codes(answer)) == (422, ["payment-declined"])
    asked = await desk.asked()
    assert (asked["status"], asked["reason"]) == ("declined", "no-funds")
    desk.gateway.trouble = ""
    assert (await desk.ask(account, key="another")).status_code == 201
    await desk.is_right(account, 5000)


@pytest.mark.parametrize("trouble", ["silent-after", "fails-after", "nonsense"])
@pytest.mark.parametrize("by", ["route", "interval", "repetition"])
async def test_what_was_charged_unheard_is_posted_once_when_it_is_asked_for(
    desk: Desk, trouble: Trouble, by: str
) -> None:
    account = await desk.hospital.account()
    desk.gateway.trouble = trouble
    answer = await desk.ask(account)
    assert (answer.status_code, body(answer)["status"]) == (202, "unknown")
    assert await desk.payments(account) == []
    desk.gateway.trouble = ""
    if by == "route":
        answer = await desk.rest.post(f"gateway-payments/{body(answer)['id']}/resolve")
        assert (answer.status_code, body(answer)["status"]) == (200, "captured")
    elif by == "interval":
        await desk.resolve_all()
    else:
        assert (await desk.ask(account)).status_code == 201
    await desk.resolve_all()
    await desk.is_right(account, 5000)


async def test_a_server_resolves_by_itself_at_each_interval(database: DatabaseAccess, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(SECRET)
    async with gateway() as double:
        settings = {"gateway_url": double.url, "gateway_secret_file": secret, "gateway_timeout_seconds": 1.5}
        settings |= {
            "gateway_interval_seconds": 0.3,
            "worker_database_url": database.worker,
            "seal_interval_seconds": 0,
        }
        async with (
            serving(database, tmp_path / "data", **settings) as server,
            hospital_of(server) as hospital,
            rest_client(server, hospital.tenant_id) as rest,
        ):
            desk, account = Desk(hospital, rest, double), await hospital.account()
            double.trouble = "fails-after"
            assert (await desk.ask(account)).status_code == 202
            async with asyncio.timeout(30):
                while (asked := await desk.asked())["status"] == "unknown":  # noqa: ASYNC110 - it is another task
                    await asyncio.sleep(0.1)
            assert (asked["status"], asked["resolved_by"]) == ("captured", "gateway")
            await desk.is_right(account, 5000)


async def test_what_the_gateway_never_heard_of_is_cancelled_there_and_cannot_be_charged_late(desk: Desk) -> None:
    account = await desk.hospital.account()
    desk.gateway.trouble = "fails-before"
    answer = await desk.ask(account)
    assert answer.status_code == 202
    await desk.resolve_all(timedelta(hours=1))
    resolved = await desk.rest.post(f"gateway-payments/{body(answer)['id']}/resolve")
    assert body(resolved)["status"] == "unknown", "the request may be on its way still"
    desk.gateway.trouble = ""
    await desk.resolve_all()
    assert (await desk.asked())["status"] == "cancelled"
    again = await desk.ask(account)
    assert (again.status_code, problem_codes(again)) == (409, ["payment-cancelled"])
    assert desk.gateway.payments[body(answer)["id"]]["status"] == "cancelled"
    await desk.is_right(account, 0)


async def test_what_is_pending_or_of_another_amount_is_not_posted(desk: Desk) -> None:
    account = await desk.hospital.account()
    for number, trouble in enumerate(("pending", "other-amount")):
        desk.gateway.trouble = trouble  # type: ignore[assignment]
        answer = await desk.ask(account, key=f"{number}")
        assert (answer.status_code, body(answer)["status"]) == (202, "unknown")
    await desk.resolve_all()
    assert await desk.payments(account) == []


async def test_many_that_resolve_at_once_post_one_payment(desk: Desk) -> None:
    account = await desk.hospital.account()
    desk.gateway.trouble = "fails-after"
    id_ = body(await desk.ask(account))["id"]
    desk.gateway.trouble = ""
    answers = await asyncio.gather(
        *(desk.rest.post(f"gateway-payments/{id_}/resolve") for _ in range(6)),
        *(desk.ask(account) for _ in range(3)),
        *(desk.resolve_all() for _ in range(2)),
    )
    assert {answer.status_code for answer in answers if answer is not None} <= {200, 201}
    await desk.is_right(account, 5000)


class Kill:
    """Loses the connection after so many statements of transactions."""

    def __init__(self, after: int) -> None:
        self._left = after
        self.is_dead = False

    async def __call__(self, statements: Sequence[tuple[Statement, Sequence[Any]]]) -> int | None:
        left, self._left = self._left, self._left - len(statements)
        if self.is_dead or left > len(statements):
            return None
        self.is_dead = True
        return left


async def test_a_kill_after_any_statement_loses_nothing_and_doubles_nothing(desk: Desk) -> None:
    account, database = await desk.hospital.account(), desk.hospital.server.app.state.access_log._database
    after, paid, cancelled, died = 0, 0, 0, True
    while died:
        # What it has gathered is not to be written in the meantime, and die in the payment's place.
        await desk.hospital.server.app.state.access_log.flush()
        kill = database.failpoint = Kill(after)
        answer = await desk.ask(account, key=f"kill-{after}")
        database.failpoint, died = None, kill.is_dead
        assert (answer.status_code == 503) == died
        await desk.resolve_all()
        again = (await desk.ask(account, key=f"kill-{after}")).status_code
        # Killed between the commit and the gateway, it was cancelled there.
        assert again == 201 or (again, "cancelled") == (409, list(desk.gateway.payments.values())[-1]["status"])
        paid += 5000 * (again == 201)
        cancelled += again == 409
        after += 1
    assert (after > 10, cancelled) == (True, 1)
    await desk.is_right(account, paid)


async def test_an_invoice_that_was_paid_meanwhile_does_not_hold_up_the_money(desk: Desk) -> None:
    account, invoice = await desk.hospital.issued(50)
    desk.gateway.trouble = "fails-after"
    id_ = body(await desk.ask(account, invoices=[f"Invoice/{invoice['id']}"]))["id"]
    desk.gateway.trouble = ""
    wanted = {"account": f"Account/{account['id']}", "amount": amount(5000), "method": "cash"}
    assert (await post(desk.rest, "payments", wanted)).status_code == 201
    assert body(await desk.rest.post(f"gateway-payments/{id_}/resolve"))["status"] == "captured"
    paid = {payment["method"]: payment["unapplied"]["minor_units"] for payment in await desk.payments(account)}
    assert paid == {"cash": 0, "card": 5000}


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"token": "4111111111111111"}, 422, "pan-detected"),
        ({"token": "short"}, 400, "pattern"),
        ({"method": "cash"}, 400, "value"),
        ({"payer": "Practitioner/1"}, 400, "pattern"),
        ({"amount": amount(5000, "AED")}, 422, "currency-mismatch"),
        ({"invoices": ["Invoice/none"]}, 422, "reference-not-found"),
    ],
)
async def test_what_cannot_be_posted_is_not_charged(desk: Desk, changed: Json, status: int, code: str) -> None:
    answer = await desk.ask(await desk.hospital.account(), **changed)
    assert answer.status_code == status, answer.text
    if status != 400:
        assert problem_codes(answer) == [code]
    assert desk.gateway.bodies == []
    assert body(await desk.rest.get("gateway-payments"))["items"] == []


async def test_nobody_takes_the_id_that_a_payment_is_going_to_have(desk: Desk) -> None:
    account = await desk.hospital.account()
    desk.gateway.trouble = "fails-after"
    id_ = body(await desk.ask(account))["id"]
    desk.gateway.trouble = ""
    taken = {
        "resourceType": "PaymentReconciliation",
        "id": id_,
        "status": "draft",
        "created": "2026-01-01",
        "paymentDate": "2026-01-01",
        "paymentAmount": {"value": 1, "currency": "AFN"},
    }
    answer = await desk.hospital.http.put(f"PaymentReconciliation/{id_}", json=taken)
    assert (answer.status_code, answer.json()["issue"][0]["details"]["coding"][0]["code"]) == (409, "already-exists")
    assert body(await desk.rest.post(f"gateway-payments/{id_}/resolve"))["status"] == "captured"
    await desk.is_right(account, 5000)


async def test_an_account_that_money_may_still_come_to_is_no_error_and_stays(desk: Desk) -> None:
    account = await desk.hospital.account()
    desk.gateway.trouble = "fails-after"
    id_ = body(await desk.ask(account))["id"]
    url, wrong = f"Account/{account['id']}", {**account, "status": "entered-in-error"}
    refused = [await desk.hospital.http.put(url, json=wrong), await desk.hospital.http.delete(url)]
    codes = [answer.json()["issue"][0]["details"]["coding"][0]["code"] for answer in refused]
    assert ([answer.status_code for answer in refused], codes) == (
        [409, 409],
        ["gateway-payment-unresolved", "still-referenced"],
    )
    desk.gateway.trouble = ""
    assert body(await desk.rest.post(f"gateway-payments/{id_}/resolve"))["status"] == "captured"
    await desk.is_right(account, 5000)


async def test_an_account_that_is_not_there_is_not_charged(desk: Desk) -> None:
    answer = await desk.ask({"id": "none"})
    assert (answer.status_code, problem_codes(answer), desk.gateway.bodies) == (404, ["not-found"], [])


async def test_no_token_is_kept_or_logged(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    account = await desk.hospital.account()
    await desk.ask(account)
    desk.gateway.trouble = "fails-after"
    await desk.ask(account, key="another")
    assert TOKEN not in caplog.text
    with psycopg.connect(desk.hospital.server.access.superuser) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'billing'").fetchall()
        for (table,) in tables:
            found = connection.execute(
                sql.SQL("SELECT count(*) FROM billing.{} AS t WHERE t::text LIKE %s").format(sql.Identifier(table)),
                [f"%{TOKEN}%"],
            ).fetchone()
            assert found == (0,), table


async def test_another_tenant_sees_none_of_it(desk: Desk) -> None:
    id_ = body(await desk.ask(await desk.hospital.account()))["id"]
    server = desk.hospital.server
    async with rest_client(server, await server.add_tenant()) as other:
        assert body(await other.get("gateway-payments"))["items"] == []
        for answer in (
            await other.get(f"gateway-payments/{id_}"),
            await other.post(f"gateway-payments/{id_}/resolve"),
        ):
            assert (answer.status_code, problem_codes(answer)) == (404, ["not-found"])


async def test_a_server_without_a_gateway_says_so(server: Server, hospital: Hospital) -> None:
    wanted = {"account": "Account/1", "amount": amount(1), "method": "card", "token": TOKEN}
    async with rest_client(server, hospital.tenant_id) as rest:
        answer = await post(rest, "gateway-payments", wanted)
        assert (answer.status_code, problem_codes(answer)) == (422, ["gateway-not-configured"])

"""Codes validated by a terminology server: asked outside of transactions, remembered, and what happens without it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest
import pytest_asyncio
from aiohttp import web

from fhir_server.terminology_server import REST_SECONDS, TerminologyServer
from tests.database_server import DatabaseAccess
from tests.integration.serving import (
    Json,
    Server,
    body,
    charge_item,
    codes_of,
    expressions_of,
    hospital_of,
    row_counts,
    serving,
)
from tests.integration.terminology import TerminologyStub, terminology_stub

SYSTEM = "http://example.org/tariff"
GOOD, OTHER = (SYSTEM, "consultation"), (SYSTEM, "x-ray")
CLOSED = {"code_validation": "server", "code_validation_failure": "closed"}
OPEN = {"code_validation": "server"}


@pytest_asyncio.fixture
async def stub() -> AsyncIterator[TerminologyStub]:
    async with terminology_stub() as running:
        running.valid = {GOOD, OTHER}
        yield running


@pytest_asyncio.fixture
async def asking(stub: TerminologyStub, database: DatabaseAccess, tmp_path: Path) -> AsyncIterator[Server]:
    """A server that asks the stub, and remembers what it was told."""
    async with serving(database, tmp_path, terminology_url=stub.url, terminology_timeout_seconds=1) as server:
        yield server


def coded(account: Json, *codes: str) -> Json:
    codings = [{"system": SYSTEM, "code": each} for each in codes or ("consultation",)]
    return charge_item(f"Account/{account['id']}", code={"coding": codings})


def bundle_of(*resources: Json) -> Json:
    entries = [{"resource": each, "request": {"method": "POST", "url": each["resourceType"]}} for each in resources]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


async def test_a_code_that_the_server_knows_is_asked_for_once(asking: Server, stub: TerminologyStub) -> None:
    async with hospital_of(asking, settings=CLOSED) as hospital:
        account = await hospital.account()
        for _ in range(3):
            await hospital.create(coded(account))
    assert [(each["system"], each["code"]) for each in stub.asked] == [GOOD]
    assert stub.asked[0]["valueSet"]["compose"] == {"include": [{"system": SYSTEM}]}


async def test_a_code_that_it_does_not_know_is_refused_with_its_place(asking: Server, stub: TerminologyStub) -> None:
    async with hospital_of(asking, settings=CLOSED) as hospital:
        account = await hospital.account()
        before = row_counts(asking.access)
        answer = await hospital.http.post("ChargeItem", json=coded(account, "consultation", "none"))
        assert answer.status_code == 422, answer.text
        assert codes_of(body(answer)) == ["code-unknown"]
        assert expressions_of(body(answer)) == ["ChargeItem.code.coding[1]"]
        assert row_counts(asking.access) == before
    assert len(stub.asked) == 2


async def test_no_transaction_is_open_while_the_server_is_asked(asking: Server, stub: TerminologyStub) -> None:
    open_transactions: list[int] = []

    def count() -> None:
        with psycopg.connect(asking.access.superuser, autocommit=True) as connection:
            row = connection.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                " AND pid <> pg_backend_pid() AND state LIKE 'idle in transaction%'"
            ).fetchone()
        assert row is not None
        open_transactions.append(row[0])

    stub.meanwhile = count
    async with hospital_of(asking, settings=CLOSED) as hospital:
        account = await hospital.account()
        charge = await hospital.create(coded(account))
        changed = {**charge, "code": {"coding": [{"system": SYSTEM, "code": "x-ray"}]}}
        assert (await hospital.http.put(f"ChargeItem/{charge['id']}", json=changed)).status_code == 200
    assert open_transactions == [0, 0]


async def test_a_bundle_is_looked_up_at_once_and_kept_whole(asking: Server, stub: TerminologyStub) -> None:
    async with hospital_of(asking, settings=CLOSED) as hospital:
        account = await hospital.account()
        stub.valid |= {(SYSTEM, f"c{number}") for number in range(30)}
        charges = [coded(account, f"c{number}") for number in range(30)]
        answer = await hospital.http.post("", json=bundle_of(*charges, *charges[:5]))
        assert answer.status_code == 200, answer.text
        assert len(stub.asked) == 30
        before = row_counts(asking.access)
        answer = await hospital.http.post("", json=bundle_of(coded(account), coded(account, "none")))
        assert (answer.status_code, codes_of(body(answer))) == (422, ["code-unknown"])
        assert expressions_of(body(answer)) == ["Bundle.entry[1].resource.code.coding[0]"]
        assert row_counts(asking.access) == before


async def test_more_patches_with_new_codes_than_there_are_attempts_are_carried_out(
    asking: Server, stub: TerminologyStub
) -> None:
    async with hospital_of(asking, settings=CLOSED) as hospital:
        account = await hospital.account()
        charges = [await hospital.create(coded(account)) for _ in range(10)]
        stub.valid |= {(SYSTEM, f"p{number}") for number in range(10)}
        entries = [
            {
                "resource": {
                    "resourceType": "Parameters",
                    "parameter": [
                        {
                            "name": "operation",
                            "part": [
                                {"name": "type", "valueCode": "replace"},
                                {"name": "path", "valueString": "ChargeItem.code.coding[0].code"},
                                {"name": "value", "valueCode": f"p{number}"},
                            ],
                        }
                    ],
                },
                "request": {"method": "PATCH", "url": f"ChargeItem/{charge['id']}"},
            }
            for number, charge in enumerate(charges)
        ]
        answer = await hospital.http.post("", json={"resourceType": "Bundle", "type": "transaction", "entry": entries})
        assert answer.status_code == 200, answer.text
        shown = await hospital.read(f"ChargeItem/{charges[9]['id']}")
        assert shown["code"]["coding"][0]["code"] == "p9"


def failing(status: int) -> web.Response:
    return web.json_response({"resourceType": "OperationOutcome"}, status=status)


SILENT = {
    "fails": lambda: failing(500),
    "does not know the value set": lambda: failing(404),
    "answers no JSON": lambda: web.Response(text="<html>"),
    "answers without a result": lambda: web.json_response({"resourceType": "Parameters"}),
    "answers no boolean": lambda: web.json_response({"parameter": [{"name": "result", "valueBoolean": "true"}]}),
    "sends elsewhere": lambda: web.Response(status=302, headers={"location": "/fhir/other"}),
    "is slow": lambda: asyncio.sleep(3),
}


@pytest.mark.parametrize("how", SILENT)
async def test_where_it_does_not_answer_the_tenant_has_said_what_then(
    asking: Server, stub: TerminologyStub, how: str
) -> None:
    stub.meanwhile = SILENT[how]
    async with hospital_of(asking, settings=CLOSED) as closed, hospital_of(asking, settings=OPEN) as hospital:
        account = await closed.account()
        before = row_counts(asking.access)
        answer = await closed.http.post("ChargeItem", json=coded(account))
        assert (answer.status_code, codes_of(body(answer))) == (503, ["terminology-unavailable"])
        assert int(answer.headers["retry-after"]) > 0
        assert row_counts(asking.access) == before
        charge = await hospital.create(coded(await hospital.account()))
        assert charge["status"] == "billable"
    # The second one did not wait for it again.
    assert len(stub.asked) == 1


async def test_without_a_server_it_does_not_answer(server: Server) -> None:
    async with hospital_of(server, settings=CLOSED) as closed, hospital_of(server, settings=OPEN) as hospital:
        answer = await closed.http.post("ChargeItem", json=coded(await closed.account()))
        assert (answer.status_code, codes_of(body(answer))) == (503, ["terminology-unavailable"])
        await hospital.create(coded(await hospital.account()))


async def test_the_value_set_of_the_tenant_is_asked(asking: Server, stub: TerminologyStub) -> None:
    async with hospital_of(asking, settings={**CLOSED, "code_value_set": "https://example.org/billable"}) as hospital:
        await hospital.create(coded(await hospital.account()))
    assert stub.asked[0]["url"] == "https://example.org/billable"


async def test_validate_says_what_a_create_would(asking: Server) -> None:
    async with hospital_of(asking, settings=CLOSED) as one:
        account = await one.account()
        parameters = {
            "resourceType": "Parameters",
            "parameter": [
                {"name": "mode", "valueCode": "create"},
                {"name": "resource", "resource": coded(account, "none")},
            ],
        }
        answer = await one.http.post("ChargeItem/$validate", json=parameters)
        assert codes_of(body(answer)) == ["code-unknown"]


async def test_what_it_said_is_forgotten_after_a_while_and_a_refusal_sooner(stub: TerminologyStub) -> None:
    now = [0.0]
    server = TerminologyServer(stub.url, timeout_seconds=5, kept_seconds=600, clock=lambda: now[0])
    bad = (SYSTEM, "none")
    try:
        assert await server.look_up("", [GOOD, bad]) == {GOOD: True, bad: False}
        assert server.known("", [GOOD, bad]) == {GOOD: True, bad: False}
        assert server.known("https://example.org/other", [GOOD]) == {}
        now[0] = 61
        assert server.known("", [GOOD, bad]) == {GOOD: True}
        now[0] = 601
        assert server.known("", [GOOD, bad]) == {}
    finally:
        await server.close()


async def test_it_is_asked_again_when_it_has_rested(stub: TerminologyStub) -> None:
    now = [0.0]
    server = TerminologyServer(stub.url, timeout_seconds=5, kept_seconds=600, clock=lambda: now[0])
    stub.meanwhile = lambda: failing(500)
    try:
        assert await server.look_up("", [GOOD]) == {GOOD: None}
        stub.meanwhile = lambda: None
        assert await server.look_up("", [GOOD]) == {GOOD: None}
        now[0] = REST_SECONDS + 1
        assert await server.look_up("", [GOOD]) == {GOOD: True}
    finally:
        await server.close()


async def test_it_keeps_no_more_than_it_may(stub: TerminologyStub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fhir_server.terminology_server.KEPT_MAX", 2)
    server = TerminologyServer(stub.url, timeout_seconds=5, kept_seconds=600)
    third = (SYSTEM, "third")
    try:
        for coding in (GOOD, OTHER, third):
            await server.look_up("", [coding])
        assert server.known("", [GOOD, OTHER, third]) == {OTHER: True, third: False}
    finally:
        await server.close()

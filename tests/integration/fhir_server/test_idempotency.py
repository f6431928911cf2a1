"""Idempotency-Key: carried out once, answered the same each time."""

from __future__ import annotations

import asyncio
import json

import pytest

from storage import idempotency_keys
from storage.transaction import Database
from tests.integration.serving import PATIENT, Hospital, Server, body, code, codes_of, money, row_counts

ACCOUNT = {"resourceType": "Account", "status": "active", "subject": [PATIENT]}


async def test_a_payment_without_a_key_is_refused(hospital: Hospital) -> None:
    account, invoice = await hospital.issued()
    sent = {"resourceType": "Parameters", "parameter": [money("amount", 1), code("method", "cash")]}
    for url in (f"Invoice/{invoice['id']}/$post-payment", f"Account/{account['id']}/$post-payment"):
        answer = await hospital.http.post(url, json=sent)
        assert (answer.status_code, codes_of(body(answer))) == (400, ["idempotency-key-required"])


async def test_a_payment_that_is_repeated_is_made_once_and_answered_the_same(hospital: Hospital) -> None:
    _, invoice = await hospital.issued()
    url = f"Invoice/{invoice['id']}/$post-payment"
    parameters = [money("amount", 60), code("method", "cash")]
    first = await hospital.operate(url, *parameters, key="pay-1")
    counts = row_counts(hospital.server.access)
    second = await hospital.operate(url, *parameters, key="pay-1")
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.content == second.content
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    assert row_counts(hospital.server.access) == counts


async def test_the_same_content_written_otherwise_is_the_same_request(hospital: Hospital) -> None:
    _, invoice = await hospital.issued()
    url = f"Invoice/{invoice['id']}/$post-payment"
    sent = {"resourceType": "Parameters", "parameter": [money("amount", 60), code("method", "cash")]}
    headers = {"idempotency-key": "pay-1", "content-type": "application/fhir+json"}
    first = await hospital.http.post(url, content=json.dumps(sent), headers=headers)
    second = await hospital.http.post(url, content=json.dumps(sent, indent=3, sort_keys=True), headers=headers)
    assert first.content == second.content


async def test_another_request_under_the_key_is_409(hospital: Hospital) -> None:
    account, invoice = await hospital.issued()
    draft = await hospital.draft(account, await hospital.charge(account))
    other = body(await hospital.operate(f"Invoice/{draft['id']}/$issue"))
    parameters = [money("amount", 60), code("method", "cash")]
    await hospital.operate(f"Invoice/{invoice['id']}/$post-payment", *parameters, key="pay-1")
    for url, amount in ((f"Invoice/{invoice['id']}", 61), (f"Invoice/{other['id']}", 60)):
        answer = await hospital.operate(
            f"{url}/$post-payment", money("amount", amount), code("method", "cash"), key="pay-1"
        )
        assert (answer.status_code, codes_of(body(answer))) == (409, ["IDEMPOTENCY_CONFLICT"])


async def test_a_refusal_is_not_remembered(hospital: Hospital) -> None:
    _, invoice = await hospital.issued()
    url = f"Invoice/{invoice['id']}/$post-payment"
    wrong = await hospital.operate(url, money("amount", 60, "USD"), code("method", "cash"), key="pay-1")
    assert wrong.status_code == 422
    mended = await hospital.operate(url, money("amount", 60), code("method", "cash"), key="pay-1")
    assert mended.status_code == 200


async def test_the_key_belongs_to_the_client_and_the_operation(server: Server, hospital: Hospital) -> None:
    account, invoice = await hospital.issued()
    parameters = [money("amount", 10), code("method", "cash")]
    sent = {"resourceType": "Parameters", "parameter": parameters}
    first = await hospital.operate(f"Invoice/{invoice['id']}/$post-payment", *parameters, key="pay-1")
    second = await hospital.operate(f"Account/{account['id']}/$post-payment", *parameters, key="pay-1")
    async with server.client(server.token(hospital.tenant_id, subject="another")) as http:
        third = await http.post(
            f"Invoice/{invoice['id']}/$post-payment", json=sent, headers={"idempotency-key": "pay-1"}
        )
    ids = {body(answer)["parameter"][0]["resource"]["id"] for answer in (first, second, third)}
    assert len(ids) == 3


async def test_a_create_is_repeated_with_its_headers(hospital: Hospital) -> None:
    headers = {"idempotency-key": "open-1"}
    first = await hospital.http.post("Account", json=ACCOUNT, headers=headers)
    second = await hospital.http.post("Account", json=ACCOUNT, headers=headers)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.content == second.content
    for name in ("location", "etag", "last-modified"):
        assert first.headers[name] == second.headers[name]
    minimal = await hospital.http.post("Account", json=ACCOUNT, headers=headers | {"prefer": "return=minimal"})
    assert minimal.content == b""


async def test_an_issue_is_repeated_with_the_invoice_as_it_was_then(hospital: Hospital) -> None:
    account = await hospital.account()
    draft = await hospital.draft(account, await hospital.charge(account))
    url = f"Invoice/{draft['id']}"
    first = await hospital.operate(f"{url}/$issue", key="issue-1")
    await hospital.operate(f"{url}/$post-payment", money("amount", 100), code("method", "cash"))
    second = await hospital.operate(f"{url}/$issue", key="issue-1")
    assert (second.status_code, second.content) == (200, first.content)
    assert second.headers["etag"] == first.headers["etag"]


@pytest.mark.parametrize("key", ["", "x" * 256, "tab\there", "caf\xe9"])
async def test_a_key_that_is_none_is_refused(hospital: Hospital, key: str) -> None:
    answer = await hospital.http.post("Account", json=ACCOUNT, headers=[(b"idempotency-key", key.encode("latin-1"))])
    assert (answer.status_code, codes_of(body(answer))) == (400, ["idempotency-key-invalid"])


async def test_two_at_the_same_time_make_one_payment(hospital: Hospital) -> None:
    account, invoice = await hospital.issued(100)
    url = f"Invoice/{invoice['id']}/$post-payment"
    answers = await asyncio.gather(
        *(hospital.operate(url, money("amount", 10), code("method", "cash"), key="pay-1") for _ in range(8))
    )
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert sum("idempotency-replayed" in answer.headers for answer in answers) == 7
    balance = await hospital.read(f"Account/{account['id']}/$balance")
    assert balance["parameter"][2]["valueMoney"]["value"] == 90


async def test_a_request_that_is_still_running_is_not_waited_for_for_long(server: Server, hospital: Hospital) -> None:
    database = Database(server.access.app)
    await database.open()
    try:
        async with database.transaction(hospital.tenant_id, "tester") as running:
            await idempotency_keys.lock_and_read(running, "tester", "POST Account", "open-1")
            answer = await hospital.http.post("Account", json=ACCOUNT, headers={"idempotency-key": "open-1"})
    finally:
        await database.close()
    assert (answer.status_code, codes_of(body(answer))) == (409, ["IDEMPOTENCY_IN_FLIGHT"])
    again = await hospital.http.post("Account", json=ACCOUNT, headers={"idempotency-key": "open-1"})
    assert again.status_code == 201

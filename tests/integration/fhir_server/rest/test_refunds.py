"""`/refunds` and `$refund` over HTTP: by different people, each with the scope of what they do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest_asyncio

from tests.integration.rest_client import amount, post, problem_codes, rest_client
from tests.integration.serving import Hospital, Json, Server, body, code, hospital_of, money, row_counts

LIMITS = {"refund_approval_above.AFN": "10", "refund_second_approval_above.AFN": "50"}


@pytest_asyncio.fixture
async def limited(server: Server) -> AsyncIterator[Hospital]:
    async with hospital_of(server, settings=LIMITS) as one:
        yield one


async def deposit(hospital: Hospital, paid: int = 100) -> tuple[Json, Json]:
    account = await hospital.account()
    answer = await hospital.operate(
        f"Account/{account['id']}/$post-payment", money("amount", paid), code("method", "cash")
    )
    return account, body(answer)["parameter"][0]["resource"]


def wanted(payment: Json, minor_units: int, **more: object) -> Json:
    return {
        "payment": f"PaymentReconciliation/{payment['id']}",
        "amount": amount(minor_units),
        "reason": "not needed",
        **more,
    }


async def test_a_refund_goes_through_the_hands_of_four(server: Server, limited: Hospital) -> None:
    account, payment = await deposit(limited)
    tenant = limited.tenant_id
    async with rest_client(server, tenant, "billing:refund:request", subject="clerk") as clerk:
        answer = await post(clerk, "refunds", wanted(payment, 6000, method="bank-transfer"))
        assert answer.status_code == 201
        refund = body(answer)
        assert answer.headers["location"] == f"/api/v1/billing/refunds/{refund['id']}"
        assert (refund["status"], refund["approvals_needed"], refund["decisions"]) == ("pending-approval", 2, [])
        assert (refund["requested_by"], refund["account"]) == ("clerk", f"Account/{account['id']}")
        url = f"refunds/{refund['id']}"
        assert body(await clerk.get(url)) == refund
        denied = await clerk.post(f"{url}/approve")
        assert (denied.status_code, problem_codes(denied)) == (403, ["insufficient-scope"])
        balance = body(await limited.http.get(f"Account/{account['id']}/$balance"))
        held = next(item for item in balance["parameter"] if item["name"] == "held")
        assert held["valueMoney"]["value"] == 60
    async with rest_client(server, tenant, "billing:refund:approve billing:refund:request", subject="clerk") as clerk:
        own = await clerk.post(f"{url}/approve")
        assert (own.status_code, problem_codes(own)) == (403, ["separation-of-duties"])
    for boss, status in (("chief", "pending-approval"), ("head", "approved")):
        async with rest_client(server, tenant, "billing:refund:approve", subject=boss) as http:
            assert body(await http.post(f"{url}/approve"))["status"] == status
            again = await http.post(f"{url}/approve")
            assert (again.status_code, problem_codes(again)) == (403, ["separation-of-duties"])
    async with rest_client(server, tenant, "billing:refund:pay", subject="till") as till:
        paid = body(await till.post(f"{url}/pay"))
        assert [each["decision"] for each in paid["decisions"]] == ["approved", "approved", "paid"]
        assert (paid["decisions"][-1]["by"], paid["decisions"][-1]["method"]) == ("till", "bank-transfer")
        twice = await till.post(f"{url}/pay", json={})
        assert (twice.status_code, problem_codes(twice)) == (409, ["invalid-state"])
    shown = await limited.read(f"PaymentReconciliation/{payment['id']}")
    assert {"value": 60, "currency": "AFN"} in [each.get("valueMoney") for each in shown["extension"]]


async def test_a_refund_is_rejected_or_fails_with_a_reason(server: Server, limited: Hospital) -> None:
    _, payment = await deposit(limited)
    async with rest_client(server, limited.tenant_id) as http:
        pending = body(await post(http, "refunds", wanted(payment, 2000)))
        at_once = body(await post(http, "refunds", wanted((await deposit(limited))[1], 500)))
        silent = await http.post(f"refunds/{pending['id']}/reject", json={})
        assert (silent.status_code, problem_codes(silent)) == (400, ["missing-element"])
        rejected = body(await http.post(f"refunds/{pending['id']}/reject", json={"reason": "no receipt"}))
        failed = body(await http.post(f"refunds/{at_once['id']}/fail", json={"reason": "returned"}))
    assert (rejected["status"], rejected["decisions"][0]["reason"]) == ("rejected", "no receipt")
    assert (failed["status"], failed["decisions"][0]["reason"]) == ("failed", "returned")


async def test_a_replay_holds_nothing_twice(server: Server, limited: Hospital) -> None:
    _, payment = await deposit(limited)
    async with rest_client(server, limited.tenant_id) as http:
        first = await post(http, "refunds", wanted(payment, 8000), key="r-1")
        counts = row_counts(server.access)
        again = await post(http, "refunds", wanted(payment, 8000), key="r-1")
        other = await post(http, "refunds", wanted(payment, 8001), key="r-1")
        assert row_counts(server.access) == counts
    assert (first.status_code, again.status_code, first.content) == (201, 201, again.content)
    assert first.headers["location"] == again.headers["location"]
    assert again.headers["idempotency-replayed"] == "true"
    assert (other.status_code, problem_codes(other)) == (409, ["IDEMPOTENCY_CONFLICT"])


async def test_refunds_are_listed_by_payment_account_and_status(server: Server, limited: Hospital) -> None:
    account, payment = await deposit(limited)
    _, other = await deposit(limited)
    async with rest_client(server, limited.tenant_id) as http:
        made = [body(await post(http, "refunds", wanted(each, 600)))["id"] for each in (payment, payment, other)]
        first = body(await http.get("refunds?limit=2"))
        rest = body(await http.get(f"refunds?limit=2&cursor={first['next']}"))
        assert [each["id"] for each in (*first["items"], *rest["items"])] == made[::-1]
        for query, ids in (
            (f"account=Account/{account['id']}", made[1::-1]),
            (f"payment=PaymentReconciliation/{other['id']}", [made[2]]),
            ("status=pending-approval", [made[1]]),
            ("status=approved", [made[2], made[0]]),
            ("status=paid", []),
        ):
            assert [each["id"] for each in body(await http.get(f"refunds?{query}"))["items"]] == ids, query


async def test_the_operation_answers_id_and_status(limited: Hospital) -> None:
    _, payment = await deposit(limited)
    url = f"PaymentReconciliation/{payment['id']}/$refund"
    reason = {"name": "reason", "valueString": "not needed"}
    answer = await limited.operate(url, money("amount", 20), reason)
    assert answer.status_code == 200
    parts = {part["name"]: part for part in body(answer)["parameter"][0]["part"]}
    assert parts["status"]["valueCode"] == "pending-approval"
    assert parts["id"]["valueId"]
    without = {"resourceType": "Parameters", "parameter": [money("amount", 20), reason]}
    assert (await limited.http.post(url, json=without)).status_code == 400


async def test_refunds_in_a_transaction_bundle_have_keys_of_their_own(limited: Hospital) -> None:
    account, payment = await deposit(limited)
    entry = {
        "request": {"method": "POST", "url": f"PaymentReconciliation/{payment['id']}/$refund"},
        "resource": {
            "resourceType": "Parameters",
            "parameter": [money("amount", 6), {"name": "reason", "valueString": "not needed"}],
        },
    }
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry, entry]}
    assert (await limited.http.post("", json=bundle)).status_code == 400
    headers = {"idempotency-key": "b-1"}
    answer = await limited.http.post("", json=bundle, headers=headers)
    assert answer.status_code == 200, answer.text
    # Together they pass the limit, so the second waits for approval.
    statuses = [
        part["valueCode"]
        for item in body(answer)["entry"]
        for part in item["resource"]["parameter"][0]["part"]
        if part["name"] == "status"
    ]
    assert statuses == ["approved", "pending-approval"]
    again = await limited.http.post("", json=bundle, headers=headers)
    assert (again.content, again.headers["idempotency-replayed"]) == (answer.content, "true")
    balance = body(await limited.http.get(f"Account/{account['id']}/$balance"))
    amounts = {item["name"]: item.get("valueMoney", {}).get("value") for item in balance["parameter"]}
    assert (amounts["unapplied"], amounts["held"], amounts["refund-payable"]) == (94, 6, 6)


async def test_of_two_approvals_at_once_by_two_people_each_counts(server: Server, limited: Hospital) -> None:
    tenant = limited.tenant_id
    for _ in range(4):
        _, payment = await deposit(limited)
        async with (
            rest_client(server, tenant) as clerk,
            rest_client(server, tenant, subject="chief") as chief,
            rest_client(server, tenant, subject="head") as head,
        ):
            refund = body(await post(clerk, "refunds", wanted(payment, 9000)))
            url = f"refunds/{refund['id']}/approve"
            answers = await asyncio.gather(*(http.post(url) for http in (chief, head, chief, head)))
            assert sorted(answer.status_code for answer in answers) == [200, 200, 403, 403]
            assert body(await clerk.get(f"refunds/{refund['id']}"))["status"] == "approved"

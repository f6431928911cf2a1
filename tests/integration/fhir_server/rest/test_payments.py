"""`/payments`, `/transfers` and the worklists of money over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from tests.integration.rest_client import amount, pointers, post, problem_codes, rest_client
from tests.integration.serving import Hospital, Json, Server, body


@pytest_asyncio.fixture
async def rest(server: Server, hospital: Hospital) -> AsyncIterator[httpx.AsyncClient]:
    async with rest_client(server, hospital.tenant_id) as http:
        yield http


def paid(account: Json, minor_units: int, method: str = "cash", **more: object) -> Json:
    return {"account": f"Account/{account['id']}", "amount": amount(minor_units), "method": method, **more}


async def test_a_payment_pays_what_is_due_and_says_what_to_give_back(
    rest: httpx.AsyncClient, hospital: Hospital
) -> None:
    account, invoice = await hospital.issued(100)
    answer = await post(rest, "payments", paid(account, 12000, tendered=amount(15000)))
    assert answer.status_code == 201, answer.text
    payment = body(answer)
    assert answer.headers["location"] == f"/api/v1/billing/payments/{payment['id']}"
    assert (payment["status"], payment["change"], payment["unapplied"]) == ("posted", amount(3000), amount(2000))
    assert payment["allocations"] == [{"invoice": f"Invoice/{invoice['id']}", "amount": amount(10000)}]
    assert payment["received_by"] == "tester"
    again = body(await rest.get(f"payments/{payment['id']}"))
    assert again == {name: value for name, value in payment.items() if name not in ("notice", "change")}
    assert (await hospital.read(payment["notice"]))["status"] == "active"


@pytest.mark.parametrize("method", ["card", "mobile-money", "bank-transfer", "cheque", "other"])
async def test_every_method_is_taken(rest: httpx.AsyncClient, hospital: Hospital, method: str) -> None:
    account = await hospital.account()
    answer = await post(rest, "payments", paid(account, 500, method, reference="T-7", date="2026-03-01"))
    payment = body(answer)
    assert (payment["method"], payment["payment_reference"], payment["date"]) == (method, "T-7", "2026-03-01")


async def test_a_replay_gets_the_same_answer_and_pays_once(rest: httpx.AsyncClient, hospital: Hospital) -> None:
    account = await hospital.account()
    first, again = [await post(rest, "payments", paid(account, 500), key="one") for _ in range(2)]
    assert (first.content, again.headers["idempotency-replayed"]) == (again.content, "true")
    other = await post(rest, "payments", paid(account, 600), key="one")
    assert (other.status_code, problem_codes(other)) == (409, ["IDEMPOTENCY_CONFLICT"])
    assert len(body(await rest.get("payments", params={"account": f"Account/{account['id']}"}))["items"]) == 1


async def test_a_reversed_payment_says_so(rest: httpx.AsyncClient, hospital: Hospital) -> None:
    payment = body(await post(rest, "payments", paid(await hospital.account(), 500)))
    reason = {"name": "reason", "valueCode": "mis-keyed"}
    await hospital.operate(f"{payment['reference']}/$reverse", reason)
    assert body(await rest.get(f"payments/{payment['id']}"))["status"] == "reversed"


def below(location: str) -> str:
    """A path below the base of the client."""
    return location.partition("/api/v1/billing/")[2]


async def test_money_is_transferred(rest: httpx.AsyncClient, hospital: Hospital) -> None:
    first, second = await hospital.account(), await hospital.account()
    payment = body(await post(rest, "payments", paid(first, 500)))
    wanted = {
        "payment": payment["reference"],
        "to_account": f"Account/{second['id']}",
        "amount": amount(200),
        "reason": "for the brother",
    }
    answer = await post(rest, "transfers", wanted)
    assert answer.status_code == 201, answer.text
    done = body(answer)
    assert body(await rest.get(below(answer.headers["location"]))) == done
    assert (done["status"], done["transferred_by"], done["amount"]) == ("completed", "tester", amount(200))
    assert done["from_accounts"] == [{"account": f"Account/{first['id']}", "amount": amount(200)}]
    items = body(await rest.get("worklists/unapplied-money"))["items"]
    assert {(item["account"], item["amount"]["minor_units"]) for item in items} == {
        (f"Account/{first['id']}", 300),
        (f"Account/{second['id']}", 200),
    }
    one = await rest.get("worklists/unapplied-money", params={"account": f"Account/{second['id']}"})
    assert [item["amount"] for item in body(one)["items"]] == [amount(200)]


async def test_a_charge_is_transferred(rest: httpx.AsyncClient, hospital: Hospital) -> None:
    first, second = await hospital.account(), await hospital.account()
    charge = await hospital.charge(first)
    wanted = {
        "charge": f"ChargeItem/{charge['id']}",
        "to_account": f"Account/{second['id']}",
        "reason": "wrong patient",
    }
    answer = await post(rest, "transfers", wanted)
    read = body(await rest.get(below(answer.headers["location"])))
    assert read == body(answer)
    assert (read["charge"], read["reason"]) == (wanted["charge"], "wrong patient")
    assert read["from_accounts"] == [{"account": f"Account/{first['id']}", "amount": amount(10000)}]
    assert (read["to_account"], read["amount"]) == (wanted["to_account"], amount(10000))
    assert (await hospital.read(f"ChargeItem/{charge['id']}"))["account"][0]["reference"] == f"Account/{second['id']}"


async def test_a_charge_that_costs_nothing_is_transferred_too(rest: httpx.AsyncClient, hospital: Hospital) -> None:
    first, second = await hospital.account(), await hospital.account()
    charge = await hospital.charge(first, 0)
    wanted = {"charge": f"ChargeItem/{charge['id']}", "to_account": f"Account/{second['id']}", "reason": "wrong one"}
    answer = await post(rest, "transfers", wanted)
    read = body(await rest.get(below(answer.headers["location"])))
    assert (read["to_account"], read["from_accounts"]) == (
        wanted["to_account"],
        [{"account": f"Account/{first['id']}"}],
    )
    assert body(await rest.get("transfers"))["items"] == []


async def test_transfers_are_listed(rest: httpx.AsyncClient, hospital: Hospital) -> None:
    first, second = await hospital.account(), await hospital.account()
    payment = body(await post(rest, "payments", paid(first, 500)))
    charge = await hospital.charge(first)
    to = {"to_account": f"Account/{second['id']}", "reason": "for the brother"}
    money = [
        body(await post(rest, "transfers", {"payment": payment["reference"], "amount": amount(part), **to}))["id"]
        for part in (100, 200)
    ]
    moved = body(await post(rest, "transfers", {"charge": f"ChargeItem/{charge['id']}", **to}))["id"]
    # What is aborted with a reason, or moved by a PUT, is no transfer.
    other = await hospital.charge(second)
    await hospital.operate(f"ChargeItem/{other['id']}/$credit", {"name": "reason", "valueString": "wrong"})
    for query, expected in (
        ("", [moved, money[1], money[0]]),
        (f"payment={payment['reference']}", [money[1], money[0]]),
        (f"charge=ChargeItem/{charge['id']}", [moved]),
        (f"account=Account/{second['id']}", [moved, money[1], money[0]]),
        ("account=Account/nowhere", []),
    ):
        assert [item["id"] for item in body(await rest.get(f"transfers?{query}"))["items"]] == expected, query
    page = body(await rest.get("transfers?limit=2"))
    following = body(await rest.get(f"transfers?limit=2&cursor={page['next']}"))
    assert [item["id"] for item in following["items"]] == [money[0]]
    for unknown in ("nothing", f"{charge['id']}.1", f"{charge['id']}.9", "01a1fd2f-d4fd-7d0c-9c31-a8871a35018f"):
        answer = await rest.get(f"transfers/{unknown}")
        assert (answer.status_code, problem_codes(answer)) == (404, ["not-found"])


async def test_payments_are_listed_by_what_is_known_of_them(rest: httpx.AsyncClient, hospital: Hospital) -> None:
    account = await hospital.account()
    cash = body(await post(rest, "payments", paid(account, 500)))["id"]
    old = {**paid(account, 300), "method": "bank-transfer", "date": "2026-02-03"}
    bank = body(await post(rest, "payments", old))["id"]
    reason = {"name": "reason", "valueCode": "mis-keyed"}
    await hospital.operate(f"PaymentReconciliation/{bank}/$reverse", reason)
    for query, expected in (
        ("", [bank, cash]),
        ("method=cash", [cash]),
        ("status=posted", [cash]),
        ("status=reversed", [bank]),
        ("status=kept", []),
        ("date_from=2026-02-03&date_to=2026-02-03", [bank]),
        ("date_to=2026-02-02", []),
        ("payer=Organization/9", []),
    ):
        assert [item["id"] for item in body(await rest.get(f"payments?{query}"))["items"]] == expected, query


async def test_a_transfer_is_of_one_thing(rest: httpx.AsyncClient) -> None:
    both = {"payment": "PaymentReconciliation/1", "charge": "ChargeItem/1", "to_account": "Account/1", "reason": "x"}
    for wanted in (both, {"to_account": "Account/1", "reason": "x"}):
        answer = await post(rest, "transfers", wanted)
        assert (answer.status_code, problem_codes(answer)) == (400, ["value-invalid"])
    answer = await post(
        rest, "transfers", {"payment": "PaymentReconciliation/1", "to_account": "Account/1", "reason": "x"}
    )
    assert (answer.status_code, problem_codes(answer)) == (404, ["not-found"])


async def test_details_that_matched_nothing_wait_while_there_is_money(
    rest: httpx.AsyncClient, hospital: Hospital
) -> None:
    payment = await hospital.create(
        {
            "resourceType": "PaymentReconciliation",
            "identifier": [{"system": "https://bank.example.org", "value": "r-77"}],
            "status": "active",
            "created": "2026-02-01",
            "outcome": "complete",
            "paymentDate": "2026-02-01",
            "paymentAmount": {"value": 50, "currency": "AFN"},
            "paymentIssuer": {"reference": "Organization/insurer"},
            "detail": [
                {
                    "type": {"coding": [{"code": "payment"}]},
                    "request": {"reference": f"Claim/{number}"},
                    "amount": {"value": 25, "currency": "AFN"},
                }
                for number in (7, 8)
            ],
        }
    )
    page = body(await rest.get("worklists/unmatched-details", params={"limit": 1}))
    assert page["items"] == [
        {
            "payment": f"PaymentReconciliation/{payment['id']}",
            "detail": 0,
            "type": "payment",
            "request": "Claim/7",
            "amount": amount(2500),
        }
    ]
    rest_of_it = body(await rest.get("worklists/unmatched-details", params={"limit": 1, "cursor": page["next"]}))
    assert ([item["request"] for item in rest_of_it["items"]], rest_of_it.get("next")) == (["Claim/8"], None)
    unapplied = body(await rest.get("worklists/unapplied-money"))["items"]
    assert [(item["payer"], item["amount"]) for item in unapplied] == [("Organization/insurer", amount(5000))]


async def test_what_is_wrong_names_its_place(rest: httpx.AsyncClient, hospital: Hospital) -> None:
    account = await hospital.account()
    answer = await post(rest, "payments", paid(account, 0, invoices=["Claim/1"]))
    assert answer.status_code == 400
    assert sorted(pointers(answer)) == ["/amount/minor_units", "/invoices/0"]
    answer = await post(rest, "payments", paid(account, 500, tendered=amount(400)))
    assert (answer.status_code, problem_codes(answer)) == (422, ["tendered-too-little"])

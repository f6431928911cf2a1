"""`/adjustments`, `/provisions`, `/recoveries` and `$adjust` over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.integration.rest_client import amount, post, problem_codes, rest_client
from tests.integration.serving import Hospital, Json, Server, body, code, codes_of, hospital_of, money

LIMITS = {"adjustment_approval_above.AFN": "10", "adjustment_second_approval_above.AFN": "50"}
REASON = {"name": "reason", "valueString": "agreed"}


@pytest_asyncio.fixture
async def limited(server: Server) -> AsyncIterator[Hospital]:
    async with hospital_of(server, settings=LIMITS) as one:
        yield one


def wanted(account: Json, minor_units: int, kind: str = "write-off", **more: object) -> Json:
    return {
        "account": f"Account/{account['id']}",
        "type": kind,
        "amount": amount(minor_units),
        "reason": "agreed",
        **more,
    }


async def test_an_adjustment_at_the_limit_is_applied_and_shown(server: Server, limited: Hospital) -> None:
    account, invoice = await limited.issued(100)
    async with rest_client(server, limited.tenant_id, "billing:adjustment:request") as http:
        answer = await post(http, "adjustments", wanted(account, 1000))
        made = body(answer)
        assert (answer.status_code, made["status"]) == (201, "applied")
        assert made["invoices"] == [{"invoice": f"Invoice/{invoice['id']}", "amount": amount(1000)}]
        assert body(await http.get(answer.headers["location"].removeprefix("/api/v1/billing/"))) == made
    async with rest_client(server, limited.tenant_id) as http:
        assert body(await http.get(f"invoices/{invoice['id']}"))["due"] == amount(9000)


async def test_above_it_somebody_else_approves(server: Server, limited: Hospital) -> None:
    account, invoice = await limited.issued(100)
    async with rest_client(server, limited.tenant_id, subject="clerk") as clerk:
        made = body(
            await post(clerk, "adjustments", wanted(account, 3000, "courtesy", invoice=f"Invoice/{invoice['id']}"))
        )
        assert (made["status"], made["approvals_needed"], made["invoices"]) == ("pending-approval", 1, [])
        own = await clerk.post(f"adjustments/{made['id']}/approve")
        assert (own.status_code, problem_codes(own)) == (403, ["separation-of-duties"])
    async with rest_client(server, limited.tenant_id, "billing:adjustment:approve", subject="chief") as chief:
        applied = body(await chief.post(f"adjustments/{made['id']}/approve"))
        assert applied["status"] == "applied"
        assert applied["decisions"][0]["by"] == "chief"
        note = applied["invoices"][0]["credit_note"]
        assert (await limited.read(note))["totalGross"] == {"value": -30, "currency": "AFN"}


async def test_what_is_not_due_by_then_is_not_approved(server: Server, limited: Hospital) -> None:
    account, invoice = await limited.issued(100)
    async with (
        rest_client(server, limited.tenant_id, subject="clerk") as clerk,
        rest_client(server, limited.tenant_id, subject="chief") as chief,
    ):
        made = body(await post(clerk, "adjustments", wanted(account, 3000)))
        await limited.operate(f"Invoice/{invoice['id']}/$post-payment", money("amount", 80), code("method", "cash"))
        late = await chief.post(f"adjustments/{made['id']}/approve")
        assert (late.status_code, problem_codes(late)) == (422, ["adjustment-exceeds-due"])
        still = body(await chief.get(f"adjustments/{made['id']}"))
        assert (still["status"], still["decisions"]) == ("pending-approval", [])
        rejected = body(await chief.post(f"adjustments/{made['id']}/reject", json={"reason": "paid meanwhile"}))
        assert rejected["status"] == "rejected"


async def test_a_provision_and_a_recovery_are_adjustments_too(server: Server, limited: Hospital) -> None:
    account, _ = await limited.issued(100)
    reference = f"Account/{account['id']}"
    async with rest_client(server, limited.tenant_id) as http:
        sent = {"account": reference, "amount": amount(500), "reason": "overdue"}
        provision = body(await post(http, "provisions", sent))
        await post(http, "adjustments", wanted(account, 900))
        paid = await limited.operate(
            f"Account/{account['id']}/$post-payment", money("amount", 200), code("method", "cash")
        )
        payment = body(paid)["parameter"][0]["resource"]
        of_payment = {**sent, "payment": f"PaymentReconciliation/{payment['id']}"}
        recovery = body(await post(http, "recoveries", of_payment))
        assert (provision["type"], recovery["type"]) == ("provision", "recovery")
        assert recovery["payment"] == of_payment["payment"]
        listed = body(await http.get(f"adjustments?account={reference}"))["items"]
        assert [each["type"] for each in listed] == ["recovery", "write-off", "provision"]
        only = body(await http.get(f"adjustments?account={reference}&type=provision&status=applied"))["items"]
        assert [each["id"] for each in only] == [provision["id"]]
        more = await post(http, "recoveries", {**of_payment, "amount": amount(500)})
        assert (more.status_code, problem_codes(more)) == (422, ["nothing-written-off"])


async def test_the_operation_answers_the_credit_notes_that_it_made(server: Server, limited: Hospital) -> None:
    account, invoice = await limited.issued(100)
    url = f"Account/{account['id']}/$adjust"
    named = {"name": "invoice", "valueReference": {"reference": f"Invoice/{invoice['id']}"}}
    answer = await limited.operate(url, code("type", "charity"), money("amount", 10), REASON, named)
    assert answer.status_code == 200, answer.text
    adjustment, note = body(answer)["parameter"]
    parts = {part["name"]: part for part in adjustment["part"]}
    assert parts["status"]["valueCode"] == "applied"
    assert parts["id"]["valueId"]
    assert note["resource"]["totalGross"] == {"value": -10, "currency": "AFN"}
    pending = await limited.operate(url, code("type", "write-off"), money("amount", 50), REASON)
    assert [item["name"] for item in body(pending)["parameter"]] == ["adjustment"]
    await limited.operate(f"Invoice/{invoice['id']}/$post-payment", money("amount", 90), code("method", "cash"))
    late = await limited.operate(url, code("type", "write-off"), money("amount", 1), REASON)
    assert (late.status_code, codes_of(body(late))) == (422, ["adjustment-exceeds-due"])
    wrong = await limited.operate(url, code("type", "gift"), money("amount", 1), REASON)
    assert (wrong.status_code, codes_of(body(wrong))) == (400, ["parameter-code"])


async def test_a_credit_note_needs_the_right_to_create_invoices(server: Server, limited: Hospital) -> None:
    account, _ = await limited.issued(100)
    token = server.token(limited.tenant_id, "system/Account.u billing:adjustment:request")
    async with server.client(token, **{"idempotency-key": "a-1"}) as http:
        for kind, status in (("correction", 403), ("write-off", 200)):
            sent = {"resourceType": "Parameters", "parameter": [code("type", kind), money("amount", 1), REASON]}
            answer = await http.post(f"Account/{account['id']}/$adjust", json=sent)
            assert answer.status_code == status, answer.text

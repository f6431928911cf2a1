"""`/payment-plans` over HTTP: made once by a key, read, listed, cancelled; invoices say which they are on."""

from __future__ import annotations

import pytest

from tests.integration.rest_client import amount, pointers, post, problem_codes, rest_client
from tests.integration.serving import Hospital, Json, Server, body, code, money, row_counts

NEXT_YEARS = "2035-01-31"


def wanted(account: Json, *invoices: Json, count: int = 3, **more: object) -> Json:
    return {
        "account": f"Account/{account['id']}",
        "invoices": [f"Invoice/{invoice['id']}" for invoice in invoices],
        "equal": {"count": count, "first_due": NEXT_YEARS, "unit": "month"},
        **more,
    }


async def test_a_plan_is_made_once_paid_and_cancelled(server: Server, hospital: Hospital) -> None:
    account, invoice = await hospital.issued()
    async with rest_client(server, hospital.tenant_id, subject="clerk") as http:
        answer = await post(http, "payment-plans", wanted(account, invoice, note="by the son"), key="p-1")
        assert answer.status_code == 201, answer.text
        made = body(answer)
        assert answer.headers["location"] == f"/api/v1/billing/payment-plans/{made['id']}"
        assert (made["status"], made["note"], made["made_by"]) == ("active", "by the son", "clerk")
        assert [each["due"] for each in made["instalments"]] == ["2035-01-31", "2035-02-28", "2035-03-31"]
        total = sum(each["agreed"]["minor_units"] for each in made["instalments"])
        assert made["amount"] == made["open"] == amount(total)
        counts = row_counts(server.access)
        again = await post(http, "payment-plans", wanted(account, invoice, note="by the son"), key="p-1")
        assert (again.headers["idempotency-replayed"], again.content) == ("true", answer.content)
        assert row_counts(server.access) == counts
        first = made["instalments"][0]["agreed"]["minor_units"]
        await hospital.operate(
            f"Invoice/{invoice['id']}/$post-payment", money("amount", first / 100), code("method", "cash")
        )
        url = f"payment-plans/{made['id']}"
        read = body(await http.get(url))
        assert (read["paid"], read["next_due"]) == (amount(first), "2035-02-28")
        shown = body(await http.get(f"invoices/{invoice['id']}"))
        assert shown["payment_plan"] == made["id"]
        ended = body(await http.post(f"{url}/cancel", json={"reason": "new terms"}))
        assert (ended["status"], ended["events"][0]["reason"], "next_due" in ended) == ("cancelled", "new terms", False)
        twice = await http.post(f"{url}/cancel", json={"reason": "new terms"})
        assert (twice.status_code, problem_codes(twice)) == (409, ["invalid-state"])
        assert "payment_plan" not in body(await http.get(f"invoices/{invoice['id']}"))


@pytest.mark.parametrize(
    ("change", "status", "codes", "place"),
    [
        ({"equal": None}, 400, ["value-invalid"], "/instalments"),
        ({"invoices": []}, 400, ["value-invalid"], "/invoices"),
        ({"instalments": [{"due": NEXT_YEARS, "amount": amount(1)}]}, 400, ["value-invalid"], "/instalments"),
        ({"equal": {"count": 3, "first_due": "2020-01-01", "unit": "month"}}, 422, ["instalment-in-past"], "/equal"),
        (
            {"equal": {"count": 120, "first_due": NEXT_YEARS, "unit": "month", "every": 12}},
            422,
            ["plan-too-long"],
            "/equal",
        ),
        ({"account": "Account/nowhere"}, 404, ["not-found"], "/account"),
    ],
)
async def test_what_is_wrong_is_said_with_its_place(
    server: Server, hospital: Hospital, change: Json, status: int, codes: list[str], place: str
) -> None:
    account, invoice = await hospital.issued()
    async with rest_client(server, hospital.tenant_id) as http:
        answer = await post(http, "payment-plans", {**wanted(account, invoice), **change})
    assert (answer.status_code, problem_codes(answer), pointers(answer)) == (status, codes, [place]), answer.text


async def test_agreed_instalments_come_to_what_is_owed(server: Server, hospital: Hospital) -> None:
    account, invoice = await hospital.issued()
    plan = wanted(account, invoice)
    del plan["equal"]
    async with rest_client(server, hospital.tenant_id) as http:
        due = body(await http.get(f"invoices/{invoice['id']}"))["due"]["minor_units"]
        for parts, status in (((1, due), 422), ((1, due - 1), 201)):
            plan["instalments"] = [
                {"due": day, "amount": amount(part)}
                for day, part in zip((NEXT_YEARS, "2035-02-01"), parts, strict=True)
            ]
            answer = await post(http, "payment-plans", plan)
            assert answer.status_code == status, answer.text


async def test_plans_are_listed_by_account_invoice_and_status(server: Server, hospital: Hospital) -> None:
    async with rest_client(server, hospital.tenant_id) as http:
        made, accounts, invoices = [], [], []
        for _ in range(3):
            account, invoice = await hospital.issued()
            made.append(body(await post(http, "payment-plans", wanted(account, invoice)))["id"])
            accounts.append(account)
            invoices.append(invoice)
        await http.post(f"payment-plans/{made[1]}/cancel", json={"reason": "x"})
        await hospital.operate(f"Invoice/{invoices[2]['id']}/$cancel", {"name": "reason", "valueString": "x"})
        first = body(await http.get("payment-plans?limit=2"))
        rest = body(await http.get(f"payment-plans?limit=2&cursor={first['next']}"))
        assert [each["id"] for each in (*first["items"], *rest["items"])] == made[::-1]
        for query, ids in (
            (f"account=Account/{accounts[0]['id']}", made[:1]),
            (f"invoice=Invoice/{invoices[1]['id']}", made[1:2]),
            ("status=active", made[:1]),
            ("status=cancelled", made[1:2]),
            ("status=completed", made[2:]),
            ("status=defaulted", []),
        ):
            assert [each["id"] for each in body(await http.get(f"payment-plans?{query}"))["items"]] == ids, query


async def test_another_tenant_s_plan_does_not_exist(server: Server, hospital: Hospital) -> None:
    account, invoice = await hospital.issued()
    async with rest_client(server, hospital.tenant_id) as http:
        made = body(await post(http, "payment-plans", wanted(account, invoice)))
    async with rest_client(server, await server.add_tenant()) as http:
        for answer in (
            await http.get(f"payment-plans/{made['id']}"),
            await http.post(f"payment-plans/{made['id']}/cancel", json={"reason": "x"}),
        ):
            assert (answer.status_code, problem_codes(answer)) == (404, ["not-found"])
        assert body(await http.get("payment-plans")) == {"items": []}


async def test_what_is_on_a_plan_ages_by_its_instalments(server: Server, hospital: Hospital) -> None:
    account, invoice = await hospital.issued()
    async with rest_client(server, hospital.tenant_id) as http:
        made = body(await post(http, "payment-plans", wanted(account, invoice, count=1)))
        late = body(await http.get(f"accounts/{account['id']}/balance?date=2035-02-28"))
    buckets = {each["bucket"]: each["amount"]["minor_units"] for each in late["aging"] if each["amount"]["minor_units"]}
    assert buckets == {"1-30": made["amount"]["minor_units"]}

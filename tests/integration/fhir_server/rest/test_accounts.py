"""`/accounts/{id}/balance`: the same figures as `$balance`."""

from __future__ import annotations

from tests.integration.rest_client import amount, problem_codes, rest_client
from tests.integration.serving import Hospital, Server, body


async def test_the_balance_is_that_of_the_operation(server: Server, hospital: Hospital) -> None:
    account, _ = await hospital.issued(120)
    await hospital.charge(account, 30)
    async with rest_client(server, hospital.tenant_id) as http:
        balance = body(await http.get(f"accounts/{account['id']}/balance"))
    assert balance["account"] == f"Account/{account['id']}"
    assert balance["currency"] == "AFN"
    assert (balance["unbilled"], balance["billed_patient"]) == (amount(3000), amount(12000))
    assert (balance["unapplied"], balance["held"], balance["refund_payable"]) == (amount(0), amount(0), amount(0))
    assert balance["total"] == amount(15000)
    assert [bucket["bucket"] for bucket in balance["aging"]] == [
        "current",
        "1-30",
        "31-60",
        "61-90",
        "91-120",
        "121+",
    ]
    assert sum(bucket["amount"]["minor_units"] for bucket in balance["aging"]) == 12000


async def test_the_balance_of_a_day_before_is_nothing(server: Server, hospital: Hospital) -> None:
    account, _ = await hospital.issued(120)
    async with rest_client(server, hospital.tenant_id) as http:
        balance = body(await http.get(f"accounts/{account['id']}/balance?date=2020-01-01"))
        wrong = await http.get(f"accounts/{account['id']}/balance?date=2020-1-1")
        early = await http.get(f"accounts/{account['id']}/balance?recorded=2020-01-01T00:00:00Z")
    assert balance["total"] == amount(0)
    assert (wrong.status_code, problem_codes(wrong)) == (400, ["parameter-invalid"])
    assert body(early)["total"] == amount(0)


async def test_accounts_are_listed_and_read(server: Server, hospital: Hospital) -> None:
    first = await hospital.account(name="Ward", owner={"reference": "Organization/main"})
    other = await hospital.account(subject=[{"reference": "Patient/p2"}], status="on-hold")
    async with rest_client(server, hospital.tenant_id) as http:
        for query, expected in (
            ("", [other, first]),
            ("subject=Patient/p1", [first]),
            ("status=on-hold", [other]),
            ("owner=Organization/main", [first]),
            ("currency=AFN", [other, first]),
            ("currency=USD", []),
        ):
            items = body(await http.get(f"accounts?{query}"))["items"]
            assert [item["id"] for item in items] == [account["id"] for account in expected], query
        page = body(await http.get("accounts?limit=1"))
        assert [item["id"] for item in page["items"]] == [other["id"]]
        assert body(await http.get(f"accounts?limit=1&cursor={page['next']}"))["items"][0]["id"] == first["id"]
        shown = await http.get(f"accounts/{first['id']}")
        assert body(shown) == {
            "id": first["id"],
            "reference": f"Account/{first['id']}",
            "status": "active",
            "name": "Ward",
            "currency": "AFN",
            "subjects": ["Patient/p1"],
            "owner": "Organization/main",
        }
        again = await http.get(f"accounts/{first['id']}", headers={"if-none-match": shown.headers["etag"]})
        assert again.status_code == 304
        nowhere = await http.get("accounts/nowhere")
        assert (nowhere.status_code, problem_codes(nowhere)) == (404, ["not-found"])


async def test_the_aging_is_that_of_the_balance(server: Server, hospital: Hospital) -> None:
    account, _ = await hospital.issued(120)
    async with rest_client(server, hospital.tenant_id) as http:
        for query in ("", "?date=2100-01-01"):
            aging = body(await http.get(f"accounts/{account['id']}/aging{query}"))
            assert aging["aging"] == body(await http.get(f"accounts/{account['id']}/balance{query}"))["aging"]
            assert aging["total"] == amount(12000)

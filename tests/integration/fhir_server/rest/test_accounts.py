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

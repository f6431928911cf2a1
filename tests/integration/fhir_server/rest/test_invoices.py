"""`/invoices`: read and listed, with one word for the status."""

from __future__ import annotations

from tests.integration.rest_client import amount, problem_codes, rest_client
from tests.integration.serving import Hospital, Server, body, code, money


async def test_an_invoice_is_shown_with_what_is_settled_and_due(server: Server, hospital: Hospital) -> None:
    account, invoice = await hospital.issued(100)
    url = f"Invoice/{invoice['id']}"
    async with rest_client(server, hospital.tenant_id) as http:
        shown = body(await http.get(f"invoices/{invoice['id']}"))
        assert shown["status"] == "issued"
        assert shown["reference"] == url
        assert shown["account"] == f"Account/{account['id']}"
        assert shown["number"].startswith("INV-")
        assert (shown["total_gross"], shown["settled"], shown["due"]) == (amount(10000), amount(0), amount(10000))
        await hospital.operate(f"{url}/$post-payment", money("amount", 40), code("method", "cash"))
        answer = await http.get(f"invoices/{invoice['id']}")
        assert body(answer)["status"] == "partially-paid"
        assert body(answer)["due"] == amount(6000)
        again = await http.get(f"invoices/{invoice['id']}", headers={"if-none-match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        await hospital.operate(f"{url}/$post-payment", money("amount", 60), code("method", "cash"))
        assert body(await http.get(f"invoices/{invoice['id']}"))["status"] == "paid"


async def test_invoices_are_listed_by_status_and_account(server: Server, hospital: Hospital) -> None:
    account, issued = await hospital.issued(100)
    draft = await hospital.draft(account, await hospital.charge(account))
    voided = await hospital.draft(account, await hospital.charge(account))
    await hospital.operate(f"Invoice/{voided['id']}/$cancel", {"name": "reason", "valueString": "wrong"})
    other_account, paid = await hospital.issued(10)
    await hospital.operate(f"Invoice/{paid['id']}/$post-payment", money("amount", 10), code("method", "cash"))
    _, part = await hospital.issued(10)
    await hospital.operate(f"Invoice/{part['id']}/$post-payment", money("amount", 4), code("method", "cash"))
    expected = {"issued": issued, "draft": draft, "voided": voided, "paid": paid, "partially-paid": part}
    async with rest_client(server, hospital.tenant_id) as http:
        for status, invoice in expected.items():
            items = body(await http.get(f"invoices?status={status}"))["items"]
            assert [item["id"] for item in items] == [invoice["id"]]
        items = body(await http.get(f"invoices?account=Account/{other_account['id']}"))["items"]
        assert [item["id"] for item in items] == [paid["id"]]
        assert len(body(await http.get("invoices?subject=Patient/p1"))["items"]) == 5
        assert body(await http.get("invoices?subject=Patient/p2"))["items"] == []


async def test_an_invoice_has_its_lines_and_what_settled_it(server: Server, hospital: Hospital) -> None:
    _, invoice = await hospital.issued(100)
    url = f"Invoice/{invoice['id']}"
    await hospital.operate(f"{url}/$post-payment", money("amount", 40), code("method", "cash"))
    await hospital.operate(f"{url}/$credit", {"name": "reason", "valueString": "too much"}, CREDITED)
    async with rest_client(server, hospital.tenant_id) as http:
        shown = body(await http.get(f"invoices/{invoice['id']}"))
    [line] = shown["lines"]
    assert line["charge"] == invoice["lineItem"][0]["chargeItemReference"]["reference"]
    assert line["components"] == [{"type": "base", "amount": amount(10000)}]
    assert [(each["kind"], each["amount"]) for each in shown["settlements"]] == [
        ("payment-allocated", amount(4000)),
        ("invoice-credited", amount(1000)),
    ]
    assert shown["settlements"][0]["source"] == shown["settlements"][0]["payment"]
    assert shown["settled"] == amount(5000)


async def test_invoices_are_listed_by_number_days_and_issuer(server: Server, hospital: Hospital) -> None:
    account = await hospital.account()
    draft = await hospital.draft(account, await hospital.charge(account), issuer={"reference": "Organization/main"})
    _, issued = await hospital.issued(10)
    today = issued["date"][:10]
    async with rest_client(server, hospital.tenant_id) as http:
        number = body(await http.get(f"invoices/{issued['id']}"))["number"]
        for query, expected in (
            (f"number={number}", [issued]),
            ("number=INV-1", []),
            (f"date_from={today}", [issued]),
            ("date_to=2020-01-01", []),
            ("overdue_on=2100-01-01", [issued]),
            (f"overdue_on={today}", []),
            ("issuer=Organization/main", [draft]),
        ):
            items = body(await http.get(f"invoices?{query}"))["items"]
            assert [item["id"] for item in items] == [invoice["id"] for invoice in expected], query


CREDITED = {
    "name": "line",
    "part": [
        {"name": "sequence", "valuePositiveInt": 1},
        {"name": "amount", "valueMoney": {"value": 10, "currency": "AFN"}},
    ],
}


async def test_pages_hold_every_invoice_once_though_others_come_meanwhile(server: Server, hospital: Hospital) -> None:
    account = await hospital.account()
    drafts = [(await hospital.draft(account, await hospital.charge(account)))["id"] for _ in range(5)]
    seen: list[str] = []
    async with rest_client(server, hospital.tenant_id) as http:
        query = "limit=2"
        while True:
            page = body(await http.get(f"invoices?{query}"))
            seen += [item["id"] for item in page["items"]]
            if "next" not in page:
                break
            query = f"limit=2&cursor={page['next']}"
            await hospital.draft(account, await hospital.charge(account))
    assert seen == sorted(drafts, reverse=True)


async def test_a_cursor_is_for_the_same_list_of_the_same_tenant(server: Server, hospital: Hospital) -> None:
    account = await hospital.account()
    for _ in range(2):
        await hospital.draft(account, await hospital.charge(account))
    async with rest_client(server, hospital.tenant_id) as http:
        cursor = body(await http.get("invoices?limit=1"))["next"]
        other_filter = await http.get(f"invoices?limit=1&status=draft&cursor={cursor}")
        assert (other_filter.status_code, problem_codes(other_filter)) == (400, ["cursor-invalid"])
    async with rest_client(server, await server.add_tenant()) as http:
        assert problem_codes(await http.get(f"invoices?limit=1&cursor={cursor}")) == ["cursor-invalid"]

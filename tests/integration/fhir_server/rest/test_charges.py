"""`/charges`: read and listed."""

from __future__ import annotations

from tests.integration.rest_client import amount, problem_codes, rest_client
from tests.integration.serving import Hospital, Server, body, charge_item


async def test_charges_are_listed_by_what_is_known_of_them(server: Server, hospital: Hospital) -> None:
    account, other = await hospital.account(), await hospital.account()
    first = await hospital.charge(account, occurrenceDateTime="2026-03-01")
    coded = {"coding": [{"system": "http://example.org/tariff", "code": "x-ray"}]}
    second = await hospital.charge(other, code=coded, occurrenceDateTime="2026-03-05T22:00:00Z")
    planned = await hospital.charge(account, status="planned", occurrenceDateTime="2026-04-01")
    unpriced = charge_item(f"Account/{account['id']}", occurrenceDateTime="2026-05-01")
    del unpriced["priceOverride"], unpriced["overrideReason"]
    waiting = await hospital.create(unpriced)
    async with rest_client(server, hospital.tenant_id) as http:
        for query, expected in (
            ("", [waiting, planned, second, first]),
            (f"account=Account/{other['id']}", [second]),
            ("status=planned", [planned]),
            ("code=x-ray", [second]),
            ("code=http://example.org/tariff|x-ray", [second]),
            ("code=http://example.org/other|x-ray", []),
            ("subject=Patient/p1&status=billable&date_to=2026-03-31", [second, first]),
            ("subject=Patient/p2", []),
            ("date_from=2026-03-02&date_to=2026-03-05", [second]),
            ("date_from=2026-05-02", []),
            ("date_to=9999-12-31&date_from=0001-01-01", [waiting, planned, second, first]),
            ("waits_for=price", [waiting]),
            ("waits_for=account", []),
        ):
            answer = await http.get(f"charges?{query}")
            assert [item["id"] for item in body(answer)["items"]] == [each["id"] for each in expected], query
        page = body(await http.get("charges?limit=3"))
        rest = body(await http.get(f"charges?limit=3&cursor={page['next']}"))
        assert [item["id"] for item in rest["items"]] == [first["id"]]
        assert "next" not in rest


async def test_a_charge_says_what_it_costs_and_what_it_waits_for(server: Server, hospital: Hospital) -> None:
    account = await hospital.account()
    charge = await hospital.charge(account, 30, quantity={"value": 1.50})
    invoice = await hospital.draft(account, charge)
    async with rest_client(server, hospital.tenant_id) as http:
        answer = await http.get(f"charges/{charge['id']}")
        shown = body(answer)
        assert shown["account"] == f"Account/{account['id']}"
        assert (shown["status"], shown["amount"], shown["quantity"]) == ("billable", amount(3000), "1.5")
        assert shown["codes"] == [{"system": "http://example.org/tariff", "code": "consultation"}]
        assert shown["invoice"] == f"Invoice/{invoice['id']}"
        assert "waits_for" not in shown
        again = await http.get(f"charges/{charge['id']}", headers={"if-none-match": answer.headers["etag"]})
        assert again.status_code == 304
        nowhere = await http.get("charges/nowhere")
        assert (nowhere.status_code, problem_codes(nowhere)) == (404, ["not-found"])

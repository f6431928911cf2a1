"""`/tax-rules`: added, listed, read and ended."""

from __future__ import annotations

from tests.integration.rest_client import problem_codes, rest_client
from tests.integration.serving import Hospital, Json, Server, body

RULE: Json = {
    "id": "vat",
    "category": "standard",
    "code": "VAT",
    "treatment": "taxable",
    "percent": "5",
    "valid_from": "2018-01-01",
}


async def test_a_rule_is_added_once_and_listed(server: Server, hospital: Hospital) -> None:
    async with rest_client(server, hospital.tenant_id, "billing:price:write") as http:
        first = await http.post("tax-rules", json=RULE)
        assert first.status_code == 201, first.text
        again = await http.post("tax-rules", json=RULE)
        assert (again.status_code, body(again)) == (200, body(first))
        assert body(await http.get("tax-rules"))["items"] == [body(first)]
        assert body(await http.get("tax-rules/vat")) == {**RULE, "inclusive": False}
        clash = await http.post("tax-rules", json={**RULE, "id": "other"})
        assert (clash.status_code, problem_codes(clash)) == (409, ["tax-rule-overlap"])


async def test_a_rule_ends_today_or_later(server: Server, hospital: Hospital) -> None:
    async with rest_client(server, hospital.tenant_id, "billing:price:write") as http:
        await http.post("tax-rules", json=RULE)
        past = await http.post("tax-rules/vat/end", json={"valid_to": "2020-01-01"})
        assert (past.status_code, problem_codes(past)) == (422, ["tax-rule-invalid"])
        ended = await http.post("tax-rules/vat/end", json={"valid_to": "2090-01-01"})
        assert body(ended)["valid_to"] == "2090-01-01"
        unknown = await http.post("tax-rules/none/end", json={"valid_to": "2090-01-01"})
        assert (unknown.status_code, problem_codes(unknown)) == (404, ["tax-rule-unknown"])


async def test_who_may_not_write_prices_may_not_see_or_write_rules(server: Server, hospital: Hospital) -> None:
    async with rest_client(server, hospital.tenant_id, "billing:tenant:admin") as http:
        assert (await http.get("tax-rules")).status_code == 403
        assert (await http.post("tax-rules", json=RULE)).status_code == 403

"""`/codes`: kept, listed page by page, exported, and validated by."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.integration.rest_client import pointers, problem_codes, rest_client
from tests.integration.serving import Hospital, Server, body, charge_item, codes_of, hospital_of, row_counts

SYSTEM = "http://example.org/tariff"
ENTRY: dict[str, Any] = {"system": SYSTEM, "code": "consultation", "display": "Visit", "valid_from": "2020-01-01"}


async def test_codes_are_kept_listed_and_exported(server: Server, hospital: Hospital) -> None:
    more = [{"system": SYSTEM, "code": f"c{number}"} for number in range(4)]
    async with rest_client(server, hospital.tenant_id, "billing:price:write") as http:
        assert body(await http.post("codes", json={"codes": [ENTRY, *more]})) == {"changed": 5}
        assert body(await http.post("codes", json={"codes": [ENTRY]})) == {"changed": 0}
        first = body(await http.get("codes?limit=3"))
        rest = body(await http.get(f"codes?limit=3&cursor={first['next']}"))
        assert first["items"] + rest["items"] == [*more, ENTRY]
        assert "next" not in rest
        csv = body(await http.get("codes/csv"))["csv"]
        assert csv.splitlines()[-1] == f"{SYSTEM},consultation,Visit,2020-01-01,"
        assert body(await http.post("codes", json={"csv": csv})) == {"changed": 0}


async def test_what_is_wrong_is_named_and_nothing_is_kept(server: Server, hospital: Hospital) -> None:
    async with rest_client(server, hospital.tenant_id, "billing:price:write") as http:
        before = row_counts(server.access)
        wrong = await http.post("codes", json={"codes": [ENTRY, {"system": "a b", "code": "1"}]})
        assert (wrong.status_code, problem_codes(wrong)) == (422, ["charge-code-invalid"])
        assert pointers(wrong) == ["/codes/1"]
        both = await http.post("codes", json={"codes": [ENTRY], "csv": "system,code\n"})
        assert (both.status_code, problem_codes(both)) == (400, ["value-invalid"])
        csv = await http.post("codes", json={"csv": "system\n"})
        assert (csv.status_code, problem_codes(csv)) == (400, ["charge-code-csv"])
        assert row_counts(server.access) == before


async def test_charges_are_validated_by_what_was_sent(server: Server) -> None:
    async with hospital_of(server, settings={"code_validation": "local"}) as hospital:
        account = await hospital.account()
        charge = charge_item(f"Account/{account['id']}")
        refused = await hospital.http.post("ChargeItem", json=charge)
        assert (refused.status_code, codes_of(body(refused))) == (422, ["code-unknown"])
        async with rest_client(server, hospital.tenant_id, "billing:price:write") as http:
            await http.post("codes", json={"codes": [ENTRY]})
        bundle = {
            "resourceType": "Bundle",
            "type": "transaction",
            "entry": [{"resource": charge, "request": {"method": "POST", "url": "ChargeItem"}}] * 3,
        }
        answer = await hospital.http.post("", json=bundle)
        assert answer.status_code == 200, answer.text
        charge["code"]["coding"][0]["code"] = "none"
        answer = await hospital.http.post("", json=bundle)
        assert set(codes_of(body(answer))) == {"code-unknown"}


@pytest.mark.parametrize("text", ["a\u0000b", "a\u2028b\u00a0", "\ud800", "é" * 100, "9" * 5000])
async def test_no_text_makes_the_server_fail(server: Server, hospital: Hospital, text: str) -> None:
    async with rest_client(server, hospital.tenant_id, "billing:price:write") as http:
        for sent in (
            {"codes": [{**ENTRY, "code": text}]},
            {"codes": [{**ENTRY, "system": text}]},
            {"codes": [{**ENTRY, "display": text}]},
            {"csv": f"system,code\n{SYSTEM},{text}\n"},
        ):
            content = json.dumps(sent).encode()
            answer = await http.post("codes", content=content, headers={"content-type": "application/json"})
            assert answer.status_code in {200, 400, 422}, answer.text

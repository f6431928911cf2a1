"""The plan of a search, for operators: as the application, without values that nobody sent."""

from __future__ import annotations

import pytest

from mappers.r4.json_text import decode
from mappers.r4.validate import validate
from tests.integration.serving import Hospital, Json, Server, body, codes_of

SCOPE = "billing:search:explain"


def plans(bundle: Json) -> list[str]:
    assert {entry["search"]["mode"] for entry in bundle["entry"]} == {"outcome"}
    return [entry["resource"]["issue"][0]["diagnostics"] for entry in bundle["entry"]]


async def explained(server: Server, hospital: Hospital, search: str) -> Json:
    async with server.client(server.token(hospital.tenant_id, f"system/*.rs {SCOPE}")) as operator:
        answer = await operator.get(search)
    assert answer.status_code == 200, answer.text
    assert validate(decode(answer.content)) == []
    return body(answer)


async def test_an_operator_sees_how_a_search_is_carried_out(server: Server, hospital: Hospital) -> None:
    await hospital.account(name="Ahmad Zahir", identifier=[{"system": "http://his", "value": "secret-number"}])
    bundle = await explained(server, hospital, "Account?identifier=http://his|77&_explain=true")
    [plan] = plans(bundle)
    assert "Index" in plan
    assert "account_index" in plan
    # What the session is set to by row-level security is a part of it.
    assert "billing.tenant" in plan
    assert bundle["link"] == [
        {"relation": "self", "url": bundle["link"][0]["url"]},
    ]
    assert bundle["link"][0]["url"].endswith("Account?identifier=http://his%7C77&_explain=true")
    assert "$2" in bundle["entry"][0]["resource"]["issue"][1]["diagnostics"]
    for text in ("77", "secret-number", "Zahir"):
        assert text not in "".join(plans(bundle))


async def test_what_is_planned_for_its_values_shows_those_that_were_sent(server: Server, hospital: Hospital) -> None:
    await hospital.account(name="Ahmad Zahir")
    for search in (
        "Account?_lastUpdated=gt2026-01-01&_explain=true",
        "Account?name=ah&_total=accurate&_explain=true",
        "Invoice?_sort=-date,identifier&_explain=true",
        "?_type=Account,Invoice&_explain=true",
        "Patient/p1/*?_explain=true",
        "Account?_has:Invoice:account:status=issued&_count=0&_explain=true",
    ):
        found = plans(await explained(server, hospital, search))
        assert all("cost=" in plan for plan in found)
        assert "Zahir" not in "".join(found)
    assert len(plans(await explained(server, hospital, "Account?name=ah&_total=accurate&_explain=true"))) == 2
    [plan] = plans(await explained(server, hospital, "Account?name=ahmad&_explain=true"))
    assert "ahmad" in plan


async def test_it_needs_a_scope_of_its_own_and_the_permission_to_search(server: Server, hospital: Hospital) -> None:
    for scope, status in (
        ("system/Account.rs", 403),
        (f"system/Account.r {SCOPE}", 403),
        (f"system/Account.rs {SCOPE}", 200),
        ("system/Account.rs billing:*", 200),
    ):
        async with server.client(server.token(hospital.tenant_id, scope)) as client:
            assert (await client.get("Account?_explain=true")).status_code == status, scope


@pytest.mark.parametrize("query", ["_explain=yes", "_explain=true&_explain=true", "_explain=true&nothing=1"])
async def test_what_is_not_understood_is_refused(hospital: Hospital, query: str) -> None:
    assert (await hospital.http.get(f"Account?{query}")).status_code == 400


async def test_a_page_behind_a_cursor_is_not_explained_for_it_holds_values(hospital: Hospital) -> None:
    for name in ("a", "b"):
        await hospital.account(name=name)
    first = body(await hospital.http.get("Account?_sort=name&_count=1"))
    following = next(link["url"] for link in first["link"] if link["relation"] == "next")
    answer = await hospital.http.get(f"{following}&_explain=true")
    assert (answer.status_code, codes_of(body(answer))) == (400, ["search-value-invalid"])

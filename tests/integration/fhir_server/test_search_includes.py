"""What comes along with matches over HTTP: `_include`, `_revinclude`, `:iterate`, and what a token may not read."""

from __future__ import annotations

import pytest

from fhir_server.interactions import search_includes
from mappers.r4.json_text import decode
from mappers.r4.validate import validate
from tests.integration.serving import BASE, Hospital, Json, Server, body, codes_of


def by_mode(bundle: Json, mode: str) -> list[str]:
    found = [entry for entry in bundle.get("entry", []) if entry["search"]["mode"] == mode]
    return [f"{entry['resource']['resourceType']}/{entry['resource'].get('id')}" for entry in found]


def names(*resources: Json) -> list[str]:
    return sorted(f"{each['resourceType']}/{each['id']}" for each in resources)


async def test_what_matches_refer_to_comes_along_once(hospital: Hospital) -> None:
    account = await hospital.account()
    charges = [await hospital.charge(account) for _ in range(3)]
    drafts = [await hospital.draft(account, charges[0], charges[1]), await hospital.draft(account, charges[2])]
    answer = await hospital.http.get("Invoice?_include=Invoice:account&_include=Invoice:charge&_sort=_id")
    bundle = body(answer)
    assert validate(decode(answer.content)) == []
    assert by_mode(bundle, "match") == names(*drafts)
    assert sorted(by_mode(bundle, "include")) == names(account, *charges)
    assert bundle["total"] == 2
    for entry in bundle["entry"]:
        assert entry["resource"] == await hospital.read(entry["fullUrl"])
    wild = body(await hospital.http.get("Invoice?_include=*&_sort=_id"))
    assert sorted(by_mode(wild, "include")) == names(account, *charges)


async def test_a_match_does_not_come_along_with_another(hospital: Hospital) -> None:
    account = await hospital.account()
    draft = await hospital.draft(account, await hospital.charge(account))
    url = "Account?_revinclude=Invoice:account&_revinclude:iterate=Invoice:account&_include:iterate=Invoice:account"
    bundle = body(await hospital.http.get(url))
    assert by_mode(bundle, "match") == names(account)
    assert by_mode(bundle, "include") == names(draft)
    assert f"{BASE}/{url}" == bundle["link"][0]["url"]


async def test_what_refers_to_matches_comes_along_and_iterates_when_asked(hospital: Hospital) -> None:
    account, invoice = await hospital.issued()
    charge = f"ChargeItem/{invoice['lineItem'][0]['chargeItemReference']['reference'].rpartition('/')[2]}"
    once = body(await hospital.http.get(f"Account?_id={account['id']}&_revinclude=Invoice:account"))
    assert by_mode(once, "include") == names(invoice)
    twice = body(
        await hospital.http.get(
            f"Account?_id={account['id']}&_revinclude=Invoice:account&_include:iterate=Invoice:charge"
        )
    )
    assert sorted(by_mode(twice, "include")) == sorted([charge, *names(invoice)])
    wild = body(await hospital.http.get(f"ChargeItem?_id={charge[11:]}&_include:iterate=*&_revinclude:iterate=*"))
    assert sorted(by_mode(wild, "include")) == names(account, invoice)


async def test_only_what_the_token_may_read_comes_along_and_the_client_is_told(
    hospital: Hospital, server: Server
) -> None:
    account, invoice = await hospital.issued()
    url = "Invoice?_include=Invoice:account&_include=Invoice:charge&_include:iterate=ChargeItem:account"
    async with server.client(server.token(hospital.tenant_id, "system/Invoice.rs system/Account.r")) as reader:
        bundle = body(await reader.get(url))
    assert by_mode(bundle, "match") == names(invoice)
    assert by_mode(bundle, "include") == names(account)
    [outcome] = [entry["resource"] for entry in bundle["entry"] if entry["search"]["mode"] == "outcome"]
    assert codes_of(outcome) == ["include-not-allowed"]
    assert "ChargeItem" in outcome["issue"][0]["diagnostics"]
    async with server.client(server.token(hospital.tenant_id, "system/Account.rs system/Invoice.r")) as reader:
        assert by_mode(body(await reader.get("Account?_revinclude=Invoice:account")), "include") == []


async def test_a_chain_needs_the_permission_to_search_every_type_that_it_asks_about(
    hospital: Hospital, server: Server
) -> None:
    async with server.client(server.token(hospital.tenant_id, "system/Invoice.rs system/Account.r")) as reader:
        for url in ("Invoice?account.status=active", "Invoice?_has:PaymentNotice:request:status=active"):
            answer = await reader.get(url)
            assert (answer.status_code, codes_of(body(answer))) == (403, ["insufficient-scope"])


async def test_another_tenant_is_never_reached_by_a_link(hospital: Hospital, server: Server) -> None:
    account, _ = await hospital.issued()
    other = await server.add_tenant()
    async with server.client(server.token(other)) as stranger:
        url = f"Account?_has:Invoice:account:status=issued&_id={account['id']}&_revinclude=*"
        assert body(await stranger.get(url))["total"] == 0


async def test_a_summary_is_one_of_everything_and_elements_are_those_of_the_matches(hospital: Hospital) -> None:
    account = await hospital.account(description="not in the summary of R4? it is shown whole or not at all")
    await hospital.draft(account, await hospital.charge(account))
    summary = body(await hospital.http.get("Invoice?_include=Invoice:account&_summary=true"))
    assert all(entry["resource"]["meta"]["tag"][0]["code"] == "SUBSETTED" for entry in summary["entry"])
    match, included = body(await hospital.http.get("Invoice?_include=Invoice:account&_elements=date"))["entry"]
    assert "account" not in match["resource"]
    assert included["resource"] == account
    counted = body(await hospital.http.get("Invoice?_include=Invoice:account&_summary=count"))
    assert (counted["total"], "entry" in counted) == (1, False)


async def test_each_page_brings_what_belongs_to_it(hospital: Hospital) -> None:
    for _ in range(2):
        account = await hospital.account()
        await hospital.draft(account, await hospital.charge(account))
    page = body(await hospital.http.get("Invoice?_include=Invoice:account&_count=1"))
    link = next(link["url"] for link in page["link"] if link["relation"] == "next")
    following = body(await hospital.http.get(link))
    for each in (page, following):
        [invoice, account] = [entry["resource"] for entry in each["entry"]]
        assert invoice["account"]["reference"] == f"Account/{account['id']}"


async def test_what_comes_along_is_bounded_and_the_client_is_told(
    hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = await hospital.account()
    for _ in range(3):
        await hospital.charge(account)
    monkeypatch.setattr(search_includes, "INCLUDED_MAX", 2)
    answer = await hospital.http.get("Account?_revinclude=ChargeItem:account")
    assert validate(decode(answer.content)) == []
    assert len(by_mode(body(answer), "include")) == 2
    assert codes_of(body(answer)["entry"][-1]["resource"]) == ["include-incomplete"]


async def test_conditions_are_not_chained(hospital: Hospital) -> None:
    answer = await hospital.http.post(
        "Account",
        json={"resourceType": "Account", "status": "active"},
        headers={"if-none-exist": "_has:Invoice:account:status=issued"},
    )
    assert (answer.status_code, codes_of(body(answer))) == (400, ["search-not-supported"])

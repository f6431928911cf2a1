"""Searches over HTTP: Bundles, links, paging, what is shown, and what is refused."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from mappers.r4.json_text import decode
from mappers.r4.validate import validate
from tests.integration.serving import BASE, Hospital, Json, Server, body, codes_of, hospital_of


def links(bundle: Json) -> dict[str, str]:
    return {link["relation"]: link["url"] for link in bundle["link"]}


def ids(bundle: Json) -> list[str]:
    return [entry["resource"]["id"] for entry in bundle.get("entry", []) if entry["search"]["mode"] == "match"]


def notice(number: int, **changed: Any) -> Json:
    """An account: the plainest resource to have many of."""
    identifier = {"system": "http://his", "value": str(number)}
    return {"resourceType": "Account", "status": "active", "identifier": [identifier], "name": f"n{number}", **changed}


async def accounts(hospital: Hospital, count: int) -> list[str]:
    return [(await hospital.create(notice(number)))["id"] for number in range(count)]


async def test_a_search_answers_a_valid_bundle_of_what_matches(hospital: Hospital) -> None:
    one, _ = await accounts(hospital, 2)
    answer = await hospital.http.get("Account", params={"identifier": "http://his|0"})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/fhir+json")
    bundle = body(answer)
    assert validate(decode(answer.content)) == []
    assert (bundle["type"], bundle["total"]) == ("searchset", 1)
    [entry] = bundle["entry"]
    assert entry["fullUrl"] == f"{BASE}/Account/{one}"
    assert entry["search"] == {"mode": "match"}
    assert entry["resource"] == await hospital.read(f"Account/{one}")
    assert links(bundle)["self"] == f"{BASE}/Account?identifier=http://his%7C0"


async def test_nothing_found_is_a_bundle_without_entries(hospital: Hospital) -> None:
    answer = await hospital.http.get("Invoice?status=issued")
    bundle = body(answer)
    assert (bundle["total"], "entry" in bundle) == (0, False)
    assert validate(decode(answer.content)) == []


async def test_a_search_by_form_finds_the_same(hospital: Hospital) -> None:
    await accounts(hospital, 2)
    got = body(await hospital.http.get("Account?identifier=http://his|1&_sort=name"))
    posted = body(await hospital.http.post("Account/_search?_sort=name", data={"identifier": "http://his|1"}))
    assert ids(posted) == ids(got) != []
    assert set(parse_qs(urlsplit(links(posted)["self"]).query)) == {"identifier", "_sort"}


async def test_links_lead_through_all_pages_and_back(hospital: Hospital) -> None:
    await accounts(hospital, 7)
    whole = ids(body(await hospital.http.get("Account?_sort=-name")))
    page = body(await hospital.http.get("Account?_sort=-name&_count=3"))
    first, forward, visited = page, ids(page), [page]
    assert "prev" not in links(page)
    while "next" in links(page):
        page = body(await hospital.http.get(links(page)["next"]))
        forward += ids(page)
        visited.append(page)
        assert links(page)["first"] == links(first)["first"]
        assert links(page)["previous"] == links(page)["prev"]
        again = body(await hospital.http.get(links(page)["self"]))
        assert ids(again) == ids(page)
    assert forward == whole
    assert [len(ids(each)) for each in visited] == [3, 3, 1]
    for before in reversed(visited[:-1]):
        page = body(await hospital.http.get(links(page)["prev"]))
        assert ids(page) == ids(before)
    assert "prev" not in links(page)


async def test_a_total_is_given_where_it_is_free_or_asked_for(hospital: Hospital) -> None:
    await accounts(hospital, 3)
    assert "total" not in body(await hospital.http.get("Account?_count=2"))
    assert body(await hospital.http.get("Account?_count=2&_total=accurate"))["total"] == 3
    assert body(await hospital.http.get("Account?_count=2&_total=estimate"))["total"] == 3
    assert "total" not in body(await hospital.http.get("Account?_total=none"))
    for query in ("_count=0", "_summary=count"):
        counted = body(await hospital.http.get(f"Account?{query}"))
        assert (counted["total"], "entry" in counted) == (3, False)


async def test_a_cursor_that_was_touched_or_is_of_another_search_is_refused(hospital: Hospital, server: Server) -> None:
    await accounts(hospital, 3)
    url = links(body(await hospital.http.get("Account?_count=1&status=active")))["next"]
    assert (await hospital.http.get(url)).status_code == 200
    cursor = parse_qs(urlsplit(url).query)["_cursor"][0]
    forged = cursor[:30] + ("A" if cursor[30] != "A" else "B") + cursor[31:]
    for query in (
        f"Account?status=active&_cursor={forged}",
        f"Account?status=active&_cursor={cursor[:-1]}",
        "Account?status=active&_cursor=",
        "Account?status=active&_cursor=%C3%A9",
        f"Account?status=inactive&_cursor={cursor}",
        f"Account?status=active&_sort=name&_cursor={cursor}",
        f"Invoice?status=active&_cursor={cursor}",
    ):
        answer = await hospital.http.get(query)
        assert (answer.status_code, codes_of(body(answer))) == (400, ["cursor-invalid"]), query
    async with hospital_of(server) as other:
        answer = await other.http.get(f"Account?status=active&_cursor={cursor}")
        assert (answer.status_code, codes_of(body(answer))) == (400, ["cursor-invalid"])


async def test_an_unknown_parameter_is_refused_unless_the_client_is_lenient(hospital: Hospital) -> None:
    await accounts(hospital, 1)
    strict = await hospital.http.get("Account?nmae=n0&date=x")
    assert strict.status_code == 400
    assert codes_of(body(strict)) == ["unknown-search-parameter", "unknown-search-parameter"]
    lenient = await hospital.http.get("Account?nmae=n0&status=active", headers={"prefer": "handling=lenient"})
    bundle = body(lenient)
    assert validate(decode(lenient.content)) == []
    assert links(bundle)["self"] == f"{BASE}/Account?status=active"
    outcome = bundle["entry"][-1]
    assert outcome["search"]["mode"] == "outcome"
    assert codes_of(outcome["resource"]) == ["unknown-search-parameter"]
    assert bundle["total"] == 1


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("_summary=true", {"identifier", "status", "name", "subject"}),
        ("_summary=text", {"status"}),
        ("_summary=data", {"identifier", "status", "name", "subject", "extension"}),
        ("_summary=false", {"identifier", "status", "name", "subject", "extension"}),
        ("_elements=name", {"status", "name"}),
        ("_elements=Account.identifier,subject", {"status", "identifier", "subject"}),
    ],
)
async def test_parts_of_resources_are_shown_and_marked(hospital: Hospital, query: str, shown: set[str]) -> None:
    extension = [{"url": "http://example.org/x", "valueDecimal": 1.50}]
    await hospital.create(notice(1, subject=[{"reference": "Patient/1"}], extension=extension))
    answer = await hospital.http.get(f"Account?{query}")
    assert validate(decode(answer.content)) == []
    [entry] = body(answer)["entry"]
    resource = entry["resource"]
    found = {name for name in resource if name not in {"resourceType", "id", "meta"}} - {"extension"}
    assert found == shown - {"extension"}
    tags = [tag["code"] for tag in resource["meta"].get("tag", [])]
    assert tags == ([] if query == "_summary=false" else ["SUBSETTED"])


async def test_a_search_needs_the_permission_to_search(hospital: Hospital, server: Server) -> None:
    async with server.client(server.token(hospital.tenant_id, "system/Account.r")) as reader:
        assert (await reader.get("Account?status=active")).status_code == 403
    async with server.client(None) as nobody:
        assert (await nobody.get("Account?status=active")).status_code == 401


async def test_conditional_create_under_contention_makes_one(hospital: Hospital) -> None:
    condition = {"if-none-exist": "identifier=http://his|same"}
    answers = await asyncio.gather(
        *(
            hospital.http.post(
                "Account", json=notice(0, identifier=[{"system": "http://his", "value": "same"}]), headers=condition
            )
            for _ in range(16)
        )
    )
    assert sorted({answer.status_code for answer in answers}) == [200, 201]
    assert len({body(answer)["id"] for answer in answers}) == 1
    assert body(await hospital.http.get("Account?identifier=http://his|same"))["total"] == 1


async def test_conditions_without_criteria_or_with_unknown_ones_are_refused(hospital: Hospital) -> None:
    for condition, code in (("_count=1", "criteria-missing"), ("identifer=1", "unknown-search-parameter")):
        answer = await hospital.http.post(
            "Account", json=notice(0), headers={"if-none-exist": condition, "prefer": "handling=lenient"}
        )
        assert (answer.status_code, codes_of(body(answer))) == (400, [code])


async def test_what_does_not_change_comes_once_while_others_write(hospital: Hospital) -> None:
    quiet = await accounts(hospital, 20)
    done = asyncio.Event()

    async def write() -> None:
        number = 1000
        while not done.is_set():
            number += 1
            await hospital.create(notice(number))

    writer = asyncio.create_task(write())
    try:
        for sort in ("name", "-_lastUpdated", "_id"):
            page = body(await hospital.http.get(f"Account?_sort={sort}&_count=3"))
            seen = ids(page)
            for _ in range(200):
                if "next" not in links(page) or set(quiet) <= set(seen):
                    break
                page = body(await hospital.http.get(links(page)["next"]))
                seen += ids(page)
            assert sorted(id_ for id_ in seen if id_ in quiet) == sorted(quiet), sort
    finally:
        done.set()
        await writer


async def test_a_search_in_a_transaction_sees_what_the_transaction_wrote(hospital: Hospital) -> None:
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {"resource": notice(5), "request": {"method": "POST", "url": "Account"}},
            {"request": {"method": "GET", "url": "Account?identifier=http://his|5"}},
        ],
    }
    answer = await hospital.http.post("", json=bundle)
    assert answer.status_code == 200, answer.text
    created, found = body(answer)["entry"]
    assert found["resource"]["total"] == 1
    assert created["response"]["location"].startswith(f"Account/{ids(found['resource'])[0]}/")

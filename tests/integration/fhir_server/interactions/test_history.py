"""The history of an instance, a type and the system. https://hl7.org/fhir/R4/http.html#history"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from billing.record_change import record_creation
from mappers import mapper_for
from mappers.r4.json_text import decode
from mappers.r4.validate import validate
from storage import search_horizon
from storage.transaction import Database, Transaction
from tests.integration.serving import BASE, Hospital, Json, Server, body, codes_of


async def account_with_versions(hospital: Hospital, count: int) -> Json:
    account = await hospital.account(name="1")
    for number in range(2, count + 1):
        answer = await hospital.http.put(f"Account/{account['id']}", json=account | {"name": str(number)})
        assert answer.status_code == 200
    return account


async def test_history_lists_all_versions_newest_first(hospital: Hospital) -> None:
    account = await account_with_versions(hospital, 3)
    history = await hospital.read(f"Account/{account['id']}/_history")
    assert (history["type"], history["total"]) == ("history", 3)
    assert [entry["resource"]["name"] for entry in history["entry"]] == ["3", "2", "1"]
    assert [entry["request"]["method"] for entry in history["entry"]] == ["PUT", "PUT", "POST"]
    assert [entry["request"]["url"] for entry in history["entry"]] == [*[f"Account/{account['id']}"] * 2, "Account"]
    assert [entry["response"]["etag"] for entry in history["entry"]] == ['W/"3"', 'W/"2"', 'W/"1"']
    assert [entry["response"]["status"] for entry in history["entry"]] == ["200 OK", "200 OK", "201 Created"]
    assert {entry["fullUrl"] for entry in history["entry"]} == {f"{BASE}/Account/{account['id']}"}


async def test_history_of_what_is_deleted_shows_the_deletion_without_a_resource(hospital: Hospital) -> None:
    account = await hospital.account()
    await hospital.http.delete(f"Account/{account['id']}")
    answer = await hospital.http.get(f"Account/{account['id']}/_history")
    entry = body(answer)["entry"][0]
    assert "resource" not in entry
    assert entry["request"] == {"method": "DELETE", "url": f"Account/{account['id']}"}
    assert entry["response"]["status"] == "204 No Content"
    assert validate(decode(answer.content)) == []


async def test_pages_show_each_version_once_also_when_new_ones_come_meanwhile(hospital: Hospital) -> None:
    account = await account_with_versions(hospital, 5)
    url = f"Account/{account['id']}/_history?_count=2"
    seen = []
    while url:
        page = await hospital.read(url)
        seen += [entry["resource"]["meta"]["versionId"] for entry in page["entry"]]
        links = {link["relation"]: link["url"] for link in page["link"]}
        url = links.get("next", "")
        await hospital.http.put(f"Account/{account['id']}", json=account | {"name": f"after {len(seen)}"})
    assert seen == ["5", "4", "3", "2", "1"]


async def test_a_count_of_0_asks_for_the_total_alone(hospital: Hospital) -> None:
    account = await account_with_versions(hospital, 2)
    page = await hospital.read(f"Account/{account['id']}/_history?_count=0")
    assert page["total"] == 2
    assert "entry" not in page


async def test_a_count_beyond_all_pages_asks_for_a_whole_page(hospital: Hospital) -> None:
    account = await account_with_versions(hospital, 2)
    page = await hospital.read(f"Account/{account['id']}/_history?_count={10**30}")
    assert len(page["entry"]) == 2


@pytest.mark.parametrize(
    "query",
    [
        "_count=x",
        "_count=-1",
        "_count=1&_count=2",
        "_cursor=1",
        "_sort=x",
        "_sort=name",
        "_since=yesterday",
        "_at=2026-13",
        "_list=1",
    ],
)
async def test_a_parameter_that_is_wrong_or_unknown_is_refused(hospital: Hospital, query: str) -> None:
    account = await hospital.account()
    for path in (f"Account/{account['id']}/_history", "Account/_history", "_history"):
        answer = await hospital.http.get(f"{path}?{query}")
        assert answer.status_code == 400, path
    assert body(answer)["resourceType"] == "OperationOutcome"


async def test_lenient_handling_ignores_what_is_unknown(hospital: Hospital) -> None:
    account = await hospital.account()
    answer = await hospital.http.get(
        f"Account/{account['id']}/_history?unknown=1", headers={"prefer": "handling=lenient"}
    )
    assert answer.status_code == 200


async def test_history_of_what_never_was_is_404(hospital: Hospital) -> None:
    answer = await hospital.http.get("Account/nothing/_history")
    assert answer.status_code == 404
    assert codes_of(body(answer)) == ["not-found"]


def versions_of(bundle: Json) -> list[str]:
    """`Account/1 v2` for each entry, in order."""
    return [
        f"{entry['fullUrl'].removeprefix(BASE + '/')} v{entry['response']['etag'][3:-1]}"
        for entry in bundle.get("entry", [])
    ]


async def pages_of(hospital: Hospital, url: str) -> list[str]:
    found: list[str] = []
    while url:
        page = await hospital.read(url)
        found += versions_of(page)
        url = {link["relation"]: link["url"] for link in page["link"]}.get("next", "")
    return found


async def made(hospital: Hospital) -> tuple[str, str]:
    """An account in three versions, the last its deletion, and a charge on another, made in between."""
    account = await account_with_versions(hospital, 2)
    other = await hospital.account()
    charge = await hospital.charge(other, status="planned")
    assert (await hospital.http.delete(f"Account/{account['id']}")).status_code == 204
    return account["id"], charge["id"]


async def test_the_history_of_a_type_has_all_versions_of_all_its_resources(hospital: Hospital) -> None:
    account, _ = await made(hospital)
    answer = await hospital.http.get("Account/_history")
    history = body(answer)
    assert answer.status_code == 200
    assert validate(decode(answer.content)) == []
    assert (history["type"], history["total"]) == ("history", 4)
    assert [entry["request"]["method"] for entry in history["entry"]] == ["DELETE", "POST", "PUT", "POST"]
    assert versions_of(history)[0] == f"Account/{account} v3"
    assert "resource" not in history["entry"][0]
    assert history["entry"][2]["resource"]["meta"]["versionId"] == "2"
    moments = [entry["response"]["lastModified"] for entry in history["entry"]]
    assert moments == sorted(moments, reverse=True)


async def test_the_history_of_the_system_has_all_types(hospital: Hospital) -> None:
    account, charge = await made(hospital)
    found = versions_of(await hospital.read("_history"))
    assert len(found) == 5
    assert found[:2] == [f"Account/{account} v3", f"ChargeItem/{charge} v1"]
    assert (await hospital.read("_history?_count=0"))["total"] == 5
    assert (await hospital.read("ChargeItem/_history?_count=0"))["total"] == 1


@pytest.mark.parametrize("path", ["Account/_history", "_history"])
@pytest.mark.parametrize("sort", ["", "&_sort=-_lastUpdated", "&_sort=_lastUpdated"])
async def test_pages_show_every_version_once_in_order(hospital: Hospital, path: str, sort: str) -> None:
    for _ in range(2):
        await made(hospital)
    everything = versions_of(await hospital.read(f"{path}?_count=100"))
    if sort == "&_sort=_lastUpdated":
        everything.reverse()
    assert await pages_of(hospital, f"{path}?_count=3{sort}") == everything
    assert len(set(everything)) == len(everything)


async def test_what_is_made_while_a_client_pages_comes_at_the_end_of_oldest_first(hospital: Hospital) -> None:
    await made(hospital)
    page = await hospital.read("_history?_count=3&_sort=_lastUpdated")
    late = await hospital.account()
    following = {link["relation"]: link["url"] for link in page["link"]}["next"]
    rest = await pages_of(hospital, following)
    assert len(rest) == 3
    assert rest[-1] == f"Account/{late['id']} v1"


async def test_a_cursor_is_refused_elsewhere_and_when_it_was_changed(server: Server, hospital: Hospital) -> None:
    await made(hospital)
    links = (await hospital.read("Account/_history?_count=1"))["link"]
    following = {link["relation"]: link["url"] for link in links}["next"]
    cursor = following.partition("_cursor=")[2]
    # The size of the page may be another.
    assert (await hospital.http.get(f"Account/_history?_cursor={cursor}")).status_code == 200
    for path in ("_history", "ChargeItem/_history", "Account/_history?_sort=_lastUpdated", "Account/1/_history"):
        answer = await hospital.http.get(f"{path}{'&' if '?' in path else '?'}_cursor={cursor}")
        assert (answer.status_code, codes_of(body(answer))) == (400, ["cursor-invalid"]), path
    changed = cursor[:30] + ("A" if cursor[30] != "A" else "B") + cursor[31:]
    assert (await hospital.http.get(f"Account/_history?_cursor={changed}")).status_code == 400
    other = await server.add_tenant()
    async with server.client(server.token(other)) as http:
        assert (await http.get(f"Account/_history?_cursor={cursor}")).status_code == 400
        assert body(await http.get("_history"))["total"] == 0


async def test_since_shows_what_was_made_at_that_moment_or_later(hospital: Hospital) -> None:
    account, charge = await made(hospital)
    moments = {
        version: entry["response"]["lastModified"]
        for entry in (await hospital.read("_history"))["entry"]
        for version in versions_of({"entry": [entry]})
    }
    since = moments[f"ChargeItem/{charge} v1"]
    expected = [f"Account/{account} v3", f"ChargeItem/{charge} v1"]
    assert versions_of(await hospital.read(f"_history?_since={since}")) == expected
    assert await pages_of(hospital, f"_history?_since={since}&_count=1") == expected
    assert versions_of(await hospital.read(f"Account/_history?_since={since}")) == expected[:1]
    assert versions_of(await hospital.read("_history?_since=2999-01-01T00:00:00Z")) == []
    assert len(versions_of(await hospital.read("_history?_since=2020-01-01T00:00:00+04:30"))) == 5
    instance = await hospital.read(f"Account/{account}/_history?_since={moments[f'Account/{account} v2']}")
    assert versions_of(instance) == [f"Account/{account} v3", f"Account/{account} v2"]
    assert instance["total"] == 2
    assert (await hospital.read(f"Account/{account}/_history?_since=2999"))["total"] == 0


async def test_at_shows_what_was_current_then(hospital: Hospital) -> None:
    account, charge = await made(hospital)
    history = (await hospital.read("_history"))["entry"]
    moments = {versions_of({"entry": [entry]})[0]: entry["response"]["lastModified"] for entry in history}
    first, second, gone = (moments[f"Account/{account} v{version}"] for version in (1, 2, 3))

    async def at(moment: str) -> list[str]:
        found = versions_of(await hospital.read(f"_history?_at={moment}"))
        assert [name for name in found if name.startswith(f"Account/{account} ")] == versions_of(
            await hospital.read(f"Account/{account}/_history?_at={moment}")
        )
        return found

    assert await at(first) == [f"Account/{account} v1"]
    assert await at(second) == [f"Account/{account} v2"]
    # The deletion at its own moment; then nothing of what is gone.
    assert (await at(gone))[0] == f"Account/{account} v3"
    assert len(await at("2999-01-01")) == 2
    assert f"ChargeItem/{charge} v1" in await at("2999-01-01")
    assert await at("2020-01-01") == []
    assert len(await at(f"{datetime.now(UTC).year}")) == 5


async def test_a_change_that_is_committed_late_is_not_skipped(
    hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_horizon, "WAIT", search_horizon.WAIT / 10)
    database = Database(hospital.server.access.app)
    await database.open()

    async def begin(tx: Transaction) -> None:
        await tx.read_clock()
        document: dict[str, Any] = {"resourceType": "Invoice", "status": "draft"}
        record_creation(tx, mapper_for("Invoice").parse(document, id="early", base_url=BASE))
        await tx.read_all(tx.tenant_id, [(search_horizon._SET_HORIZON, ())])  # sends what is queued

    try:
        async with database.transaction(hospital.tenant_id, "test") as slow:
            await begin(slow)
            late = await hospital.account()
            assert await pages_of(hospital, "_history") == [], "the later change would hide the earlier one for ever"
            assert len(versions_of(await hospital.read(f"Account/{late['id']}/_history"))) == 1
    finally:
        await database.close()
    assert await pages_of(hospital, "_history?_sort=_lastUpdated&_count=1") == [
        "Invoice/early v1",
        f"Account/{late['id']} v1",
    ]


async def test_a_poller_among_many_writers_sees_every_version_once(hospital: Hospital) -> None:
    async def write(writer: int) -> list[str]:
        return [f"Account/{(await hospital.account(name=f'{writer}'))['id']} v1" for _ in range(10)]

    writing = asyncio.gather(*(write(writer) for writer in range(8)))
    seen: list[str] = []
    since = "2020-01-01T00:00:00Z"

    async def poll() -> None:
        nonlocal since
        page = await hospital.read(f"_history?_since={since}&_sort=_lastUpdated&_count=1000")
        new = [entry for entry in page.get("entry", []) if versions_of({"entry": [entry]})[0] not in seen]
        seen.extend(versions_of({"entry": new}))
        since = new[-1]["response"]["lastModified"] if new else since

    while not writing.done():
        await poll()
    await poll()
    written = {name for names in await writing for name in names}
    assert len(seen) == len(written) == 80
    assert set(seen) == written


async def test_the_history_of_the_system_has_the_types_that_the_token_may_search(
    server: Server, hospital: Hospital
) -> None:
    _, charge = await made(hospital)
    async with server.client(server.token(hospital.tenant_id, "system/ChargeItem.rs")) as http:
        assert versions_of(body(await http.get("_history"))) == [f"ChargeItem/{charge} v1"]
        assert (await http.get("ChargeItem/_history")).status_code == 200
        assert (await http.get("Account/_history")).status_code == 403
    async with server.client(server.token(hospital.tenant_id, "system/*.cru")) as http:
        assert (await http.get("_history")).status_code == 403


async def test_history_can_be_asked_for_in_a_bundle(hospital: Hospital) -> None:
    account, _ = await made(hospital)
    for kind in ("batch", "transaction"):
        bundle = {
            "resourceType": "Bundle",
            "type": kind,
            "entry": [{"request": {"method": "GET", "url": url}} for url in ("_history?_count=1", "Account/_history")],
        }
        answer = await hospital.http.post("", json=bundle)
        assert answer.status_code == 200, answer.text
        system, accounts = (entry["resource"] for entry in body(answer)["entry"])
        assert versions_of(system) == [f"Account/{account} v3"]
        assert len(versions_of(accounts)) == 4

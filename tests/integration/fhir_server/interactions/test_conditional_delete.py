"""The conditional delete: of what one resource matches, or by setting of all matches. https://hl7.org/fhir/R4/http.html#delete"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from tests.database_server import DatabaseAccess
from tests.integration.serving import (
    PATIENT,
    Hospital,
    Json,
    Server,
    body,
    charge_item,
    codes_of,
    hospital_of,
    serving,
)

QUERY = "Account?identifier=http://his|1"
ACCOUNT: Json = {
    "resourceType": "Account",
    "status": "active",
    "subject": [PATIENT],
    "identifier": [{"system": "http://his", "value": "1"}],
}


async def test_the_one_match_is_deleted_and_no_match_is_as_if_it_were(hospital: Hospital) -> None:
    created = await hospital.create(ACCOUNT)
    answer = await hospital.http.delete(QUERY)
    assert (answer.status_code, answer.headers["etag"], answer.content) == (204, 'W/"2"', b"")
    assert (await hospital.http.get(f"Account/{created['id']}")).status_code == 410
    assert (await hospital.http.delete(QUERY)).status_code == 204


async def test_several_matches_are_412_and_stay(hospital: Hospital) -> None:
    for _ in range(2):
        await hospital.create(ACCOUNT)
    answer = await hospital.http.delete(QUERY)
    assert (answer.status_code, codes_of(body(answer))) == (412, ["precondition-failed"])
    assert (await hospital.read(f"{QUERY}&_total=accurate"))["total"] == 2


async def test_if_match_holds_for_what_matches(hospital: Hospital) -> None:
    assert (await hospital.http.delete(QUERY, headers={"if-match": "*"})).status_code == 412
    await hospital.create(ACCOUNT)
    assert (await hospital.http.delete(QUERY, headers={"if-match": 'W/"2"'})).status_code == 412
    assert (await hospital.http.delete(QUERY, headers={"if-match": 'W/"1"'})).status_code == 204


async def test_what_has_posted_is_not_deleted(hospital: Hospital) -> None:
    _, invoice = await hospital.issued()
    answer = await hospital.http.delete(f"Invoice?_id={invoice['id']}")
    assert answer.status_code == 409


async def test_it_needs_to_be_allowed_to_search(server: Server, hospital: Hospital) -> None:
    async with server.client(server.token(hospital.tenant_id, "system/Account.d")) as http:
        assert (await http.delete(QUERY)).status_code == 403


async def test_many_at_once_delete_once(hospital: Hospital) -> None:
    created = await hospital.create(ACCOUNT)
    answers = await asyncio.gather(*(hospital.http.delete(QUERY) for _ in range(32)))
    assert {answer.status_code for answer in answers} == {204}
    assert (await hospital.read(f"Account/{created['id']}/_history"))["total"] == 2


async def test_it_goes_first_in_a_transaction(hospital: Hospital) -> None:
    created = await hospital.create(ACCOUNT)
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {"resource": ACCOUNT, "request": {"method": "POST", "url": "Account"}},
            {"request": {"method": "DELETE", "url": QUERY}},
        ],
    }
    answer = await hospital.http.post("", json=bundle)
    assert answer.status_code == 200, answer.text
    assert [entry["response"]["status"] for entry in body(answer)["entry"]] == ["201 Created", "204 No Content"]
    assert (await hospital.http.get(f"Account/{created['id']}")).status_code == 410
    assert (await hospital.read(f"{QUERY}&_total=accurate"))["total"] == 1


@pytest_asyncio.fixture
async def deleting_many(database: DatabaseAccess, tmp_path: Path) -> AsyncIterator[Hospital]:
    """A tenant of a server whose setting is to delete all matches."""
    async with serving(database, tmp_path, conditional_delete="multiple") as server, hospital_of(server) as one:
        yield one


async def test_by_setting_all_matches_are_deleted(deleting_many: Hospital) -> None:
    for _ in range(3):
        await deleting_many.create(ACCOUNT)
    other = await deleting_many.account()
    assert (await deleting_many.http.delete(QUERY, headers={"if-match": 'W/"1"'})).status_code == 412
    answers = await asyncio.gather(*(deleting_many.http.delete(QUERY) for _ in range(16)))
    assert {answer.status_code for answer in answers} == {204}
    assert (await deleting_many.read("Account?_total=accurate"))["total"] == 1
    assert (await deleting_many.http.get(f"Account/{other['id']}")).status_code == 200
    assert (await deleting_many.read("Account/_history?_count=0"))["total"] == 7
    statement = await deleting_many.read("metadata")
    assert {each.get("conditionalDelete") for each in statement["rest"][0]["resource"]} == {None, "multiple"}


async def test_of_many_matches_all_are_deleted_or_none(deleting_many: Hospital) -> None:
    account = await deleting_many.account()
    for status in ("planned", "billable", "planned"):
        await deleting_many.create(charge_item(f"Account/{account['id']}", status=status))
    url = f"ChargeItem?account={account['id']}"
    answer = await deleting_many.http.delete(url)
    assert answer.status_code == 409
    assert (await deleting_many.read(f"{url}&_total=accurate"))["total"] == 3


async def test_in_a_transaction_several_matches_are_refused_whatever_the_setting(deleting_many: Hospital) -> None:
    for _ in range(2):
        await deleting_many.create(ACCOUNT)
    entry = {"request": {"method": "DELETE", "url": QUERY}}
    answer = await deleting_many.http.post("", json={"resourceType": "Bundle", "type": "transaction", "entry": [entry]})
    assert (answer.status_code, codes_of(body(answer))) == (412, ["precondition-failed"])
    batch = await deleting_many.http.post("", json={"resourceType": "Bundle", "type": "batch", "entry": [entry]})
    assert body(batch)["entry"][0]["response"]["status"] == "204 No Content"
    assert (await deleting_many.read("Account?_total=accurate"))["total"] == 0


async def test_too_many_matches_are_refused(deleting_many: Hospital) -> None:
    entries = [{"resource": ACCOUNT, "request": {"method": "POST", "url": "Account"}}] * 101
    answer = await deleting_many.http.post("", json={"resourceType": "Bundle", "type": "batch", "entry": entries})
    assert answer.status_code == 200
    assert (await deleting_many.http.delete(QUERY)).status_code == 412
    assert (await deleting_many.read(f"{QUERY}&_total=accurate"))["total"] == 101

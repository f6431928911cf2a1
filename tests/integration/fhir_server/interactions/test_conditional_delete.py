"""The conditional delete: what one resource matches; several are refused. https://hl7.org/fhir/R4/http.html#delete"""

from __future__ import annotations

import asyncio

from tests.integration.serving import PATIENT, Hospital, Json, Server, body, codes_of

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

"""Create, conditional too. https://hl7.org/fhir/R4/http.html#create"""

from __future__ import annotations

import asyncio

from tests.integration.serving import PATIENT, Hospital, Server, body, charge_item, codes_of, expressions_of, row_counts

ACCOUNT = {"resourceType": "Account", "status": "active", "subject": [PATIENT]}


async def test_a_resource_is_created_under_an_id_of_the_server(hospital: Hospital) -> None:
    answer = await hospital.http.post("Account", json=ACCOUNT | {"id": "mine", "meta": {"versionId": "9"}})
    created = body(answer)
    assert answer.status_code == 201
    assert created["id"] != "mine"
    assert created["meta"]["versionId"] == "1"
    assert answer.headers["location"].endswith(f"/fhir/Account/{created['id']}/_history/1")
    assert answer.headers["etag"] == 'W/"1"'
    assert "last-modified" in answer.headers
    assert await hospital.read(f"Account/{created['id']}") == created


async def test_return_minimal_has_headers_and_no_body(hospital: Hospital) -> None:
    answer = await hospital.http.post("Account", json=ACCOUNT, headers={"prefer": "return=minimal"})
    assert answer.status_code == 201
    assert answer.content == b""
    assert "location" in answer.headers


async def test_return_operation_outcome_says_what_happened(hospital: Hospital) -> None:
    answer = await hospital.http.post("Account", json=ACCOUNT, headers={"prefer": "return=OperationOutcome"})
    outcome = body(answer)
    assert answer.status_code == 201
    assert outcome["issue"][0]["severity"] == "information"
    assert "created" in outcome["issue"][0]["details"]["text"]


async def test_all_problems_are_told_at_once_with_their_places(hospital: Hospital) -> None:
    wrong = charge_item("Account/a") | {"status": "foo", "unknown": 1, "quantity": {"value": "many"}}
    before = row_counts(hospital.server.access)
    answer = await hospital.http.post("ChargeItem", json=wrong)
    assert answer.status_code == 400
    assert {"ChargeItem.status", "ChargeItem.unknown", "ChargeItem.quantity.value"} <= set(expressions_of(body(answer)))
    assert row_counts(hospital.server.access) == before


async def test_a_resource_of_another_type_than_the_url_is_refused(hospital: Hospital) -> None:
    answer = await hospital.http.post("Invoice", json=ACCOUNT)
    assert answer.status_code == 400
    assert codes_of(body(answer)) == ["resource-type-unexpected"]


async def test_a_rule_of_billing_that_is_broken_is_422(hospital: Hospital) -> None:
    answer = await hospital.http.post("ChargeItem", json=charge_item("Account/nothing"))
    assert answer.status_code == 422
    assert codes_of(body(answer)) == ["reference-not-found"]
    assert expressions_of(body(answer)) == ["ChargeItem.account[0].reference"]


async def test_a_conditional_create_that_matches_gives_what_is_there(hospital: Hospital) -> None:
    identified = ACCOUNT | {"identifier": [{"system": "http://his", "value": "1"}]}
    condition = {"if-none-exist": "identifier=http://his|1"}
    first = await hospital.http.post("Account", json=identified, headers=condition)
    second = await hospital.http.post("Account", json=identified | {"name": "Other"}, headers=condition)
    assert (first.status_code, second.status_code) == (201, 200)
    assert body(first) == body(second)
    assert second.headers["etag"] == 'W/"1"'
    assert "location" not in second.headers


async def test_a_conditional_create_that_matches_several_is_412(hospital: Hospital) -> None:
    identified = ACCOUNT | {"identifier": [{"system": "http://his", "value": "1"}]}
    await hospital.create(identified)
    await hospital.create(identified)
    answer = await hospital.http.post("Account", json=identified, headers={"if-none-exist": "identifier=http://his|1"})
    assert answer.status_code == 412
    assert codes_of(body(answer)) == ["precondition-failed"]


async def test_a_conditional_create_is_exactly_once_under_contention(hospital: Hospital) -> None:
    identified = ACCOUNT | {"identifier": [{"system": "http://his", "value": "64"}]}
    answers = await asyncio.gather(
        *(
            hospital.http.post("Account", json=identified, headers={"if-none-exist": "identifier=http://his|64"})
            for _ in range(64)
        )
    )
    statuses = [answer.status_code for answer in answers]
    assert sorted(statuses) == [200] * 63 + [201]
    assert len({body(answer)["id"] for answer in answers}) == 1
    assert (await hospital.read("Account?identifier=http://his|64&_total=accurate"))["total"] == 1


async def test_a_condition_that_asks_nothing_is_refused(hospital: Hospital) -> None:
    for condition in ("", "_count=1", "unknown=1"):
        answer = await hospital.http.post("Account", json=ACCOUNT, headers={"if-none-exist": condition})
        assert answer.status_code == 400, condition


async def test_a_conditional_create_needs_to_be_allowed_to_search(server: Server, hospital: Hospital) -> None:
    async with server.client(server.token(hospital.tenant_id, "system/Account.c")) as http:
        assert (await http.post("Account", json=ACCOUNT)).status_code == 201
        answer = await http.post("Account", json=ACCOUNT, headers={"if-none-exist": "identifier=1"})
        assert answer.status_code == 403


async def test_criteria_in_the_url_are_refused_and_not_ignored(hospital: Hospital) -> None:
    before = row_counts(hospital.server.access)
    answer = await hospital.http.post("Account?identifier=http://his|1", json=ACCOUNT)
    assert answer.status_code == 400
    assert codes_of(body(answer)) == ["parameter-in-url"]
    assert row_counts(hospital.server.access) == before
    assert (await hospital.http.post("Account?_pretty=true&_format=json", json=ACCOUNT)).status_code == 201

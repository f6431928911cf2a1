"""The conditional update. https://hl7.org/fhir/R4/http.html#cond-update"""

from __future__ import annotations

import asyncio

import pytest

from tests.integration.serving import PATIENT, Hospital, Json, Server, body, codes_of, expressions_of

QUERY = "Account?identifier=http://his|1"


def account(value: str = "1", **changed: object) -> Json:
    identifier = [{"system": "http://his", "value": value}]
    return {
        "resourceType": "Account",
        "status": "active",
        "subject": [PATIENT],
        "identifier": identifier,
        **changed,
    }


async def test_what_nothing_matches_is_created(hospital: Hospital) -> None:
    answer = await hospital.http.put(QUERY, json=account())
    assert answer.status_code == 201
    assert answer.headers["etag"] == 'W/"1"'
    assert answer.headers["location"].endswith(f"/Account/{body(answer)['id']}/_history/1")
    assert await hospital.read(f"Account/{body(answer)['id']}") == body(answer)


async def test_what_nothing_matches_is_created_under_the_id_that_it_has(hospital: Hospital) -> None:
    answer = await hospital.http.put(QUERY, json=account(id="mine"))
    assert (answer.status_code, body(answer)["id"]) == (201, "mine")


async def test_an_id_that_something_else_has_is_a_conflict(hospital: Hospital) -> None:
    await hospital.http.put("Account/mine", json=account("2", id="mine"))
    answer = await hospital.http.put(QUERY, json=account(id="mine"))
    assert (answer.status_code, codes_of(body(answer))) == (409, ["already-exists"])


async def test_the_one_match_is_updated_whether_the_resource_has_its_id_or_none(hospital: Hospital) -> None:
    created = await hospital.create(account())
    for version, changed in enumerate((account(name="2"), account(name="3", id=created["id"])), 2):
        answer = await hospital.http.put(QUERY, json=changed)
        assert answer.status_code == 200, answer.text
        assert body(answer)["id"] == created["id"]
        assert (body(answer)["name"], answer.headers["etag"]) == (str(version), f'W/"{version}"')
    again = await hospital.http.put(QUERY, json=account(name="3"))
    assert (again.status_code, again.headers["etag"]) == (200, 'W/"3"')


async def test_another_id_than_that_of_the_match_is_refused(hospital: Hospital) -> None:
    await hospital.create(account())
    answer = await hospital.http.put(QUERY, json=account(id="other"))
    assert (answer.status_code, codes_of(body(answer))) == (400, ["id-mismatch"])
    assert expressions_of(body(answer)) == ["Account.id"]


async def test_several_matches_are_412(hospital: Hospital) -> None:
    await hospital.create(account())
    await hospital.create(account())
    answer = await hospital.http.put(QUERY, json=account(name="2"))
    assert (answer.status_code, codes_of(body(answer))) == (412, ["precondition-failed"])


async def test_the_preconditions_of_an_update_hold_for_what_matches(hospital: Hospital) -> None:
    missing = await hospital.http.put(QUERY, json=account(), headers={"if-match": "*"})
    assert (missing.status_code, codes_of(body(missing))) == (412, ["precondition-failed"])
    await hospital.create(account())
    exists = await hospital.http.put(QUERY, json=account(name="2"), headers={"if-none-match": "*"})
    assert exists.status_code == 412
    stale = await hospital.http.put(QUERY, json=account(name="2"), headers={"if-match": 'W/"7"'})
    assert (stale.status_code, codes_of(body(stale))) == (412, ["version-mismatch"])
    current = await hospital.http.put(QUERY, json=account(name="2"), headers={"if-match": 'W/"7", W/"1"'})
    assert (current.status_code, current.headers["etag"]) == (200, 'W/"2"')


@pytest.mark.parametrize("query", ["", "?", "?_count=1", "?unknown=1"])
async def test_criteria_that_ask_nothing_or_are_not_understood_are_refused(hospital: Hospital, query: str) -> None:
    await hospital.create(account())
    lenient = {"prefer": "handling=lenient"}
    for method in ("PUT", "DELETE"):
        content = {"json": account(name="2")} if method == "PUT" else {}
        answer = await hospital.http.request(method, f"Account{query}", headers=lenient, **content)  # type: ignore[arg-type]
        assert answer.status_code == 400, answer.text


async def test_a_conditional_update_needs_to_be_allowed_to_search_and_to_create(
    server: Server, hospital: Hospital
) -> None:
    for scope in ("system/Account.u", "system/Account.us"):
        async with server.client(server.token(hospital.tenant_id, scope)) as http:
            answer = await http.put(QUERY, json=account())
            assert (answer.status_code, codes_of(body(answer))) == (403, ["insufficient-scope"])


async def test_64_at_once_create_one_and_update_it(hospital: Hospital) -> None:
    answers = await asyncio.gather(*(hospital.http.put(QUERY, json=account(name=str(number))) for number in range(64)))
    assert sorted(answer.status_code for answer in answers) == [200] * 63 + [201]
    [id_] = {body(answer)["id"] for answer in answers}
    history = await hospital.read(f"Account/{id_}/_history?_count=100")
    assert sorted(entry["resource"]["name"] for entry in history["entry"]) == sorted(map(str, range(64)))
    assert [entry["response"]["etag"] for entry in history["entry"]] == [f'W/"{n}"' for n in range(64, 0, -1)]


async def test_conditional_creates_and_updates_by_the_same_criteria_make_one(hospital: Hospital) -> None:
    condition = {"if-none-exist": "identifier=http://his|1"}
    answers = await asyncio.gather(
        *(
            hospital.http.post("Account", json=account(), headers=condition)
            if number % 2
            else hospital.http.put(QUERY, json=account(name=str(number)))
            for number in range(32)
        )
    )
    assert [answer.status_code for answer in answers].count(201) == 1
    assert {answer.status_code for answer in answers} == {200, 201}
    assert (await hospital.read(f"{QUERY}&_total=accurate"))["total"] == 1


async def test_of_64_that_ask_for_the_same_version_one_wins(hospital: Hospital) -> None:
    created = await hospital.create(account())
    url = f"Account/{created['id']}"
    for version, urls in enumerate(([url], [QUERY], [url, QUERY]), 1):
        answers = await asyncio.gather(
            *(
                hospital.http.put(
                    urls[number % len(urls)],
                    json=account(name=f"{version}.{number}", id=created["id"]),
                    headers={"if-match": f'W/"{version}"'},
                )
                for number in range(64)
            )
        )
        assert sorted(answer.status_code for answer in answers) == [200] + [412] * 63
        assert (await hospital.read(url))["meta"]["versionId"] == str(version + 1)


async def test_what_matches_no_longer_when_its_lock_is_held_is_left_alone(hospital: Hospital) -> None:
    """Writers move the identifier about while others update by it: nobody changes what it was taken from."""
    ids = [(await hospital.create(account(str(number))))["id"] for number in (1, 2)]

    async def swap(value: str, id_: str) -> int:
        return (await hospital.http.put(f"Account/{id_}", json=account(value, id=id_))).status_code

    async def rename(number: int) -> int:
        return (await hospital.http.put(QUERY, json=account(name=f"by 1, {number}"))).status_code

    renames = asyncio.gather(*(rename(number) for number in range(20)))
    await asyncio.gather(
        *(swap(str(1 + (number + at) % 2), id_) for number in range(10) for at, id_ in enumerate(ids)),
    )
    assert set(await renames) <= {200, 201, 412, 503}
    for id_ in ids:
        for entry in (await hospital.read(f"Account/{id_}/_history?_count=100"))["entry"]:
            resource = entry["resource"]
            assert "name" not in resource or resource["identifier"][0]["value"] == "1"


async def test_a_transaction_updates_what_matches_and_refers_to_what_it_creates(hospital: Hospital) -> None:
    created = await hospital.create(account())
    charge = {
        "resourceType": "ChargeItem",
        "status": "planned",
        "code": {"text": "Visit"},
        "subject": PATIENT,
    }

    def entries(value: str) -> Json:
        return {
            "resourceType": "Bundle",
            "type": "transaction",
            "entry": [
                {
                    "fullUrl": "urn:uuid:ac6f5ae4-8f73-4f24-8b4a-0fcdf1a5b1aa",
                    "resource": account(value, name="by bundle"),
                    "request": {"method": "PUT", "url": f"Account?identifier=http://his|{value}"},
                },
                {
                    "resource": charge | {"account": [{"reference": "urn:uuid:ac6f5ae4-8f73-4f24-8b4a-0fcdf1a5b1aa"}]},
                    "request": {"method": "POST", "url": "ChargeItem"},
                },
            ],
        }

    for value, status in (("1", "200 OK"), ("9", "201 Created"), ("9", "200 OK")):
        answer = await hospital.http.post("", json=entries(value))
        assert answer.status_code == 200, answer.text
        changed, charged = body(answer)["entry"]
        assert changed["response"]["status"] == status
        assert charged["resource"]["account"] == [{"reference": f"Account/{changed['resource']['id']}"}]
        assert (changed["resource"]["id"] == created["id"]) == (value == "1")


async def test_a_transaction_whose_conditions_name_one_resource_twice_is_refused(hospital: Hospital) -> None:
    created = await hospital.create(account())
    for other in (QUERY, f"Account?_id={created['id']}", f"Account/{created['id']}"):
        bundle = {
            "resourceType": "Bundle",
            "type": "transaction",
            "entry": [
                {"resource": account(name="a"), "request": {"method": "PUT", "url": QUERY}},
                {"resource": account(id=created["id"]), "request": {"method": "PUT", "url": other}},
            ],
        }
        answer = await hospital.http.post("", json=bundle)
        assert (answer.status_code, codes_of(body(answer))) == (400, ["entry-repeated"]), other
    assert (await hospital.read(f"Account/{created['id']}"))["meta"]["versionId"] == "1"


async def test_a_batch_updates_by_criteria_too(hospital: Hospital) -> None:
    bundle = {
        "resourceType": "Bundle",
        "type": "batch",
        "entry": [{"resource": account(), "request": {"method": "PUT", "url": QUERY}}] * 2,
    }
    answer = await hospital.http.post("", json=bundle)
    assert [entry["response"]["status"] for entry in body(answer)["entry"]] == ["201 Created", "200 OK"]

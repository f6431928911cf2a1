"""Update, also as create. https://hl7.org/fhir/R4/http.html#update"""

from __future__ import annotations

import pytest

from tests.integration.serving import PATIENT, Hospital, Server, body, codes_of, expressions_of

ACCOUNT = {"resourceType": "Account", "status": "active", "subject": [PATIENT]}


async def test_an_update_makes_the_next_version(hospital: Hospital) -> None:
    created = await hospital.account()
    answer = await hospital.http.put(f"Account/{created['id']}", json=created | {"name": "Ward"})
    assert answer.status_code == 200
    assert answer.headers["etag"] == 'W/"2"'
    assert body(answer)["name"] == "Ward"
    assert body(answer)["meta"]["versionId"] == "2"
    assert await hospital.read(f"Account/{created['id']}") == body(answer)


async def test_an_update_that_says_what_is_there_makes_no_version(hospital: Hospital) -> None:
    created = await hospital.account()
    answer = await hospital.http.put(f"Account/{created['id']}", json=created)
    assert (answer.status_code, answer.headers["etag"]) == (200, 'W/"1"')


async def test_an_update_under_a_new_id_creates(hospital: Hospital) -> None:
    answer = await hospital.http.put("Account/mine-1", json=ACCOUNT | {"id": "mine-1"})
    assert answer.status_code == 201
    assert answer.headers["location"].endswith("/fhir/Account/mine-1/_history/1")
    assert (await hospital.read("Account/mine-1"))["id"] == "mine-1"


async def test_what_was_deleted_can_be_put_again_and_goes_on_with_its_versions(hospital: Hospital) -> None:
    await hospital.http.put("Account/back", json=ACCOUNT | {"id": "back"})
    await hospital.http.delete("Account/back")
    answer = await hospital.http.put("Account/back", json=ACCOUNT | {"id": "back"})
    assert (answer.status_code, answer.headers["etag"]) == (201, 'W/"3"')


async def test_two_tenants_may_use_the_same_id(server: Server, hospital: Hospital) -> None:
    await hospital.http.put("Account/same", json=ACCOUNT | {"id": "same", "name": "Ours"})
    other = await server.add_tenant()
    async with server.client(server.token(other)) as http:
        answer = await http.put("Account/same", json=ACCOUNT | {"id": "same", "name": "Theirs"})
        assert answer.status_code == 201
    assert (await hospital.read("Account/same"))["name"] == "Ours"


@pytest.mark.parametrize(
    ("changed", "code"), [({"id": "other"}, "id-mismatch"), ({}, "id-missing"), ({"id": 7}, "invalid-id")]
)
async def test_the_resource_must_have_the_id_of_the_url(
    hospital: Hospital, changed: dict[str, object], code: str
) -> None:
    answer = await hospital.http.put("Account/mine", json=ACCOUNT | changed)
    assert answer.status_code == 400
    assert expressions_of(body(answer)) == ["Account.id"]
    if code != "invalid-id":
        assert codes_of(body(answer)) == [code]


@pytest.mark.parametrize(
    ("if_match", "status"),
    [
        ('W/"1"', 200),
        ('"1"', 200),
        ("*", 200),
        ('W/"7", W/"1"', 200),
        ('W/"2"', 412),
        ('"abc"', 412),
        ("1", 400),
    ],
)
async def test_if_match_guards_against_lost_updates(hospital: Hospital, if_match: str, status: int) -> None:
    created = await hospital.account()
    answer = await hospital.http.put(
        f"Account/{created['id']}", json=created | {"name": "x"}, headers={"if-match": if_match}
    )
    assert answer.status_code == status, answer.text
    expected = "2" if status == 200 else "1"
    assert (await hospital.read(f"Account/{created['id']}"))["meta"]["versionId"] == expected


@pytest.mark.parametrize("if_match", ["*", 'W/"1"'])
async def test_if_match_fails_where_there_is_nothing(hospital: Hospital, if_match: str) -> None:
    answer = await hospital.http.put("Account/new", json=ACCOUNT | {"id": "new"}, headers={"if-match": if_match})
    assert answer.status_code == 412
    assert (await hospital.http.get("Account/new")).status_code == 404


async def test_if_none_match_star_creates_only(hospital: Hospital) -> None:
    only_new = {"if-none-match": "*"}
    first = await hospital.http.put("Account/once", json=ACCOUNT | {"id": "once"}, headers=only_new)
    second = await hospital.http.put("Account/once", json=ACCOUNT | {"id": "once", "name": "x"}, headers=only_new)
    assert (first.status_code, second.status_code) == (201, 412)
    assert "name" not in await hospital.read("Account/once")


async def test_who_may_update_only_creates_nothing(server: Server, hospital: Hospital) -> None:
    created = await hospital.account()
    async with server.client(server.token(hospital.tenant_id, "system/Account.u")) as http:
        assert (await http.put(f"Account/{created['id']}", json=created | {"name": "x"})).status_code == 200
        answer = await http.put("Account/new", json=ACCOUNT | {"id": "new"})
        assert answer.status_code == 403
        assert codes_of(body(answer)) == ["insufficient-scope"]
    assert (await hospital.http.get("Account/new")).status_code == 404

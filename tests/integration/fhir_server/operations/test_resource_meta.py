"""$meta: what the resource says of itself, and nothing of its content."""

from __future__ import annotations

from tests.integration.serving import Hospital, body, codes_of

TAG = {"system": "https://his.example/tags", "code": "emergency"}


async def test_the_meta_is_that_of_the_resource_by_get_and_by_post(hospital: Hospital) -> None:
    account = await hospital.account(meta={"tag": [TAG]})
    url = f"Account/{account['id']}/$meta"
    expected = {"resourceType": "Parameters", "parameter": [{"name": "return", "valueMeta": account["meta"]}]}
    assert account["meta"]["tag"] == [TAG]
    for answer in (await hospital.http.get(url), await hospital.http.post(url), await hospital.operate(url)):
        assert answer.status_code == 200, answer.text
        assert body(answer) == expected
        assert answer.headers["etag"] == 'W/"1"'
        assert "content-location" not in answer.headers


async def test_a_client_that_has_the_version_gets_304(hospital: Hospital) -> None:
    account = await hospital.account()
    answer = await hospital.http.get(f"Account/{account['id']}/$meta", headers={"if-none-match": 'W/"1"'})
    assert (answer.status_code, answer.content) == (304, b"")


async def test_it_can_be_asked_for_in_a_batch(hospital: Hospital) -> None:
    account = await hospital.account()
    entry = {"request": {"method": "GET", "url": f"Account/{account['id']}/$meta"}}
    answer = await hospital.http.post("", json={"resourceType": "Bundle", "type": "batch", "entry": [entry]})
    [found] = body(answer)["entry"]
    assert found["resource"]["parameter"][0]["valueMeta"] == account["meta"]


async def test_what_is_not_there_is_404_and_what_is_deleted_410(hospital: Hospital) -> None:
    answer = await hospital.http.get("Account/nobody/$meta")
    assert (answer.status_code, codes_of(body(answer))) == (404, ["not-found"])
    account = await hospital.account()
    await hospital.http.delete(f"Account/{account['id']}")
    answer = await hospital.http.get(f"Account/{account['id']}/$meta")
    assert (answer.status_code, codes_of(body(answer))) == (410, ["deleted"])


async def test_parameters_are_refused(hospital: Hospital) -> None:
    account = await hospital.account()
    answer = await hospital.http.get(f"Account/{account['id']}/$meta?colour=red")
    assert (answer.status_code, codes_of(body(answer))) == (400, ["parameter-unknown"])

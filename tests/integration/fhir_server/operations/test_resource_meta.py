"""$meta: what the resource says of itself, and nothing of its content."""

from __future__ import annotations

from tests.integration.serving import Hospital, Server, body, codes_of

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


async def test_the_meta_of_a_version_is_that_of_then(hospital: Hospital) -> None:
    account = await hospital.account(meta={"tag": [TAG]})
    name = f"Account/{account['id']}"
    await hospital.http.put(name, json={"resourceType": "Account", "id": account["id"], "status": "active"})
    answer = await hospital.http.get(f"{name}/_history/1/$meta")
    assert (answer.status_code, body(answer)["parameter"][0]["valueMeta"]) == (200, account["meta"])
    assert "tag" not in body(await hospital.http.post(f"{name}/_history/2/$meta"))["parameter"][0]["valueMeta"]
    for path in (f"{name}/_history/3/$meta", f"{name}/_history/x/$meta", f"{name}/_history/1/$meta-add"):
        assert (await hospital.http.get(path)).status_code == 404


async def test_of_a_type_and_of_the_system_it_is_every_label_in_use_once(hospital: Hospital, server: Server) -> None:
    assert body(await hospital.http.get("$meta")) == {"resourceType": "Parameters"}
    other, bare = {"system": "https://his.example/tags", "code": "a"}, {"code": "emergency"}
    await hospital.account(meta={"tag": [TAG, other], "profile": ["http://q"]})
    await hospital.account(meta={"tag": [bare, TAG], "profile": ["http://p", "http://q"]})
    deleted = await hospital.account(meta={"tag": [{"code": "gone"}]})
    await hospital.http.delete(f"Account/{deleted['id']}")
    charge = {"resourceType": "ChargeItem", "status": "planned", "subject": {"reference": "Patient/1"}}
    await hospital.create(charge | {"code": {"text": "x"}, "meta": {"security": [{"system": "http://l", "code": "R"}]}})
    of_accounts = {"profile": ["http://p", "http://q"], "tag": [other, bare, TAG]}
    for answer in (await hospital.http.get("Account/$meta"), await hospital.http.post("Account/$meta")):
        assert body(answer)["parameter"] == [{"name": "return", "valueMeta": of_accounts}]
    [found] = body(await hospital.http.get("$meta"))["parameter"]
    assert found["valueMeta"] == of_accounts | {"security": [{"system": "http://l", "code": "R"}]}
    async with server.client(server.token(hospital.tenant_id, "system/ChargeItem.s")) as reader:
        assert set(body(await reader.get("$meta"))["parameter"][0]["valueMeta"]) == {"security"}
        assert (await reader.get("Account/$meta")).status_code == 403

"""$meta-add and $meta-delete: labels come and go, in versions of their own, and nothing else changes."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.integration.serving import Hospital, Json, Server, body, codes_of, row_counts

TAG = {"system": "https://his.example/tags", "code": "emergency"}
OTHER = {"system": "https://his.example/tags", "code": "night", "display": "Night shift"}
LABEL = {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}


async def change(hospital: Hospital, what: str, name: str, meta: Json, **headers: str) -> httpx.Response:
    parameters = {"resourceType": "Parameters", "parameter": [{"name": "meta", "valueMeta": meta}]}
    return await hospital.http.post(f"{name}/$meta-{what}", json=parameters, headers=headers)


def meta_of(answer: httpx.Response) -> Json:
    assert answer.status_code == 200, answer.text
    [parameter] = body(answer)["parameter"]
    assert parameter["name"] == "return"
    found: Json = parameter["valueMeta"]
    return found


async def test_labels_are_added_in_a_version_of_its_own_and_nothing_else_changes(hospital: Hospital) -> None:
    account = await hospital.account(meta={"tag": [TAG], "source": "http://his"})
    name = f"Account/{account['id']}"
    answer = await change(hospital, "add", name, {"tag": [OTHER, TAG], "security": [LABEL], "profile": ["http://p"]})
    meta = meta_of(answer)
    assert (meta["tag"], meta["security"], meta["profile"]) == ([TAG, OTHER], [LABEL], ["http://p"])
    assert (meta["versionId"], answer.headers["etag"]) == ("2", 'W/"2"')
    read = await hospital.read(name)
    assert read == account | {"meta": meta}
    assert (
        body(await hospital.http.get(f"Account?_tag={OTHER['code']}&_tag:text=night&_profile=http://p"))["total"] == 1
    )


async def test_what_it_has_already_makes_no_version(hospital: Hospital) -> None:
    account = await hospital.account(meta={"tag": [TAG]})
    name = f"Account/{account['id']}"
    before = row_counts(hospital.server.access)
    assert meta_of(await change(hospital, "add", name, {"tag": [{**TAG, "display": "again"}]})) == account["meta"]
    assert meta_of(await change(hospital, "delete", name, {"tag": [OTHER], "profile": ["http://p"]})) == account["meta"]
    assert row_counts(hospital.server.access) == before


async def test_labels_are_taken_away_and_what_stands_beside_the_others_stays(hospital: Hospital) -> None:
    why = {"extension": [{"url": "http://example.org/why", "valueString": "x"}]}
    meta = {"tag": [TAG, OTHER], "security": [LABEL], "profile": ["http://p", "http://q"], "_profile": [None, why]}
    name = f"Account/{(await hospital.account(meta=meta))['id']}"
    left = meta_of(await change(hospital, "delete", name, {"tag": [TAG], "security": [LABEL], "profile": ["http://p"]}))
    assert {key: left[key] for key in left if key not in {"versionId", "lastUpdated"}} == {
        "tag": [OTHER],
        "profile": ["http://q"],
        "_profile": [why],
    }
    left = meta_of(await change(hospital, "add", name, {"profile": ["http://r"]}))
    assert (left["profile"], left["_profile"]) == (["http://q", "http://r"], [why, None])
    left = meta_of(await change(hospital, "delete", name, {"tag": [OTHER], "profile": ["http://q", "http://r"]}))
    assert set(left) == {"versionId", "lastUpdated"}


async def test_an_issued_invoice_can_be_labelled_and_its_books_stay(hospital: Hospital) -> None:
    _, invoice = await hospital.issued()
    name = f"Invoice/{invoice['id']}"
    before = row_counts(hospital.server.access)
    meta_of(await change(hospital, "add", name, {"tag": [TAG]}))
    after = await hospital.read(name)
    assert {key: after[key] for key in after if key != "meta"} == {
        key: invoice[key] for key in invoice if key != "meta"
    }
    counts = row_counts(hospital.server.access)
    more = {name: counts[name] - before[name] for name in counts if counts[name] != before[name]}
    assert more == {"invoice_index": 1, "resource_versions": 1, "outbox": 1, "outbox_queue": 1}


async def test_a_version_that_is_not_the_current_one_is_refused(hospital: Hospital) -> None:
    name = f"Account/{(await hospital.account())['id']}"
    answer = await change(hospital, "add", name, {"tag": [TAG]}, **{"if-match": 'W/"7"'})
    assert (answer.status_code, codes_of(body(answer))) == (412, ["version-mismatch"])


async def test_it_can_stand_in_a_transaction_on_what_that_creates(hospital: Hospital) -> None:
    def parameters(*tags: Json) -> Json:
        return {"resourceType": "Parameters", "parameter": [{"name": "meta", "valueMeta": {"tag": list(tags)}}]}

    new = "urn:uuid:5f8e4f5e-7d5b-4f4e-8f7e-1d2c3b4a5968"
    account = {"resourceType": "Account", "status": "active", "meta": {"tag": [OTHER]}}
    entries: list[Json] = [
        {"fullUrl": new, "resource": account, "request": {"method": "POST", "url": "Account"}},
        {"resource": parameters(TAG), "request": {"method": "POST", "url": f"Account/{new}/$meta-add"}},
        {"resource": parameters(OTHER), "request": {"method": "POST", "url": f"Account/{new}/$meta-delete"}},
    ]
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    answer = await hospital.http.post("", json=bundle)
    assert answer.status_code == 200, answer.text
    created, added, removed = body(answer)["entry"]
    assert added["resource"]["parameter"][0]["valueMeta"]["tag"] == [OTHER, TAG]
    assert removed["resource"]["parameter"][0]["valueMeta"]["tag"] == [TAG]
    assert (await hospital.read(created["response"]["location"].partition("/_history")[0]))["meta"]["tag"] == [TAG]


@pytest.mark.parametrize("what", ["add", "delete"])
async def test_what_is_not_there_or_deleted_and_what_says_no_meta_is_refused(hospital: Hospital, what: str) -> None:
    answer = await change(hospital, what, "Account/nobody", {"tag": [TAG]})
    assert (answer.status_code, codes_of(body(answer))) == (404, ["not-found"])
    name = f"Account/{(await hospital.account())['id']}"
    for content in ({"resourceType": "Parameters"}, None):
        answer = await hospital.http.post(f"{name}/$meta-{what}", json=content)
        assert answer.status_code == 400
    await hospital.http.delete(name)
    answer = await change(hospital, what, name, {"tag": [TAG]})
    assert (answer.status_code, codes_of(body(answer))) == (410, ["deleted"])


async def test_it_needs_the_permission_to_update(hospital: Hospital, server: Server) -> None:
    name = f"Account/{(await hospital.account())['id']}"
    parameters: Any = {"resourceType": "Parameters", "parameter": [{"name": "meta", "valueMeta": {"tag": [TAG]}}]}
    async with server.client(server.token(hospital.tenant_id, "system/Account.rs")) as reader:
        assert (await reader.post(f"{name}/$meta-add", json=parameters)).status_code == 403

"""The sections of R4's page on HTTP, as a client sees them: what they ask of a server and no other test says.

https://hl7.org/fhir/R4/http.html. docs/fhir/conformance.md says which tests are about which section.
"""

from __future__ import annotations

from email.utils import parsedate_to_datetime

import pytest

from tests.integration.serving import BASE, Hospital, Json, Server, body, charge_item, codes_of, expressions_of

ACCOUNT = {"resourceType": "Account", "status": "active"}
# R4 has it that these are the server's, whatever a client sends.
META_OF_A_CLIENT = {"versionId": "77", "lastUpdated": "2001-01-01T00:00:00Z"}


def of_version(account: Json, version: int) -> str:
    return f"{BASE}/Account/{account['id']}/_history/{version}"


# --- 3.1.0.1 General considerations ---


@pytest.mark.parametrize("path", ["metadata", "Account", "Account/_history", "_history", "Patient/p1/*", ""])
async def test_head_is_possible_wherever_get_is(hospital: Hospital, path: str) -> None:
    whole, head = await hospital.http.get(path), await hospital.http.head(path)
    assert (whole.status_code, head.status_code, head.content) == (200, 200, b"")
    assert head.headers["content-type"] == whole.headers["content-type"]
    assert head.headers["content-length"] == whole.headers["content-length"]


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("application/fhir+json; fhirVersion=4.0", 200),
        ("application/fhir+json;fhirVersion=4.0;charset=utf-8", 200),
        ("application/fhir+json; fhirVersion=3.0", 406),
        ("application/fhir+json; fhirVersion=5.0, application/fhir+xml; fhirVersion=4.0; q=0.1", 200),
        ("application/fhir+turtle", 406),
        ("text/html, */*;q=0.1", 200),
        ("*/*;q=0", 406),
    ],
)
async def test_the_version_and_the_form_are_negotiated(hospital: Hospital, accept: str, status: int) -> None:
    assert (await hospital.http.get("Account", headers={"accept": accept})).status_code == status


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/fhir+json; charset=UTF-8; fhirVersion=4.0", 201),
        ("application/fhir+json; fhirVersion=3.0", 415),
        ("application/fhir+json; charset=iso-8859-1", 415),
        ("application/fhir+turtle", 415),
    ],
)
async def test_what_is_sent_in_another_form_or_version_is_415(
    hospital: Hospital, content_type: str, status: int
) -> None:
    content = b'{"resourceType":"Account","status":"active"}'
    answer = await hospital.http.post("Account", content=content, headers={"content-type": content_type})
    assert answer.status_code == status


async def test_what_is_no_utf_8_is_400(hospital: Hospital) -> None:
    content = '{"resourceType":"Account","status":"active","name":"é"}'.encode("latin-1")
    answer = await hospital.http.post("Account", content=content, headers={"content-type": "application/fhir+json"})
    assert (answer.status_code, codes_of(body(answer))) == (400, ["json-malformed"])


async def test_a_preference_that_is_not_for_fhir_is_ignored(hospital: Hospital) -> None:
    answer = await hospital.http.post("Account", json=ACCOUNT, headers={"prefer": "respond-async, return=minimal"})
    assert (answer.status_code, answer.content) == (201, b"")


# --- 3.1.0.2 read, 3.1.0.3 vread ---


async def test_a_read_has_the_id_the_version_and_the_time_that_its_headers_say(hospital: Hospital) -> None:
    account = await hospital.account()
    for url in (f"Account/{account['id']}", f"Account/{account['id']}/_history/1"):
        answer = await hospital.http.get(url)
        found = body(answer)
        assert (found["id"], found["meta"]["versionId"]) == (account["id"], "1")
        assert answer.headers["etag"] == 'W/"1"'
        said = parsedate_to_datetime(answer.headers["last-modified"])
        assert said.isoformat()[:19] == found["meta"]["lastUpdated"][:19]


# --- 3.1.0.4 update, 3.1.0.8 create ---


async def test_a_create_ignores_the_id_and_the_version_that_it_is_sent(hospital: Hospital) -> None:
    sent = ACCOUNT | {"id": "mine", "meta": META_OF_A_CLIENT | {"tag": [{"code": "kept"}]}}
    answer = await hospital.http.post("Account", json=sent)
    made = body(answer)
    assert answer.status_code == 201
    assert made["id"] != "mine"
    assert (made["meta"]["versionId"], made["meta"]["tag"]) == ("1", [{"code": "kept"}])
    assert made["meta"]["lastUpdated"] > META_OF_A_CLIENT["lastUpdated"]
    assert answer.headers["location"] == of_version(made, 1)
    assert (await hospital.http.get("Account/mine")).status_code == 404


async def test_an_update_ignores_the_version_that_it_is_sent_and_one_that_creates_says_where(
    hospital: Hospital,
) -> None:
    sent = ACCOUNT | {"id": "mine", "meta": META_OF_A_CLIENT}
    created = await hospital.http.put("Account/mine", json=sent)
    assert (created.status_code, created.headers["location"]) == (201, of_version(sent, 1))
    updated = await hospital.http.put("Account/mine", json=sent | {"name": "changed"})
    assert (updated.status_code, "location" in updated.headers) == (200, False)
    assert (body(updated)["meta"]["versionId"], updated.headers["etag"]) == ("2", 'W/"2"')


@pytest.mark.parametrize("literal", ["Account/{id}", "Account/{id}/_history/1", BASE + "/Account/{id}"])
async def test_a_reference_to_what_is_here_may_be_relative_absolute_or_of_a_version(
    hospital: Hospital, literal: str
) -> None:
    account = await hospital.account()
    sent = charge_item(literal.format(id=account["id"]))
    made = await hospital.create(sent)
    assert made["account"] == sent["account"], "it is kept as it was written"
    found = await hospital.read(f"ChargeItem?account=Account/{account['id']}")
    assert [entry["resource"]["id"] for entry in found["entry"]] == [made["id"]]
    balance = await hospital.read(f"Account/{account['id']}/$balance")
    [unbilled] = [each for each in balance["parameter"] if each["name"] == "unbilled"]
    assert unbilled["valueMoney"]["value"] == 100


@pytest.mark.parametrize("literal", ["Account/nobody", "Account/nobody/_history/1", BASE + "/Account/nobody"])
async def test_a_reference_to_what_is_not_here_is_refused_with_its_place(hospital: Hospital, literal: str) -> None:
    answer = await hospital.http.post("ChargeItem", json=charge_item(literal))
    assert (answer.status_code, codes_of(body(answer))) == (422, ["reference-not-found"])
    assert expressions_of(body(answer)) == ["ChargeItem.account[0].reference"]


# --- 3.1.0.7 delete ---


async def test_what_is_deleted_is_gone_from_searches_and_there_in_its_history(hospital: Hospital) -> None:
    account = await hospital.account()
    url = f"Account/{account['id']}"
    deleted = await hospital.http.delete(url, headers={"prefer": "return=OperationOutcome"})
    assert (deleted.status_code, deleted.headers["etag"]) == (204, 'W/"2"')
    assert (await hospital.read(f"Account?_id={account['id']}"))["total"] == 0
    history = await hospital.read(f"{url}/_history")
    assert [(each["request"]["method"], "resource" in each) for each in history["entry"]] == [
        ("DELETE", False),
        ("POST", True),
    ]


# --- 3.1.0.9 search ---


async def test_a_search_by_post_takes_what_stands_in_the_url_and_in_the_form(hospital: Hospital) -> None:
    first, second = await hospital.account(name="A"), await hospital.account(name="B")
    answer = await hospital.http.post("Account/_search?name=A", data={"status": "active"})
    assert [entry["resource"]["id"] for entry in body(answer)["entry"]] == [first["id"]]
    answer = await hospital.http.post(f"Account/_search?_id={second['id']}")
    assert [entry["resource"]["id"] for entry in body(answer)["entry"]] == [second["id"]]


# --- 3.1.0.11 batch and transaction ---


async def test_the_answers_stand_where_the_entries_stood_and_a_failed_read_is_one_of_them(hospital: Hospital) -> None:
    account = await hospital.account()
    url = f"Account/{account['id']}"
    asked = [
        ("GET", f"{BASE}/{url}", "200 OK"),
        ("GET", "Account/nobody", "404 Not Found"),
        ("GET", f"{url}/_history/9", "404 Not Found"),
        ("GET", "Account?colour=blue", "400 Bad Request"),
        ("GET", "Patient/1", "404 Not Found"),
        ("HEAD", url, "200 OK"),
        ("DELETE", url, "204 No Content"),
        ("GET", f"{url}?_summary=text", "410 Gone"),
    ]
    bundle = {
        "resourceType": "Bundle",
        "type": "batch",
        "entry": [{"request": {"method": method, "url": each}} for method, each, _ in asked],
    }
    answer = body(await hospital.http.post("", json=bundle))
    statuses = [entry["response"]["status"] for entry in answer["entry"]]
    # What is deleted is deleted before anything is read, whatever the order of the entries.
    gone = {0: "410 Gone", 5: "410 Gone"}
    assert statuses == [gone.get(at, status) for at, (_, _, status) in enumerate(asked)]
    for entry in answer["entry"]:
        assert ("outcome" in entry["response"]) == (entry["response"]["status"] >= "4")


async def test_a_full_url_names_one_entry(hospital: Hospital) -> None:
    entry = {
        "fullUrl": "urn:uuid:5f0e7f4e-8d57-4f8a-9f0a-000000000001",
        "resource": ACCOUNT,
        "request": {"method": "POST", "url": "Account"},
    }
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry, entry]}
    answer = await hospital.http.post("", json=bundle)
    assert (answer.status_code, codes_of(body(answer))) == (400, ["bdl-7"])


@pytest.mark.parametrize("full_url", ["urn:oid:1.2.3", "http://his.example.org/fhir/Account/5"])
async def test_a_full_url_of_any_kind_is_replaced_where_it_is_referred_to(hospital: Hospital, full_url: str) -> None:
    entries = [
        {"resource": charge_item(full_url), "request": {"method": "POST", "url": "ChargeItem"}},
        {"fullUrl": full_url, "resource": ACCOUNT, "request": {"method": "POST", "url": "Account"}},
    ]
    answer = await hospital.http.post("", json={"resourceType": "Bundle", "type": "transaction", "entry": entries})
    charge, account = (entry["resource"] for entry in body(answer)["entry"])
    assert charge["account"] == [{"reference": f"Account/{account['id']}"}]


# --- 3.1.0.12 history ---


async def test_each_entry_of_a_history_says_what_was_asked_and_what_became_of_it(hospital: Hospital) -> None:
    await hospital.http.put("Account/mine", json=ACCOUNT | {"id": "mine"})
    await hospital.http.put("Account/mine", json=ACCOUNT | {"id": "mine", "name": "changed"})
    await hospital.http.delete("Account/mine")
    history = await hospital.read("Account/mine/_history")
    assert (history["type"], history["total"]) == ("history", 3)
    assert [entry["response"]["etag"] for entry in history["entry"]] == ['W/"3"', 'W/"2"', 'W/"1"']
    assert [entry["response"]["status"][:3] for entry in history["entry"]] == ["204", "200", "201"]
    assert {entry["fullUrl"] for entry in history["entry"]} == {f"{BASE}/Account/mine"}


async def test_what_no_token_is_needed_for_is_the_same_for_everybody(server: Server, hospital: Hospital) -> None:
    async with server.client(None) as anyone:
        for path in ("metadata", "StructureDefinition", "SearchParameter"):
            assert (await anyone.get(path)).content == (await hospital.http.get(path)).content
        assert (await anyone.get("Account")).status_code == 401

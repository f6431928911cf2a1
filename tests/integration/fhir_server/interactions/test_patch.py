"""The patch interaction, with JSON Patch and FHIRPath Patch. https://hl7.org/fhir/R4/http.html#patch"""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import httpx
import pytest

from tests.integration.serving import PATIENT, Hospital, Json, Server, body, codes_of, expressions_of

JSON_PATCH = "application/json-patch+json"


async def patched(
    http: httpx.AsyncClient, url: str, *operations: Json, content: str | None = None, **headers: str
) -> httpx.Response:
    return await http.patch(
        url, content=content or json.dumps(operations), headers={"content-type": JSON_PATCH, **headers}
    )


def replace(path: str, value: Any) -> Json:
    return {"op": "replace", "path": path, "value": value}


def add(path: str, value: Any) -> Json:
    return {"op": "add", "path": path, "value": value}


def binary(*operations: Json) -> Json:
    data = base64.b64encode(json.dumps(operations).encode()).decode()
    return {"resourceType": "Binary", "contentType": JSON_PATCH, "data": data}


def operation(kind: str, path: str, **parts: Json) -> Json:
    """An operation of a FHIRPath Patch; parts are given without their names."""
    given = [{"name": "type", "valueCode": kind}, {"name": "path", "valueString": path}]
    return {"name": "operation", "part": [*given, *({"name": name, **part} for name, part in parts.items())]}


def parameters(*operations: Json) -> Json:
    return {"resourceType": "Parameters", "parameter": list(operations)}


def transaction(*entries: Json, kind: str = "transaction") -> Json:
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries)}


def patch_entry(url: str, patch: Json, **conditions: str) -> Json:
    return {"resource": patch, "request": {"method": "PATCH", "url": url, **conditions}}


async def test_a_patch_makes_a_version(hospital: Hospital) -> None:
    account = await hospital.account(name="1")
    answer = await patched(hospital.http, f"Account/{account['id']}", replace("/name", "2"), add("/description", "New"))
    assert answer.status_code == 200, answer.text
    assert answer.headers["etag"] == 'W/"2"'
    assert body(answer) == await hospital.read(f"Account/{account['id']}")
    assert (body(answer)["name"], body(answer)["description"]) == ("2", "New")
    [entry, _] = (await hospital.read(f"Account/{account['id']}/_history"))["entry"]
    assert entry["resource"] == body(answer)


async def test_the_digits_of_decimals_are_kept(hospital: Hospital) -> None:
    account = await hospital.account()
    money = '{"value":10.50,"currency":"AFN"}'
    charge = await hospital.charge(account, status="planned")
    content = f'[{{"op":"replace","path":"/priceOverride","value":{money}}},{{"op":"remove","path":"/quantity"}}]'
    answer = await patched(hospital.http, f"ChargeItem/{charge['id']}", content=content)
    assert answer.status_code == 200, answer.text
    assert money in answer.text
    again = await patched(hospital.http, f"ChargeItem/{charge['id']}", add("/note", [{"text": "A note"}]))
    assert money in again.text


async def test_what_changes_nothing_makes_no_version(hospital: Hospital) -> None:
    account = await hospital.account(name="1")
    for operations in ([], [replace("/name", "1")], [replace("/meta/versionId", "9")]):
        answer = await patched(hospital.http, f"Account/{account['id']}", *operations, content=json.dumps(operations))
        assert (answer.status_code, answer.headers["etag"]) == (200, 'W/"1"'), answer.text


async def test_a_patch_is_applied_as_a_whole_or_not_at_all(hospital: Hospital) -> None:
    account = await hospital.account(name="1")
    url = f"Account/{account['id']}"
    failed = await patched(hospital.http, url, replace("/name", "2"), {"op": "test", "path": "/name", "value": "1"})
    assert (failed.status_code, codes_of(body(failed))) == (422, ["patch-test-failed"])
    missing = await patched(hospital.http, url, replace("/name", "2"), {"op": "remove", "path": "/guarantor/0"})
    assert (missing.status_code, codes_of(body(missing))) == (422, ["patch-not-applicable"])
    assert "'/guarantor/0'" in body(missing)["issue"][0]["details"]["text"]
    assert await hospital.read(url) == account


async def test_what_a_patch_makes_has_to_be_valid(hospital: Hospital) -> None:
    account = await hospital.account(name="1")
    url = f"Account/{account['id']}"
    answer = await patched(hospital.http, url, replace("/status", "foo"), add("/unknown", 1))
    assert answer.status_code == 400
    assert {"Account.status", "Account.unknown"} == set(expressions_of(body(answer)))
    for operation, code in (
        (replace("/id", "other"), "id-mismatch"),
        ({"op": "remove", "path": "/id"}, "id-mismatch"),
        (replace("/resourceType", "Invoice"), "resource-type-unexpected"),
        (replace("", {"resourceType": "Account", "status": "active"}), "id-mismatch"),
    ):
        answer = await patched(hospital.http, url, operation)
        assert (answer.status_code, codes_of(body(answer))) == (400, [code])
    assert await hospital.read(url) == account


@pytest.mark.parametrize(
    "content", ["", "{}", "nothing", '[{"op":"spam"}]', '[{"op":"add","path":"/a","value":1e999}]', "[1]", "[],1"]
)
async def test_what_is_no_patch_is_refused(hospital: Hospital, content: str) -> None:
    account = await hospital.account()
    answer = await patched(hospital.http, f"Account/{account['id']}", content=content or " ")
    assert answer.status_code == 400, answer.text
    assert body(answer)["resourceType"] == "OperationOutcome"


async def test_a_body_that_is_no_patch_by_its_type_is_refused(hospital: Hospital) -> None:
    account = await hospital.account()
    for content_type in ("text/plain", "application/xml-patch+xml", ""):
        answer = await hospital.http.patch(
            f"Account/{account['id']}", content="[]", headers={"content-type": content_type}
        )
        assert (answer.status_code, codes_of(body(answer))) == (415, ["media-type"])


async def test_what_is_not_there_cannot_be_patched(hospital: Hospital) -> None:
    answer = await patched(hospital.http, "Account/nothing", replace("/name", "2"))
    assert (answer.status_code, codes_of(body(answer))) == (404, ["not-found"])
    account = await hospital.account()
    await hospital.http.delete(f"Account/{account['id']}")
    answer = await patched(hospital.http, f"Account/{account['id']}", replace("/name", "2"))
    assert (answer.status_code, codes_of(body(answer))) == (410, ["deleted"])
    answer = await patched(hospital.http, "Account/nothing", replace("/name", "2"), **{"if-match": "*"})
    assert answer.status_code == 412


async def test_if_match_holds(hospital: Hospital) -> None:
    account = await hospital.account(name="1")
    url = f"Account/{account['id']}"
    stale = await patched(hospital.http, url, replace("/name", "2"), **{"if-match": 'W/"7"'})
    assert (stale.status_code, codes_of(body(stale))) == (412, ["version-mismatch"])
    current = await patched(hospital.http, url, replace("/name", "2"), **{"if-match": 'W/"1"'})
    assert (current.status_code, current.headers["etag"]) == (200, 'W/"2"')


async def test_a_patch_is_held_to_the_rules_of_an_update(hospital: Hospital) -> None:
    _, invoice = await hospital.issued()
    url = f"Invoice/{invoice['id']}"
    balanced = await patched(hospital.http, url, replace("/status", "balanced"))
    updated = await hospital.http.put(url, json=invoice | {"status": "balanced"})
    assert (balanced.status_code, codes_of(body(balanced))) == (updated.status_code, codes_of(body(updated)))
    assert balanced.status_code == 422
    changed = await patched(hospital.http, url, {"op": "remove", "path": "/lineItem/0"})
    assert changed.status_code in {400, 422}
    assert await hospital.read(url) == invoice
    noted = await patched(hospital.http, url, add("/note", [{"text": "Called the patient"}]))
    assert noted.status_code == 200, noted.text


async def test_a_patch_of_status_is_the_command(hospital: Hospital) -> None:
    account = await hospital.account()
    draft = await hospital.draft(account, await hospital.charge(account))
    answer = await patched(hospital.http, f"Invoice/{draft['id']}", replace("/status", "issued"))
    assert answer.status_code == 200, answer.text
    assert body(answer)["status"] == "issued"
    assert "date" in body(answer)


async def test_64_patches_at_once_are_all_applied(hospital: Hospital) -> None:
    account = await hospital.account(identifier=[{"system": "http://his", "value": "1"}])
    urls = (f"Account/{account['id']}", "Account?identifier=http://his|1")
    answers = await asyncio.gather(
        *(
            patched(hospital.http, urls[number % 2], add("/identifier/-", {"value": str(number)}))
            for number in range(64)
        )
    )
    assert {answer.status_code for answer in answers} == {200}
    final = await hospital.read(urls[0])
    assert final["meta"]["versionId"] == "65"
    assert sorted(each["value"] for each in final["identifier"][1:]) == sorted(map(str, range(64)))


async def test_of_64_patches_of_one_version_one_wins(hospital: Hospital) -> None:
    account = await hospital.account()
    answers = await asyncio.gather(
        *(
            patched(hospital.http, f"Account/{account['id']}", add("/name", str(number)), **{"if-match": 'W/"1"'})
            for number in range(64)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 63


async def test_a_conditional_patch_changes_the_one_match(server: Server, hospital: Hospital) -> None:
    url = "Account?identifier=http://his|1"
    missing = await patched(hospital.http, url, add("/name", "2"))
    assert (missing.status_code, codes_of(body(missing))) == (404, ["not-found"])
    identified = {"identifier": [{"system": "http://his", "value": "1"}]}
    account = await hospital.account(**identified)
    answer = await patched(hospital.http, url, add("/name", "2"))
    assert (answer.status_code, body(answer)["id"], body(answer)["name"]) == (200, account["id"], "2")
    async with server.client(server.token(hospital.tenant_id, "system/Account.u")) as http:
        assert (await patched(http, url, add("/name", "3"))).status_code == 403
        assert (await patched(http, f"Account/{account['id']}", add("/name", "3"))).status_code == 200
    await hospital.account(**identified)
    assert (await patched(hospital.http, url, add("/name", "4"))).status_code == 412


@pytest.mark.parametrize("kind", ["transaction", "batch"])
async def test_a_bundle_patches_by_a_binary(hospital: Hospital, kind: str) -> None:
    one = await hospital.account(identifier=[{"system": "http://his", "value": "1"}])
    other = await hospital.account()
    bundle = transaction(
        patch_entry("Account?identifier=http://his|1", binary(add("/name", "by criteria"))),
        patch_entry(f"Account/{other['id']}", binary(add("/name", "by id")), ifMatch='W/"1"'),
        kind=kind,
    )
    answer = await hospital.http.post("", json=bundle)
    assert answer.status_code == 200, answer.text
    assert [entry["response"]["status"] for entry in body(answer)["entry"]] == ["200 OK"] * 2, answer.text
    assert (await hospital.read(f"Account/{one['id']}"))["name"] == "by criteria"
    assert (await hospital.read(f"Account/{other['id']}"))["name"] == "by id"


async def test_a_transaction_with_a_patch_that_fails_changes_nothing(hospital: Hospital) -> None:
    account = await hospital.account()
    url = f"Account/{account['id']}"
    other = {"resource": {"resourceType": "Account", "status": "active", "subject": [PATIENT]}}
    for entry, status, code in (
        (patch_entry(url, binary({"op": "remove", "path": "/name"})), 422, "patch-not-applicable"),
        (patch_entry(url, binary(add("/name", "2")), ifMatch='W/"7"'), 412, "version-mismatch"),
        (patch_entry(url, binary({"op": "spam"})), 400, "patch-invalid"),
        (patch_entry(url, binary() | {"contentType": "text/plain"}), 400, "patch-invalid"),
        (patch_entry(url, binary() | {"data": "?"}), 400, "patch-invalid"),
        (patch_entry(url, other["resource"]), 400, "patch-invalid"),
        (patch_entry(url, parameters(operation("delete", "Account.guarantor[0].exists()"))), 400, "patch-invalid"),
        (patch_entry(url, parameters({"name": "x", "valueCode": "a", "y": 1})), 400, "unknown-element"),
        (patch_entry(url, parameters(operation("delete", "Account"))), 422, "patch-not-applicable"),
        (patch_entry("Account?identifier=none", binary()), 404, "not-found"),
        ({"request": {"method": "PATCH", "url": url}}, 400, "body-missing"),
    ):
        bundle = transaction({**other, "request": {"method": "POST", "url": "Account"}}, entry)
        answer = await hospital.http.post("", json=bundle)
        assert (answer.status_code, codes_of(body(answer))) == (status, [code]), answer.text
        assert expressions_of(body(answer))[0].startswith("Bundle.entry[1]")
    assert (await hospital.read("Account?_total=accurate"))["total"] == 1
    assert await hospital.read(url) == account


async def test_a_patch_refers_to_what_its_transaction_creates(hospital: Hospital) -> None:
    charge = await hospital.charge(await hospital.account(), status="planned")
    name = "urn:uuid:ac6f5ae4-8f73-4f24-8b4a-0fcdf1a5b1aa"
    bundle = transaction(
        patch_entry(f"ChargeItem/{charge['id']}", binary(replace("/account/0", {"reference": name}))),
        {
            "fullUrl": name,
            "resource": {"resourceType": "Account", "status": "active", "subject": [PATIENT]},
            "request": {"method": "POST", "url": "Account"},
        },
    )
    answer = await hospital.http.post("", json=bundle)
    assert answer.status_code == 200, answer.text
    patched_charge, created = (entry["resource"] for entry in body(answer)["entry"])
    assert patched_charge["account"] == [{"reference": f"Account/{created['id']}"}]


async def test_two_entries_that_write_the_same_are_refused(hospital: Hospital) -> None:
    account = await hospital.account()
    url = f"Account/{account['id']}"
    bundle = transaction(*[patch_entry(url, binary(add("/name", "2")))] * 2)
    answer = await hospital.http.post("", json=bundle)
    assert (answer.status_code, codes_of(body(answer))) == (400, ["entry-repeated"])


async def test_a_fhirpath_patch_makes_a_version(hospital: Hospital) -> None:
    account = await hospital.account(name="1", identifier=[{"system": "a", "value": "1"}, {"system": "b"}])
    url = f"Account/{account['id']}"
    answer = await hospital.http.patch(
        url,
        json=parameters(
            operation("replace", "Account.name", value={"valueString": "2"}),
            operation(
                "add",
                "Account.identifier.where(system = 'b')",
                name={"valueString": "value"},
                value={"valueString": "2"},
            ),
            operation("move", "Account.identifier", source={"valueInteger": 1}, destination={"valueInteger": 0}),
        ),
    )
    assert answer.status_code == 200, answer.text
    assert answer.headers["etag"] == 'W/"2"'
    assert body(answer)["name"] == "2"
    assert body(answer)["identifier"] == [{"system": "b", "value": "2"}, {"system": "a", "value": "1"}]
    assert body(answer) == await hospital.read(url)


async def test_a_fhirpath_patch_is_read_in_xml_and_keeps_digits(hospital: Hospital) -> None:
    charge = await hospital.charge(await hospital.account(), status="planned")
    content = """<Parameters xmlns="http://hl7.org/fhir"><parameter><name value="operation"/>
      <part><name value="type"/><valueCode value="replace"/></part>
      <part><name value="path"/><valueString value="ChargeItem.priceOverride.value"/></part>
      <part><name value="value"/><valueDecimal value="12.50"/></part></parameter></Parameters>"""
    url = f"ChargeItem/{charge['id']}"
    answer = await hospital.http.patch(url, content=content, headers={"content-type": "application/fhir+xml"})
    assert answer.status_code == 200, answer.text
    assert '"value":12.50' in answer.text


async def test_a_fhirpath_patch_that_does_not_fit_names_its_operation(hospital: Hospital) -> None:
    account = await hospital.account(name="1")
    url = f"Account/{account['id']}"
    replaced = operation("replace", "Account.name", value={"valueString": "2"})
    for second, status, code in (
        (
            operation("replace", "Account.guarantor[0].onHold", value={"valueBoolean": True}),
            422,
            "patch-not-applicable",
        ),
        (operation("delete", "Account.guarantor.onHold.not()"), 400, "patch-invalid"),
        (operation("add", "Account", name={"valueString": "guarantor"}), 400, "patch-invalid"),
    ):
        answer = await hospital.http.patch(url, json=parameters(replaced, second))
        assert (answer.status_code, codes_of(body(answer))) == (status, [code]), answer.text
        assert expressions_of(body(answer)) == ["Parameters.parameter[1]"]
    invalid = operation("replace", "Account.status", value={"valueCode": "foo"})
    answer = await hospital.http.patch(url, json=parameters(replaced, invalid))
    assert (answer.status_code, expressions_of(body(answer))) == (400, ["Account.status"])
    assert await hospital.read(url) == account


async def test_what_is_neither_a_json_patch_nor_parameters_is_refused(hospital: Hospital) -> None:
    account = await hospital.account()
    for document in (account, {"patch": [1]}, binary(), {"resourceType": "Parameters", "patch": []}, {}):
        answer = await hospital.http.patch(f"Account/{account['id']}", json=document)
        assert answer.status_code == 400, answer.text


async def test_a_patch_that_nests_without_end_is_refused(hospital: Hospital) -> None:
    account = await hospital.account()
    path = "Account.subject[0]"
    operations: list[Json] = []
    value = {"part": [{"name": "url", "valueUri": "http://a"}]}
    for _ in range(80):
        operations.append(operation("add", path, name={"valueString": "extension"}, value=value))
        path += ".extension"
    answer = await hospital.http.patch(f"Account/{account['id']}", json=parameters(*operations))
    assert (answer.status_code, codes_of(body(answer))) == (400, ["json-too-deep"]), answer.text


@pytest.mark.parametrize("kind", ["transaction", "batch"])
async def test_a_bundle_patches_by_parameters(hospital: Hospital, kind: str) -> None:
    one = await hospital.account(identifier=[{"system": "http://his", "value": "1"}])
    named = operation("add", "Account", name={"valueString": "name"}, value={"valueString": "new"})
    bundle = transaction(patch_entry("Account?identifier=http://his|1", parameters(named)), kind=kind)
    answer = await hospital.http.post("", json=bundle)
    assert [entry["response"]["status"] for entry in body(answer)["entry"]] == ["200 OK"], answer.text
    assert (await hospital.read(f"Account/{one['id']}"))["name"] == "new"


async def test_a_fhirpath_patch_refers_to_what_its_transaction_creates(hospital: Hospital) -> None:
    charge = await hospital.charge(await hospital.account(), status="planned")
    name = "urn:uuid:ac6f5ae4-8f73-4f24-8b4a-0fcdf1a5b1aa"
    moved = operation("replace", "ChargeItem.account[0]", value={"valueReference": {"reference": name}})
    bundle = transaction(
        patch_entry(f"ChargeItem/{charge['id']}", parameters(moved)),
        {
            "fullUrl": name,
            "resource": {"resourceType": "Account", "status": "active", "subject": [PATIENT]},
            "request": {"method": "POST", "url": "Account"},
        },
    )
    answer = await hospital.http.post("", json=bundle)
    assert answer.status_code == 200, answer.text
    patched_charge, created = (entry["resource"] for entry in body(answer)["entry"])
    assert patched_charge["account"] == [{"reference": f"Account/{created['id']}"}]

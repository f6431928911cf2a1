"""$validate: what it finds is what the write would be refused for, and nothing is written."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.serving import (
    PATIENT,
    Hospital,
    Json,
    body,
    charge_item,
    codes_of,
    expressions_of,
    row_counts,
)

ACCOUNT: Json = {"resourceType": "Account", "status": "active", "subject": [PATIENT]}
PROFILE = "http://hl7.org/fhir/StructureDefinition/Account"


def asked(resource: Json | None = None, **values: str) -> Json:
    parameters: list[Json] = [] if resource is None else [{"name": "resource", "resource": resource}]
    names = {"mode": "valueCode", "profile": "valueUri"}
    parameters += [{"name": name, names[name]: value} for name, value in values.items()]
    return {"resourceType": "Parameters", **({"parameter": parameters} if parameters else {})}


async def outcome(hospital: Hospital, url: str, content: Json, **headers: str) -> Json:
    answer = await hospital.http.post(url, json=content, headers=headers)
    assert answer.status_code == 200, answer.text
    return body(answer)


def is_good(found: Json) -> bool:
    return [issue["severity"] for issue in found["issue"]] == ["information"]


@pytest.mark.parametrize("content", [ACCOUNT, asked(ACCOUNT), asked(ACCOUNT, profile=PROFILE)])
async def test_a_valid_resource_is_said_to_be_valid(hospital: Hospital, content: Json) -> None:
    assert is_good(await outcome(hospital, "Account/$validate", content))


@pytest.mark.parametrize("query", ["", "?mode=create"])
@pytest.mark.parametrize("is_wrapped", [False, True])
async def test_everything_that_is_wrong_is_named_at_once(hospital: Hospital, query: str, is_wrapped: bool) -> None:
    wrong = {**ACCOUNT, "status": "open", "colour": "red"}
    content = asked(wrong, **({"mode": "create"} if query else {})) if is_wrapped else wrong
    found = await outcome(hospital, "Account/$validate" + ("" if is_wrapped else query), content)
    assert expressions_of(found) == ["Account.status", "Account.colour"]
    assert codes_of(found) == ["unknown-code", "unknown-element"]


async def test_a_resource_of_another_type_is_wrong(hospital: Hospital) -> None:
    found = await outcome(hospital, "Invoice/$validate", asked(ACCOUNT))
    assert codes_of(found) == ["resource-type-unexpected"]


async def test_a_create_is_tried_and_undone(hospital: Hospital) -> None:
    account = await hospital.account()
    charge = charge_item(f"Account/{account['id']}")
    nobodys = charge_item("Account/nobody")
    before = row_counts(hospital.server.access)

    assert is_good(await outcome(hospital, "ChargeItem/$validate", asked(charge, mode="create")))
    assert is_good(await outcome(hospital, "ChargeItem/$validate?mode=create", charge))
    refused = await hospital.http.post("ChargeItem", json=nobodys)
    tried = await outcome(hospital, "ChargeItem/$validate", asked(nobodys, mode="create"))
    assert tried == body(refused)

    assert row_counts(hospital.server.access) == before


async def test_an_update_and_a_delete_are_tried_and_undone(hospital: Hospital) -> None:
    account = await hospital.account()
    url = f"Account/{account['id']}"
    changed = {**account, "name": "other"}
    assert is_good(await outcome(hospital, f"{url}/$validate", asked(changed, mode="update")))
    assert is_good(await outcome(hospital, f"{url}/$validate", asked(mode="delete")))
    assert await hospital.read(url) == account

    other_id = await outcome(hospital, f"{url}/$validate", asked({**changed, "id": "x"}, mode="update"))
    assert codes_of(other_id) == ["id-mismatch"]
    stale = {"if-match": 'W/"9"'}
    assert codes_of(await outcome(hospital, f"{url}/$validate", asked(changed, mode="update"), **stale)) == [
        "version-mismatch"
    ]
    await hospital.charge(account)
    refused = await hospital.http.delete(url)
    assert await outcome(hospital, f"{url}/$validate", asked(mode="delete")) == body(refused)


@pytest.mark.parametrize(
    ("url", "content", "code"),
    [
        ("Account/$validate", asked(), "parameter-missing"),
        ("Account/$validate", asked(mode="create"), "parameter-missing"),
        ("Account/$validate", asked(ACCOUNT, mode="update"), "validate-mode"),
        ("Account/$validate", asked(mode="delete"), "validate-mode"),
        ("Account/1/$validate", asked(ACCOUNT, mode="create"), "validate-mode"),
        ("Account/$validate", asked(ACCOUNT, mode="patch"), "parameter-code"),
        ("Account/$validate", asked(ACCOUNT, profile="http://a.example/profile"), "profile-not-supported"),
        ("Account/$validate?colour=red", ACCOUNT, "parameter-unknown"),
        ("Account/$validate?mode=create", asked(ACCOUNT), "parameter-in-url"),
    ],
)
async def test_what_cannot_be_validated_is_refused(hospital: Hospital, url: str, content: Json, code: str) -> None:
    answer = await hospital.http.post(url, json=content)
    assert (answer.status_code, codes_of(body(answer))) == (400, [code])


async def test_no_body_at_all_is_refused(hospital: Hospital) -> None:
    answer = await hospital.http.post("Account/$validate")
    assert (answer.status_code, codes_of(body(answer))) == (400, ["parameter-missing"])


@pytest.mark.parametrize(("scope", "status"), [("system/Account.r", 403), ("system/Account.cr", 200)])
async def test_a_write_is_tried_only_by_who_may_write(hospital: Hospital, scope: str, status: int) -> None:
    token = hospital.server.token(hospital.tenant_id, scope)
    async with hospital.server.client(token) as http:
        content: Any = asked(ACCOUNT, mode="create")
        assert (await http.post("Account/$validate", json=content)).status_code == status
        assert (await http.post("Account/$validate", json=ACCOUNT)).status_code == 200

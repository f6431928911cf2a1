"""No card number comes in over HTTP, by whatever door, and none is told back or logged."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from billing.tenants import change_tenant
from storage.transaction import Database
from tests.integration.serving import Hospital, body, charge_item, codes_of, expressions_of, row_counts

CARD = "4111111111111111"
WRITTEN = "4111 1111-1111.1111"
ACCOUNT = {"resourceType": "Account", "status": "active"}


def bundle(kind: str, request: dict[str, str], resource: Any = None) -> dict[str, Any]:
    entry = {"request": request} | ({} if resource is None else {"resource": resource})
    return {"resourceType": "Bundle", "type": kind, "entry": [entry]}


@pytest.mark.parametrize(
    ("method", "url", "content", "place"),
    [
        ("POST", "Account", {**ACCOUNT, "name": CARD}, "Account.name"),
        ("POST", "Account", {**ACCOUNT, "description": "\u0664" + "\u0661" * 15}, None),
        ("POST", "Account", {**ACCOUNT, "description": f"paid with {CARD}"}, "Account.description"),
        ("POST", "Account", {**ACCOUNT, "identifier": [{"value": WRITTEN}]}, None),
        ("POST", "Account", {**ACCOUNT, CARD: "x"}, "Account"),
        ("PUT", f"Account/{CARD}", {**ACCOUNT, "id": CARD}, ""),
        ("GET", f"Account/{CARD}", None, ""),
        ("GET", f"Account?identifier={CARD}", None, "identifier"),
        ("GET", f"Account?identifier=http://x|{CARD}", None, "identifier"),
        ("GET", "Account?name=4111%201111%201111%201111", None, "name"),
        ("POST", "", bundle("transaction", {"method": "POST", "url": "Account"}, {**ACCOUNT, "name": CARD}), None),
        ("POST", "", bundle("batch", {"method": "GET", "url": f"Account?name={CARD}"}), "Bundle.entry[0].request.url"),
        ("POST", "Account/$validate", {**ACCOUNT, "name": CARD}, "Account.name"),
    ],
)
async def test_a_card_number_is_refused_and_never_told_back(
    hospital: Hospital, method: str, url: str, content: Any, place: str | None
) -> None:
    before = row_counts(hospital.server.access)
    answer = await hospital.http.request(method, url, json=content)
    assert (answer.status_code, set(codes_of(body(answer)))) == (422, {"pan-detected"})
    if place is not None:
        assert expressions_of(body(answer)) == ([place] if place else [])
    assert "1111" not in answer.text
    after = row_counts(hospital.server.access)
    assert after == before


async def test_as_xml_in_a_form_in_a_header_and_in_an_operation_it_is_refused_too(hospital: Hospital) -> None:
    xml = f'<Account xmlns="http://hl7.org/fhir"><status value="active"/><name value="{CARD}"/></Account>'
    account = await hospital.account()
    reason = {"resourceType": "Parameters", "parameter": [{"name": "reason", "valueString": CARD}]}
    for answer in (
        await hospital.http.post("Account", content=xml, headers={"content-type": "application/fhir+xml"}),
        await hospital.http.post("Account/_search", data={"name": CARD}),
        await hospital.http.post("Account", json=ACCOUNT, headers={"idempotency-key": CARD}),
        await hospital.http.post("Account", json=ACCOUNT, headers={"if-none-exist": f"identifier={CARD}"}),
        await hospital.http.post("Invoice/none/$cancel", json=reason),
        await hospital.http.put(f"Account/{account['id']}", json={**account, "name": CARD}),
        await hospital.http.put(f"Account?identifier={CARD}", json=ACCOUNT),
    ):
        assert (answer.status_code, codes_of(body(answer))) == (422, ["pan-detected"]), answer.text
        assert CARD not in answer.text


async def test_no_patch_brings_one_in(hospital: Hospital) -> None:
    account = await hospital.account()
    patch = [{"op": "add", "path": "/name", "value": CARD}]
    answer = await hospital.http.patch(
        f"Account/{account['id']}", json=patch, headers={"content-type": "application/json-patch+json"}
    )
    assert (answer.status_code, codes_of(body(answer))) == (422, ["pan-detected"])
    binary = {
        "resourceType": "Binary",
        "contentType": "application/json-patch+json",
        "data": base64.b64encode(json.dumps(patch).encode()).decode(),
    }
    request = {"method": "PATCH", "url": f"Account/{account['id']}"}
    answer = await hospital.http.post("", json=bundle("transaction", request, binary))
    assert (answer.status_code, codes_of(body(answer))) == (422, ["pan-detected"])


async def test_a_request_id_that_is_a_card_number_is_replaced(hospital: Hospital) -> None:
    answer = await hospital.http.get("Account", headers={"x-request-id": CARD})
    assert answer.status_code == 200
    assert CARD not in answer.headers["x-request-id"]


async def test_an_identifier_system_that_the_tenant_names_may_look_like_cards(hospital: Hospital) -> None:
    system = "http://his.example/file-number"
    database = Database(hospital.server.access.app)
    await database.open()
    try:
        await change_tenant(database, hospital.tenant_id, settings={"card_number_lookalikes": system})
    finally:
        await database.close()
    identifier = {"system": system, "value": CARD}
    answer = await hospital.http.post("Account", json={**ACCOUNT, "identifier": [identifier]})
    assert answer.status_code == 201
    found = await hospital.read(f"Account?identifier={system}|{CARD}")
    assert len(found["entry"]) == 1
    answer = await hospital.http.post("Account", json={**ACCOUNT, "identifier": [{**identifier, "system": "http://x"}]})
    assert answer.status_code == 422


async def test_a_charge_for_a_phone_an_iban_and_an_emirates_id_is_taken(hospital: Hospital) -> None:
    account = await hospital.account()
    charge = charge_item(f"Account/{account['id']}")
    notes = ["+93 70 123 4567", "AE07 0331 2345 6789 0123 456", "784-1987-1234567-1", "2026-11-21T03:09:00.123+04:30"]
    await hospital.create({**charge, "note": [{"text": note} for note in notes]})

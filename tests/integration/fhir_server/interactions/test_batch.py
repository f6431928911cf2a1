"""Batches: each entry on its own. https://hl7.org/fhir/R4/http.html#transaction"""

from __future__ import annotations

from mappers.r4.json_text import decode
from mappers.r4.validate import validate
from tests.integration.serving import PATIENT, Hospital, Json, Server, body, codes_of, expressions_of

ACCOUNT = {"resourceType": "Account", "status": "active", "subject": [PATIENT]}


def entry(method: str, url: str, resource: Json | None = None, **request: str) -> Json:
    made: Json = {"request": {"method": method, "url": url, **request}}
    return made if resource is None else made | {"resource": resource}


async def send(hospital: Hospital, *entries: Json, **headers: str) -> list[Json]:
    content = {"resourceType": "Bundle", "type": "batch", "entry": list(entries)}
    answer = await hospital.http.post("", json=content, headers=headers)
    assert answer.status_code == 200, answer.text
    assert validate(decode(answer.content)) == []
    response = body(answer)
    assert response["type"] == "batch-response"
    answered: list[Json] = response["entry"]
    return answered


async def test_one_entry_that_fails_does_not_touch_the_others(hospital: Hospital) -> None:
    there = await hospital.account()
    answers = await send(
        hospital,
        entry("POST", "Account", ACCOUNT),
        entry("POST", "Account", ACCOUNT | {"status": "foo"}),
        entry("GET", f"Account/{there['id']}"),
        entry("GET", "Account/nothing"),
        entry("GET", "Account?_id=nothing"),
        entry("DELETE", "metadata"),
        entry("DELETE", f"Account/{there['id']}"),
    )
    statuses = [answer["response"]["status"].split()[0] for answer in answers]
    assert statuses == ["201", "400", "410", "404", "200", "405", "204"]
    assert expressions_of(answers[1]["response"]["outcome"]) == ["Bundle.entry[1].resource.status"]
    assert codes_of(answers[5]["response"]["outcome"]) == ["method-not-allowed"]
    assert answers[4]["resource"]["type"] == "searchset"
    assert await hospital.read(answers[0]["response"]["location"]) == answers[0]["resource"]


async def test_reads_in_a_batch_know_conditions(hospital: Hospital) -> None:
    there = await hospital.account()
    answers = await send(
        hospital,
        entry("GET", f"Account/{there['id']}", ifNoneMatch='W/"1"'),
        entry("GET", f"Account/{there['id']}", ifNoneMatch='W/"2"'),
        entry("GET", f"Account/{there['id']}", ifModifiedSince="2100-01-01T00:00:00Z"),
        entry("HEAD", f"Account/{there['id']}"),
    )
    statuses = [answer["response"]["status"].split()[0] for answer in answers]
    assert statuses == ["304", "200", "304", "200"]
    assert "resource" in answers[1]
    assert "resource" not in answers[3]


async def test_a_batch_that_is_repeated_with_its_key_creates_once(hospital: Hospital) -> None:
    entries = [entry("POST", "Account", ACCOUNT), entry("POST", "Account", ACCOUNT | {"name": "Other"})]
    first = await send(hospital, *entries, **{"idempotency-key": "batch-1"})
    second = await send(hospital, *entries, **{"idempotency-key": "batch-1"})
    assert first == second
    assert first[0]["resource"]["id"] != first[1]["resource"]["id"]


async def test_each_entry_needs_its_own_permission(server: Server, hospital: Hospital) -> None:
    there = await hospital.account()
    async with server.client(server.token(hospital.tenant_id, "system/Account.r")) as http:
        one = Hospital(server, hospital.tenant_id, http)
        answers = await send(one, entry("GET", f"Account/{there['id']}"), entry("POST", "Account", ACCOUNT))
    assert [answer["response"]["status"].split()[0] for answer in answers] == ["200", "403"]


async def test_a_reference_that_is_a_search_is_for_transactions_only(hospital: Hospital) -> None:
    await hospital.account(name="Ward")
    charge = {
        "resourceType": "ChargeItem",
        "status": "planned",
        "code": {"text": "bandage"},
        "subject": PATIENT,
        "account": [{"reference": "Account?name=Ward"}],
    }
    (answer,) = await send(hospital, entry("POST", "ChargeItem", charge))
    assert answer["response"]["status"].startswith("400")
    (issue,) = answer["response"]["outcome"]["issue"]
    assert issue["details"]["coding"][0]["code"] == "invalid-reference"
    assert issue["expression"] == ["Bundle.entry[0].resource.account[0].reference"]


async def test_what_needs_no_database_and_validation_can_be_asked_for_in_a_batch(hospital: Hospital) -> None:
    asked = {"resourceType": "Parameters", "parameter": [{"name": "resource", "resource": ACCOUNT | {"status": "foo"}}]}
    answers = await send(
        hospital,
        entry("GET", "metadata"),
        entry("GET", "OperationDefinition/Invoice-issue"),
        entry("GET", "SearchParameter?name=charge"),
        entry("POST", "Account/$validate", asked),
    )
    assert [answer["response"]["status"].split()[0] for answer in answers] == ["200"] * 4
    types = [answer["resource"]["resourceType"] for answer in answers]
    assert types == ["CapabilityStatement", "OperationDefinition", "Bundle", "OperationOutcome"]
    assert answers[3]["resource"]["issue"][0]["severity"] == "error"


async def test_an_entry_of_a_batch_that_refers_to_another_is_refused(hospital: Hospital) -> None:
    other, elsewhere = (f"urn:uuid:5f0e7f4e-8d57-4f8a-9f0a-00000000000{number}" for number in (1, 2))
    answers = await send(
        hospital,
        entry("POST", "Account", ACCOUNT) | {"fullUrl": other},
        entry("POST", "Account", ACCOUNT | {"owner": {"reference": other}}),
        entry("POST", "Account", ACCOUNT | {"owner": {"reference": elsewhere}}),
    )
    assert [answer["response"]["status"].split()[0] for answer in answers] == ["201", "422", "201"]
    outcome = answers[1]["response"]["outcome"]
    assert codes_of(outcome) == ["reference-not-found"]
    assert expressions_of(outcome) == ["Bundle.entry[1].resource.owner.reference"]

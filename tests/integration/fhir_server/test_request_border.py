"""What is common to all FHIR requests: paths, methods, formats, request ids."""

from __future__ import annotations

import pytest

from tests.integration.serving import PATIENT, Hospital, Server, body, codes_of

ACCOUNT = {"resourceType": "Account", "status": "active", "subject": [PATIENT]}


@pytest.mark.parametrize(
    ("method", "url", "status", "code"),
    [
        ("GET", "Patient/1", 404, "type-not-served"),
        ("GET", "Nonsense", 404, "unknown-path"),
        ("GET", "Invoice/1/$unknown", 404, "unknown-path"),
        ("GET", "Invoice/a_b", 404, "not-found"),
        ("PUT", "Invoice/a_b", 400, "invalid-id"),
        ("POST", "Invoice/1", 405, "method-not-allowed"),
        ("PATCH", "metadata", 405, "method-not-allowed"),
        ("DELETE", "StructureDefinition", 405, "method-not-allowed"),
        ("PUT", "", 405, "method-not-allowed"),
        ("TRACE", "Invoice/1", 405, "method-not-allowed"),
    ],
)
async def test_what_is_not_there_is_an_operation_outcome(
    hospital: Hospital, method: str, url: str, status: int, code: str
) -> None:
    answer = await hospital.http.request(method, url)
    assert (answer.status_code, codes_of(body(answer))) == (status, [code])
    assert answer.headers["content-type"] == "application/fhir+json; charset=utf-8"
    assert ("allow" in answer.headers) == (status == 405)


async def test_the_base_is_the_same_with_and_without_a_slash(hospital: Hospital) -> None:
    content = {"resourceType": "Bundle", "type": "batch"}
    for url in ("http://127.0.0.1:8080/fhir", "http://127.0.0.1:8080/fhir/"):
        assert (await hospital.http.post(url, json=content)).status_code == 200


@pytest.mark.parametrize("accept", ["application/fhir+json", "application/json", "*/*", "text/html, */*;q=0.1"])
async def test_the_answer_is_fhir_json(hospital: Hospital, accept: str) -> None:
    created = await hospital.account()
    answer = await hospital.http.get(f"Account/{created['id']}", headers={"accept": accept})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/fhir+json; charset=utf-8"


async def test_format_overrides_accept(hospital: Hospital) -> None:
    created = await hospital.account()
    url = f"Account/{created['id']}?_format=json"
    answer = await hospital.http.get(url, headers={"accept": "application/fhir+xml"})
    assert answer.status_code == 200


async def test_the_request_id_of_the_client_comes_back(hospital: Hospital) -> None:
    answer = await hospital.http.get("Account/nothing", headers={"x-request-id": "his-42"})
    assert answer.headers["x-request-id"] == "his-42"


@pytest.mark.parametrize("sent", [None, "", "two words", "x" * 129, "a\tb"])
async def test_a_request_id_is_made_where_there_is_none_to_log(hospital: Hospital, sent: str | None) -> None:
    headers = {} if sent is None else {"x-request-id": sent}
    first, second = [await hospital.http.get("Account/nothing", headers=headers) for _ in range(2)]
    assert first.headers["x-request-id"] not in {"", sent, second.headers["x-request-id"]}


async def test_a_preference_that_is_none_is_ignored(hospital: Hospital) -> None:
    answer = await hospital.http.post("Account", json=ACCOUNT, headers={"prefer": "return=all, handling=kind"})
    assert (answer.status_code, body(answer)["resourceType"]) == (201, "Account")


async def test_a_search_by_post_is_a_form(hospital: Hospital) -> None:
    created = await hospital.account()
    answer = await hospital.http.post("Account/_search", data={"_id": created["id"]})
    assert [entry["resource"] for entry in body(answer)["entry"]] == [created]
    assert (await hospital.http.post("Account/_search", json={"_id": "x"})).status_code == 415
    assert (await hospital.http.post("Account/_search", content=b"")).status_code == 200


async def test_what_is_no_path_of_fhir_is_404(server: Server) -> None:
    async with server.client(None) as http:
        assert (await http.get("http://127.0.0.1:8080/nothing")).status_code == 404
        assert (await http.get("http://127.0.0.1:8080/fhirx")).status_code == 404

"""Delete. https://hl7.org/fhir/R4/http.html#delete"""

from __future__ import annotations

from tests.integration.serving import Hospital, body


async def test_a_deletion_is_a_version(hospital: Hospital) -> None:
    created = await hospital.account()
    answer = await hospital.http.delete(f"Account/{created['id']}")
    assert answer.status_code == 204
    assert answer.content == b""
    assert answer.headers["etag"] == 'W/"2"'
    assert (await hospital.http.get(f"Account/{created['id']}")).status_code == 410


async def test_to_delete_twice_is_to_delete_once(hospital: Hospital) -> None:
    created = await hospital.account()
    await hospital.http.delete(f"Account/{created['id']}")
    assert (await hospital.http.delete(f"Account/{created['id']}")).status_code == 204
    assert (await hospital.http.delete("Account/never-there")).status_code == 204
    assert (await hospital.read(f"Account/{created['id']}/_history"))["total"] == 2


async def test_if_match_holds_for_deletions(hospital: Hospital) -> None:
    created = await hospital.account()
    url = f"Account/{created['id']}"
    assert (await hospital.http.delete(url, headers={"if-match": 'W/"7"'})).status_code == 412
    assert (await hospital.http.delete("Account/nothing", headers={"if-match": "*"})).status_code == 412
    assert (await hospital.http.delete(url, headers={"if-match": 'W/"1"'})).status_code == 204


async def test_what_has_posted_is_not_deleted(hospital: Hospital) -> None:
    _, invoice = await hospital.issued()
    answer = await hospital.http.delete(f"Invoice/{invoice['id']}")
    assert answer.status_code == 409
    assert body(answer)["resourceType"] == "OperationOutcome"

"""The history of an instance. https://hl7.org/fhir/R4/http.html#history"""

from __future__ import annotations

import pytest

from mappers.r4.json_text import decode
from mappers.r4.validate import validate
from tests.integration.serving import BASE, Hospital, Json, body, codes_of


async def account_with_versions(hospital: Hospital, count: int) -> Json:
    account = await hospital.account(name="1")
    for number in range(2, count + 1):
        answer = await hospital.http.put(f"Account/{account['id']}", json=account | {"name": str(number)})
        assert answer.status_code == 200
    return account


async def test_history_lists_all_versions_newest_first(hospital: Hospital) -> None:
    account = await account_with_versions(hospital, 3)
    history = await hospital.read(f"Account/{account['id']}/_history")
    assert (history["type"], history["total"]) == ("history", 3)
    assert [entry["resource"]["name"] for entry in history["entry"]] == ["3", "2", "1"]
    assert [entry["request"]["method"] for entry in history["entry"]] == ["PUT", "PUT", "POST"]
    assert [entry["request"]["url"] for entry in history["entry"]] == [*[f"Account/{account['id']}"] * 2, "Account"]
    assert [entry["response"]["etag"] for entry in history["entry"]] == ['W/"3"', 'W/"2"', 'W/"1"']
    assert [entry["response"]["status"] for entry in history["entry"]] == ["200 OK", "200 OK", "201 Created"]
    assert {entry["fullUrl"] for entry in history["entry"]} == {f"{BASE}/Account/{account['id']}"}


async def test_history_of_what_is_deleted_shows_the_deletion_without_a_resource(hospital: Hospital) -> None:
    account = await hospital.account()
    await hospital.http.delete(f"Account/{account['id']}")
    answer = await hospital.http.get(f"Account/{account['id']}/_history")
    entry = body(answer)["entry"][0]
    assert "resource" not in entry
    assert entry["request"] == {"method": "DELETE", "url": f"Account/{account['id']}"}
    assert entry["response"]["status"] == "204 No Content"
    assert validate(decode(answer.content)) == []


async def test_pages_show_each_version_once_also_when_new_ones_come_meanwhile(hospital: Hospital) -> None:
    account = await account_with_versions(hospital, 5)
    url = f"Account/{account['id']}/_history?_count=2"
    seen = []
    while url:
        page = await hospital.read(url)
        seen += [entry["resource"]["meta"]["versionId"] for entry in page["entry"]]
        links = {link["relation"]: link["url"] for link in page["link"]}
        url = links.get("next", "")
        await hospital.http.put(f"Account/{account['id']}", json=account | {"name": f"after {len(seen)}"})
    assert seen == ["5", "4", "3", "2", "1"]


async def test_a_count_of_0_asks_for_the_total_alone(hospital: Hospital) -> None:
    account = await account_with_versions(hospital, 2)
    page = await hospital.read(f"Account/{account['id']}/_history?_count=0")
    assert page["total"] == 2
    assert "entry" not in page


@pytest.mark.parametrize(
    "query", ["_count=x", "_count=-1", "_count=1&_count=2", "_before=1e3", "_sort=x", "_since=2026"]
)
async def test_a_parameter_that_is_wrong_or_unknown_is_refused(hospital: Hospital, query: str) -> None:
    account = await hospital.account()
    answer = await hospital.http.get(f"Account/{account['id']}/_history?{query}")
    assert answer.status_code == 400
    assert body(answer)["resourceType"] == "OperationOutcome"


async def test_lenient_handling_ignores_what_is_unknown(hospital: Hospital) -> None:
    account = await hospital.account()
    answer = await hospital.http.get(
        f"Account/{account['id']}/_history?unknown=1", headers={"prefer": "handling=lenient"}
    )
    assert answer.status_code == 200


async def test_history_of_what_never_was_is_404(hospital: Hospital) -> None:
    answer = await hospital.http.get("Account/nothing/_history")
    assert answer.status_code == 404
    assert codes_of(body(answer)) == ["not-found"]

"""Read and vread over HTTP. https://hl7.org/fhir/R4/http.html#read"""

from __future__ import annotations

import re

import pytest

from tests.integration.serving import Hospital, Server, body, codes_of


async def test_what_was_created_is_read_with_its_version_in_the_headers(hospital: Hospital) -> None:
    created = await hospital.account(name="Ward")
    answer = await hospital.http.get(f"Account/{created['id']}")
    assert answer.status_code == 200
    assert body(answer) == created
    assert answer.headers["content-type"] == "application/fhir+json; charset=utf-8"
    assert answer.headers["etag"] == 'W/"1"'
    assert answer.headers["content-location"].endswith(f"/fhir/Account/{created['id']}/_history/1")
    assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", answer.headers["last-modified"])
    assert "no-cache" in answer.headers["cache-control"]


async def test_decimals_keep_their_zeros(hospital: Hospital) -> None:
    account = await hospital.account()
    answer = await hospital.http.post(
        "ChargeItem",
        content=b'{"resourceType":"ChargeItem","status":"planned","code":{"text":"x"},"subject":{"reference":"Patient/1"},'
        b'"account":[{"reference":"Account/%b"}],"factorOverride":1.500,"quantity":{"value":2.0}}'
        % account["id"].encode(),
        headers={"content-type": "application/fhir+json"},
    )
    assert answer.status_code == 201, answer.text
    read = await hospital.http.get(f"ChargeItem/{body(answer)['id']}")
    assert '"factorOverride":1.500' in read.text
    assert '"value":2.0' in read.text


async def test_head_is_get_without_the_body(hospital: Hospital) -> None:
    created = await hospital.account()
    got = await hospital.http.get(f"Account/{created['id']}")
    head = await hospital.http.head(f"Account/{created['id']}")
    assert head.status_code == 200
    assert head.content == b""
    for name in ("etag", "last-modified", "content-type", "content-length"):
        assert head.headers[name] == got.headers[name]


@pytest.mark.parametrize("header", ["if-none-match", "if-modified-since"])
async def test_a_client_that_has_the_version_gets_304(hospital: Hospital, header: str) -> None:
    created = await hospital.account()
    first = await hospital.http.get(f"Account/{created['id']}")
    value = first.headers["etag" if header == "if-none-match" else "last-modified"]
    again = await hospital.http.get(f"Account/{created['id']}", headers={header: value})
    assert again.status_code == 304
    assert again.content == b""
    assert again.headers["etag"] == 'W/"1"'


async def test_a_client_that_has_another_version_gets_the_resource(hospital: Hospital) -> None:
    created = await hospital.account()
    answer = await hospital.http.get(f"Account/{created['id']}", headers={"if-none-match": 'W/"7"'})
    assert answer.status_code == 200


async def test_what_does_not_exist_is_404(hospital: Hospital) -> None:
    answer = await hospital.http.get("Account/nothing")
    assert answer.status_code == 404
    assert codes_of(body(answer)) == ["not-found"]


async def test_what_is_deleted_is_410(hospital: Hospital) -> None:
    created = await hospital.account()
    await hospital.http.delete(f"Account/{created['id']}")
    answer = await hospital.http.get(f"Account/{created['id']}")
    assert answer.status_code == 410
    assert codes_of(body(answer)) == ["deleted"]
    assert body(answer)["issue"][0]["code"] == "deleted"


async def test_each_version_is_read_as_it_was(hospital: Hospital) -> None:
    created = await hospital.account(name="First")
    url = f"Account/{created['id']}"
    await hospital.http.put(url, json=created | {"name": "Second"})
    assert (await hospital.read(f"{url}/_history/1"))["name"] == "First"
    assert (await hospital.read(f"{url}/_history/2"))["name"] == "Second"
    assert (await hospital.read(url))["name"] == "Second"


@pytest.mark.parametrize("version", ["2", "0", "01", "99999999999999", "x", "1.0", "-1"])
async def test_a_version_that_is_not_there_is_404(hospital: Hospital, version: str) -> None:
    created = await hospital.account()
    answer = await hospital.http.get(f"Account/{created['id']}/_history/{version}")
    assert answer.status_code == 404


async def test_the_version_that_is_the_deletion_is_410_and_the_one_before_is_there(hospital: Hospital) -> None:
    created = await hospital.account()
    url = f"Account/{created['id']}"
    await hospital.http.delete(url)
    assert (await hospital.http.get(f"{url}/_history/2")).status_code == 410
    assert (await hospital.read(f"{url}/_history/1")) == created


async def test_pretty_is_the_same_resource_in_lines(hospital: Hospital) -> None:
    created = await hospital.account()
    plain = await hospital.http.get(f"Account/{created['id']}")
    pretty = await hospital.http.get(f"Account/{created['id']}?_pretty=true")
    assert body(plain) == body(pretty)
    assert pretty.text.count("\n") > 5 > plain.text.count("\n")
    assert int(pretty.headers["content-length"]) == len(pretty.content)


@pytest.mark.parametrize("path", ["", "/_history/1"])
@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("_summary=true", {"status", "name", "subject", "description"}),
        ("_summary=text", {"status"}),
        ("_summary=data", {"status", "name", "subject", "description", "extension"}),
        ("_elements=name", {"status", "name"}),
        ("_elements=Account.name,description", {"status", "name", "description"}),
    ],
)
async def test_a_part_of_a_resource_is_shown_and_marked(
    hospital: Hospital, path: str, query: str, shown: set[str]
) -> None:
    account = await hospital.account(name="A", description="B")
    part = await hospital.read(f"Account/{account['id']}{path}?{query}")
    assert part.keys() - {"resourceType", "id", "meta"} == shown
    assert [tag["code"] for tag in part["meta"]["tag"]] == ["SUBSETTED"]


@pytest.mark.parametrize("query", ["_summary=count", "_summary=some", "_elements=colour", "_summary=true&_elements=id"])
async def test_a_part_that_is_none_is_refused(hospital: Hospital, query: str) -> None:
    account = await hospital.account()
    answer = await hospital.http.get(f"Account/{account['id']}?{query}")
    assert (answer.status_code, codes_of(body(answer))) == (400, ["parameter-invalid"])


async def test_whole_is_what_is_shown_where_nobody_asks_for_less(hospital: Hospital) -> None:
    account = await hospital.account()
    assert await hospital.read(f"Account/{account['id']}?_summary=false&_=1") == account


async def test_another_tenant_s_id_is_as_one_that_does_not_exist(server: Server, hospital: Hospital) -> None:
    created = await hospital.account()
    other = await server.add_tenant()
    async with server.client(server.token(other)) as http:
        for url in (f"Account/{created['id']}", f"Account/{created['id']}/_history/1"):
            theirs = await http.get(url)
            nobody_s = await http.get(url.replace(created["id"], "nothing"))
            assert theirs.status_code == nobody_s.status_code == 404
            assert theirs.text.replace(created["id"], "nothing") == nobody_s.text
        history = await http.get(f"Account/{created['id']}/_history")
        assert history.status_code == 404

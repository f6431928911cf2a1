"""JSON and XML in and out, pretty or not, compressed or not. https://hl7.org/fhir/R4/http.html#mime-type"""

from __future__ import annotations

import gzip
import json
from typing import Any

import httpx
import pytest
from lxml import etree

from fhir_server.answer_form import GZIP_BYTES_MIN
from mappers.r4.json_text import decode, encode
from mappers.r4.xml_text import json_of_xml
from mappers.r4.xml_writing import xml_of_json
from tests.checkout import CHECKOUT
from tests.integration.serving import PATIENT, Hospital, Json, Server, body, codes_of, expressions_of

XML = "application/fhir+xml"
XML_ANSWER = "application/fhir+xml; charset=utf-8"
JSON_ANSWER = "application/fhir+json; charset=utf-8"
ACCOUNT: Json = {
    "resourceType": "Account",
    "status": "active",
    "name": "Z\u00e4hler & S\u00f6hne",
    "subject": [PATIENT],
}

WITH_A_SCRIPT = b"""<Account xmlns="http://hl7.org/fhir">
  <text><status value="generated"/><div xmlns="http://www.w3.org/1999/xhtml">a<script>b</script></div></text>
  <status value="active"/>
</Account>"""


def xml_of(resource: Json) -> bytes:
    return xml_of_json(encode(resource))


def body_of_xml(answer: httpx.Response) -> Json:
    assert answer.headers["content-type"] == XML_ANSWER, answer.text
    return decode(json_of_xml(answer.content))


async def send(hospital: Hospital, method: str, url: str, content: bytes = b"", **headers: str) -> httpx.Response:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return await hospital.http.request(method, url, content=content, headers=sent)


async def test_a_resource_lives_its_life_in_xml(hospital: Hospital) -> None:
    created = await send(hospital, "POST", "Account", xml_of(ACCOUNT), content_type=XML, accept=XML)
    assert created.status_code == 201, created.text
    account = body_of_xml(created)
    url = f"Account/{account['id']}"

    read = await send(hospital, "GET", url, accept=XML)
    assert body_of_xml(read) == account == decode((await hospital.http.get(url)).content)
    assert read.headers["etag"] == 'W/"1"'

    changed = xml_of({**account, "name": "other"})
    updated = await send(hospital, "PUT", url, changed, content_type=XML, accept=XML, if_match='W/"1"')
    assert (updated.status_code, body_of_xml(updated)["name"]) == (200, "other")
    assert body_of_xml(await send(hospital, "GET", f"{url}/_history/1", accept=XML)) == account
    assert body_of_xml(await send(hospital, "GET", f"{url}/_history", accept=XML))["type"] == "history"
    assert (await send(hospital, "DELETE", url, accept=XML)).status_code == 204


async def test_what_is_sent_in_json_and_in_xml_is_stored_alike(hospital: Hospital) -> None:
    one = await hospital.create(ACCOUNT)
    other = body(await send(hospital, "POST", "Account", xml_of(ACCOUNT), content_type="application/xml"))
    for created in (one, other):
        del created["id"], created["meta"]
    assert one == other


async def test_an_official_example_goes_in_and_comes_out_as_xml(hospital: Hospital) -> None:
    example = (CHECKOUT / "tests" / "conformance" / "examples" / "Account-example.xml").read_bytes()
    created = await send(hospital, "PUT", "Account/example", example, content_type=XML, accept=XML)
    assert created.status_code == 201, created.text
    account, sent = body_of_xml(created), decode(json_of_xml(example))
    assert account["meta"]["security"] == sent["meta"]["security"]
    # The server adds the currency that the account has for life.
    assert {**account, "meta": {}, "extension": []} == {**sent, "meta": {}, "extension": []}


async def test_searches_bundles_operations_and_definitions_answer_in_xml(hospital: Hospital) -> None:
    account = await hospital.account()
    found = body_of_xml(await send(hospital, "GET", f"Account?_id={account['id']}", accept=XML))
    assert [entry["resource"]["id"] for entry in found["entry"]] == [account["id"]]

    entry = {"resource": ACCOUNT, "request": {"method": "POST", "url": "Account"}}
    bundle: Json = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
    answer = body_of_xml(await send(hospital, "POST", "", xml_of(bundle), content_type=XML, accept=XML))
    assert answer["entry"][0]["response"]["status"] == "201 Created"

    parameters = xml_of({"resourceType": "Parameters", "parameter": [{"name": "date", "valueDate": "2026-01-01"}]})
    url = f"Account/{account['id']}/$balance"
    balance = body_of_xml(await send(hospital, "POST", url, parameters, content_type=XML, accept=XML))
    assert balance["parameter"][0] == {"name": "currency", "valueCode": "AFN"}

    for url in ("metadata", "StructureDefinition", "OperationDefinition/Invoice-issue"):
        assert body_of_xml(await send(hospital, "GET", url, accept=XML)) == decode(
            (await hospital.http.get(url)).content
        )


async def test_the_statement_claims_the_formats_that_are_served(hospital: Hospital) -> None:
    for name in (await hospital.read("metadata"))["format"]:
        answer = await hospital.http.get("metadata", params={"_format": name})
        assert (answer.status_code, answer.headers["content-type"]) == (
            200,
            XML_ANSWER if "xml" in name else JSON_ANSWER,
        )
    assert (await hospital.http.get("metadata?_format=ttl")).status_code == 406


@pytest.mark.parametrize(
    ("accept", "query", "content_type"),
    [
        ("", "", JSON_ANSWER),
        ("application/fhir+xml;q=0.5, application/json", "", JSON_ANSWER),
        ("application/fhir+json;q=0.5, text/xml", "", XML_ANSWER),
        ("application/fhir+xml; fhirVersion=4.0", "", XML_ANSWER),
        (XML, "?_format=json", JSON_ANSWER),
        ("application/json", "?_format=application/fhir+xml", XML_ANSWER),
        ("application/json", "?_format=text/xml", XML_ANSWER),
    ],
)
async def test_the_answer_has_the_form_that_is_wanted_most(
    hospital: Hospital, accept: str, query: str, content_type: str
) -> None:
    answer = await send(hospital, "GET", f"metadata{query}", accept=accept)
    assert (answer.status_code, answer.headers["content-type"]) == (200, content_type)


async def test_refusals_have_the_form_that_is_wanted(server: Server, hospital: Hospital) -> None:
    for url, code in (
        ("Account/nobody", "not-found"),
        ("Nothing", "unknown-path"),
        ("Account?no=1", "unknown-search-parameter"),
    ):
        assert codes_of(body_of_xml(await send(hospital, "GET", url, accept=XML))) == [code]
    async with server.client(None) as anyone:
        answer = await anyone.get("Account?_format=xml")
        assert (answer.status_code, codes_of(body_of_xml(answer))) == (401, ["token-missing"])


async def test_a_form_that_is_not_there_is_406_in_json_before_anything_is_written(hospital: Hospital) -> None:
    content = json.dumps(ACCOUNT).encode()
    for accept in ("text/turtle", "application/fhir+json; fhirVersion=5.0"):
        answer = await send(hospital, "POST", "Account", content, content_type="application/json", accept=accept)
        assert (answer.status_code, codes_of(body(answer))) == (406, ["not-acceptable"])
        assert answer.headers["content-type"] == JSON_ANSWER
    assert (await hospital.read("Account?_total=accurate"))["total"] == 0


async def test_a_search_by_post_takes_the_format_in_its_form(hospital: Hospital) -> None:
    account = await hospital.account()
    answer = await hospital.http.post(
        "Account/_search", data={"_id": account["id"], "_format": "xml", "_pretty": "true"}
    )
    assert body_of_xml(answer)["entry"][0]["resource"] == decode(encode(account))
    assert b"\n  <type value" in answer.content
    answer = await hospital.http.post("Account/_search", data={"_format": "ttl"})
    assert (answer.status_code, codes_of(body(answer))) == (406, ["not-acceptable"])


async def test_pretty_is_true_or_false(hospital: Hospital) -> None:
    answer = await hospital.http.get("Account?_pretty=maybe")
    assert (answer.status_code, codes_of(body(answer))) == (400, ["parameter-invalid"])
    assert (await hospital.http.get("Account?_pretty=false")).status_code == 200


async def test_pretty_indents_both_forms(hospital: Hospital) -> None:
    account = await hospital.account()
    url = f"Account/{account['id']}?_pretty=true"
    assert b'\n  "status": "active"' in (await hospital.http.get(url)).content
    answer = await send(hospital, "GET", url, accept=XML)
    assert b'\n  <status value="active"/>' in answer.content
    assert body_of_xml(answer) == decode(encode(account))


async def test_head_has_the_headers_of_get_in_xml(hospital: Hospital) -> None:
    account = await hospital.account()
    url = f"Account/{account['id']}"
    get, head = [await send(hospital, method, url, accept=XML) for method in ("GET", "HEAD")]
    assert head.content == b""
    for name in ("content-type", "content-length", "etag"):
        assert head.headers[name] == get.headers[name]


async def test_a_narrative_goes_in_as_xhtml_and_comes_out_as_it_was(hospital: Hospital) -> None:
    text = {
        "status": "generated",
        "div": '<div xmlns="http://www.w3.org/1999/xhtml"><p>\u06a9\u0627\u0628\u0644 <b>1</b></p></div>',
    }
    created = await send(hospital, "POST", "Account", xml_of({**ACCOUNT, "text": text}), content_type=XML)
    assert body(created)["text"] == text
    answer = await send(hospital, "GET", f"Account/{body(created)['id']}", accept=XML)
    assert etree.fromstring(answer.content).findtext(".//{http://www.w3.org/1999/xhtml}b") == "1"


@pytest.mark.parametrize(
    ("content", "status", "code", "place"),
    [
        (b"<Account", 400, "xml-malformed", None),
        (
            b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><Account xmlns="http://hl7.org/fhir"/>',
            400,
            "xml-doctype",
            None,
        ),
        (b'<Account><status value="active"/></Account>', 400, "xml-namespace", "Account"),
        (
            b'<Account xmlns="http://hl7.org/fhir"><colour value="red"/></Account>',
            400,
            "unknown-element",
            "Account.colour",
        ),
        (b'<Account xmlns="http://hl7.org/fhir"><status value="x"/></Account>', 400, "unknown-code", "Account.status"),
        (WITH_A_SCRIPT, 400, "txt-1", "Account.text.`div`"),
        (
            b'<Invoice xmlns="http://hl7.org/fhir"><status value="draft"/></Invoice>',
            400,
            "resource-type-unexpected",
            "Account.resourceType",
        ),
    ],
)
async def test_what_is_wrong_in_xml_is_said_with_its_place(
    hospital: Hospital, content: bytes, status: int, code: str, place: str | None
) -> None:
    answer = await send(hospital, "POST", "Account", content, content_type=XML, accept=XML)
    outcome = body_of_xml(answer)
    assert (answer.status_code, codes_of(outcome)) == (status, [code])
    assert expressions_of(outcome) == ([] if place is None else [place])


@pytest.mark.parametrize(
    "content_type", ["application/fhir+xml; fhirVersion=5.0", "text/turtle", "application/fhir+json;charset=latin1"]
)
async def test_another_body_is_415(hospital: Hospital, content_type: str) -> None:
    answer = await send(hospital, "POST", "Account", xml_of(ACCOUNT), content_type=content_type)
    assert (answer.status_code, codes_of(body(answer))) == (415, ["media-type"])


async def test_a_request_is_the_same_in_json_and_in_xml_to_its_idempotency_key(hospital: Hospital) -> None:
    content = json.dumps(ACCOUNT).encode()
    one = await send(hospital, "POST", "Account", content, content_type="application/json", idempotency_key="k1")
    other = await send(hospital, "POST", "Account", xml_of(ACCOUNT), content_type=XML, idempotency_key="k1", accept=XML)
    assert other.headers["idempotency-replayed"] == "true"
    assert body_of_xml(other) == decode(one.content)


@pytest.mark.parametrize(("content_type", "as_sent"), [("application/json", encode), (XML, xml_of)])
async def test_a_body_in_gzip_is_read(hospital: Hospital, content_type: str, as_sent: Any) -> None:
    content = gzip.compress(as_sent(ACCOUNT))
    answer = await send(hospital, "POST", "Account", content, content_type=content_type, content_encoding="gzip")
    assert (answer.status_code, body(answer)["name"]) == (201, ACCOUNT["name"])


async def test_a_gzip_bomb_is_413_and_what_is_no_gzip_is_400(hospital: Hospital) -> None:
    bytes_max = hospital.server.settings.max_body_bytes
    bomb = gzip.compress(b" " * (bytes_max + 1))
    whole = gzip.compress(encode(ACCOUNT))
    for content, status, code in (
        (bomb, 413, "body-too-large"),
        (whole[:-9], 400, "gzip-malformed"),
        (whole + whole, 400, "gzip-malformed"),
        (encode(ACCOUNT), 400, "gzip-malformed"),
    ):
        answer = await send(
            hospital, "POST", "Account", content, content_type="application/json", content_encoding="gzip"
        )
        assert (answer.status_code, codes_of(body(answer))) == (status, [code])


async def test_another_compression_is_415_and_the_answer_says_which_one_is_read(hospital: Hospital) -> None:
    answer = await send(hospital, "POST", "Account", b"x", content_type="application/json", content_encoding="br")
    assert (answer.status_code, codes_of(body(answer))) == (415, ["content-encoding"])
    assert answer.headers["accept-encoding"] == "gzip"


@pytest.mark.parametrize("accept", ["application/json", XML])
async def test_a_large_answer_is_compressed_where_the_client_takes_it(hospital: Hospital, accept: str) -> None:
    plain = await send(hospital, "GET", "metadata", accept=accept, accept_encoding="identity")
    packed = await send(hospital, "GET", "metadata", accept=accept, accept_encoding="gzip")
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) < len(plain.content)
    assert packed.content == plain.content
    assert len(plain.content) >= GZIP_BYTES_MIN
    for refused in ("gzip;q=0", "br"):
        assert "content-encoding" not in (await send(hospital, "GET", "metadata", accept_encoding=refused)).headers


async def test_a_small_answer_is_not_compressed_but_caches_are_told(hospital: Hospital) -> None:
    account = await hospital.account()
    answer = await send(hospital, "GET", f"Account/{account['id']}", accept_encoding="gzip")
    assert "content-encoding" not in answer.headers
    assert answer.headers["vary"] == "Authorization, Accept, Accept-Encoding, Prefer"

"""What a strict client or a test suite tries and no section of R4 has for itself: small print, edges of HTTP."""

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
    draft_invoice,
    expressions_of,
)

ACCOUNT: Json = {"resourceType": "Account", "status": "active", "subject": [PATIENT]}
RULES = {"implicitRules": "http://example.org/rules"}
OWNER = {"owner": {"reference": "#o"}}


@pytest.mark.parametrize(
    ("sent", "expression"),
    [
        (ACCOUNT | RULES, "Account.implicitRules"),
        (
            ACCOUNT | OWNER | {"contained": [{"resourceType": "Organization", "id": "o", **RULES}]},
            "Account.contained[0].implicitRules",
        ),
    ],
)
async def test_rules_that_are_not_known_are_refused(hospital: Hospital, sent: Json, expression: str) -> None:
    answer = await hospital.http.post("Account", json=sent)
    assert answer.status_code == 422, answer.text
    assert (codes_of(body(answer)), expressions_of(body(answer))) == (["implicit-rules-unknown"], [expression])


async def test_rules_of_a_bundle_or_of_parameters_are_refused(hospital: Hospital) -> None:
    there = await hospital.account()
    for url, sent in (
        ("", {"resourceType": "Bundle", "type": "batch", **RULES}),
        (f"Account/{there['id']}/$balance", {"resourceType": "Parameters", **RULES}),
    ):
        answer = await hospital.http.post(url, json=sent)
        assert (answer.status_code, codes_of(body(answer))) == (422, ["implicit-rules-unknown"])


async def test_what_is_not_valid_besides_unknown_rules_is_said_first(hospital: Hospital) -> None:
    answer = await hospital.http.post("Account", json=ACCOUNT | RULES | {"status": "foo"})
    assert (answer.status_code, set(codes_of(body(answer)))) == (400, {"implicit-rules-unknown", "unknown-code"})


async def test_a_reference_to_nothing_that_is_here_is_kept_outside_of_bundles(hospital: Hospital) -> None:
    sent = ACCOUNT | {"owner": {"reference": "urn:uuid:5f0e7f4e-8d57-4f8a-9f0a-000000000001"}}
    assert (await hospital.create(sent))["owner"] == sent["owner"]


@pytest.mark.parametrize(
    ("method", "path", "status", "code", "allowed"),
    [
        ("GET", "Foo", 404, "unknown-path", None),
        ("GET", "Patient", 404, "type-not-served", None),
        ("GET", "account/1", 404, "unknown-path", None),
        ("GET", "Practitioner/1/Account", 404, "type-not-served", None),
        ("GET", "Patient/1/Subscription", 404, "type-not-served", None),
        ("GET", "Account/$everything", 404, "unknown-path", None),
        ("GET", "$validate", 404, "unknown-path", None),
        ("GET", "Account/" + "x" * 65, 404, "not-found", None),
        ("GET", "Account/a/_history/0", 404, "not-found", None),
        ("GET", "Account/a/_history/99999999999999999999", 404, "not-found", None),
        ("GET", "Account/a%20", 404, "not-found", None),
        ("GET", "%00", 404, "unknown-path", None),
        ("POST", "Account/a", 405, "method-not-allowed", "DELETE, GET, HEAD, PATCH, PUT"),
        ("GET", "Account/_search", 405, "method-not-allowed", "POST"),
        ("DELETE", "metadata", 405, "method-not-allowed", "GET, HEAD"),
        ("PUT", "Account/a/_history/1", 405, "method-not-allowed", "GET, HEAD"),
        ("POST", "AuditEvent", 405, "method-not-allowed", "GET, HEAD"),
        ("PATCH", "SearchParameter/a", 405, "method-not-allowed", "GET, HEAD"),
        ("TRACE", "Account", 405, "method-not-allowed", "DELETE, GET, HEAD, PATCH, POST, PUT"),
        ("GET", "Account?_id=%ff", 400, "query-malformed", None),
    ],
)
async def test_what_is_not_served_says_whether_the_path_or_the_method_is_wrong(
    hospital: Hospital, method: str, path: str, status: int, code: str, allowed: str | None
) -> None:
    answer = await hospital.http.request(method, path)
    assert (answer.status_code, codes_of(body(answer))) == (status, [code])
    assert answer.headers.get("allow") == allowed


@pytest.mark.parametrize("path", ["Account/", "Account/{}/", "Acc%6Funt/{}", "Account/{}/_history/", ""])
async def test_a_slash_at_the_end_and_percent_encoding_make_no_difference(hospital: Hospital, path: str) -> None:
    there = await hospital.account()
    assert (await hospital.http.get(path.format(there["id"]))).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"if-none-match": "*"}, 304),
        ({"if-none-match": '"1"'}, 304),
        ({"if-none-match": 'W/"5", W/"1"'}, 304),
        ({"if-none-match": 'W/"9"', "if-modified-since": "Sat, 01 Jan 2050 00:00:00 GMT"}, 200),
        ({"if-modified-since": "Sat, 01 Jan 2050 00:00:00 GMT"}, 304),
        ({"if-modified-since": "yesterday"}, 200),
        ({"if-none-match": "1"}, 400),
        ({"accept-charset": "iso-8859-1"}, 200),
        ({"accept": "application/fhir+json; fhirVersion=5.0"}, 406),
        ({"accept": "*/*;q=0"}, 406),
        ({"prefer": "respond-async, wait=10"}, 200),
    ],
)
async def test_headers_of_a_read(hospital: Hospital, headers: dict[str, str], status: int) -> None:
    there = await hospital.account()
    answer = await hospital.http.get(f"Account/{there['id']}", headers=headers)
    assert (answer.status_code, answer.content == b"") == (status, status == 304)


async def test_a_condition_of_a_read_says_nothing_of_a_search(hospital: Hospital) -> None:
    there = await hospital.account()
    answer = await hospital.http.get(f"Account?_id={there['id']}", headers={"if-none-match": 'W/"1"'})
    assert (answer.status_code, body(answer)["total"]) == (200, 1)


@pytest.mark.parametrize(
    "query",
    [
        "identifier=urn:p|a\\,b",
        "identifier=a\\,b,other",
        "identifier=urn:p\\|x|d\\$e",
        "name=Probe\\, comma",
        "_sort=-_lastUpdated,_id",
        "_lastUpdated=ge2026-01-01T00:00:00+04:30",
        "_lastUpdated=ge2026-01-01T00:00:00%2B04:30",
        "_revinclude:iterate=Invoice:account&_include:iterate=Invoice:account",
        "_include=*&_revinclude=*",
        "patient=http://127.0.0.1:8080/fhir/Patient/p1",
        "&&",
    ],
)
async def test_searches_with_escapes_zones_and_cycles_find_the_one(hospital: Hospital, query: str) -> None:
    there = await hospital.create(
        ACCOUNT
        | {
            "name": "Probe, comma",
            "identifier": [{"system": "urn:p", "value": "a,b"}, {"system": "urn:p|x", "value": "d$e"}],
        }
    )
    answer = await hospital.http.get(f"Account?_id={there['id']}&{query}")
    assert answer.status_code == 200, answer.text
    assert [entry["resource"]["id"] for entry in body(answer)["entry"]] == [there["id"]]


@pytest.mark.parametrize(
    "query",
    [
        "_count=1&_count=2",
        "_count=-1",
        "_sort=",
        "_sort=colour",
        "_summary=all",
        "_total=some",
        "_elements=colour",
        "status=",
        "_tag:missing=yes",
        "_lastUpdated=2026-13",
        "subject:Colour=1",
        "_getpages=1",
        "_offset=1",
        "_cursor=abc",
    ],
)
async def test_what_a_search_does_not_understand_is_refused(hospital: Hospital, query: str) -> None:
    answer = await hospital.http.get(f"Account?{query}")
    assert (answer.status_code, body(answer)["resourceType"]) == (400, "OperationOutcome")


@pytest.mark.parametrize(
    ("body_sent", "headers", "status"),
    [
        (b"", {}, 400),
        (b"null", {}, 400),
        (b"\xef\xbb\xbf" + b'{"resourceType": "Account", "status": "active"}', {}, 201),
        (b'{"resourceType": "Account", "status": "active", "name": "\\u0000"}', {}, 400),
        (b'{"resourceType": "Account", "status": "active", "fhir_comments": ["x"]}', {}, 400),
        (b"<Account/>", {"content-type": "application/fhir+xml"}, 400),
        (
            b'<?x?><!-- c --><Account xmlns="http://hl7.org/fhir"><!-- c --><status value="active"/></Account>',
            {"content-type": "application/fhir+xml"},
            201,
        ),
        (
            b'<f:Account xmlns:f="http://hl7.org/fhir"><f:status value="active"/></f:Account>',
            {"content-type": "text/xml"},
            201,
        ),
        (b"garbage", {"content-encoding": "gzip"}, 400),
        (b"garbage", {"content-encoding": "deflate"}, 415),
        (b"{}", {"content-type": "application/fhir+json; fhirVersion=3.0"}, 415),
        (b"{}", {"content-type": "text/plain"}, 415),
    ],
)
async def test_bodies(hospital: Hospital, body_sent: bytes, headers: dict[str, Any], status: int) -> None:
    sent = {"content-type": "application/fhir+json", **headers}
    answer = await hospital.http.post("Account", content=body_sent, headers=sent)
    assert answer.status_code == status, answer.text


async def test_a_body_in_chunks_is_one_body(hospital: Hospital) -> None:
    async def chunks() -> Any:
        for part in (b'{"resourceType": "Acc', b'ount", "sta', b'tus": "active"}'):
            yield part

    headers = {"content-type": "application/fhir+json"}
    assert (await hospital.http.post("Account", content=chunks(), headers=headers)).status_code == 201


@pytest.mark.parametrize("query", ["", "?_count=2", "?_count=1&name=invoice"])
async def test_definitions_come_in_pages_where_that_is_asked_for(hospital: Hospital, query: str) -> None:
    whole = await hospital.read(f"OperationDefinition{query.replace('_count=1&', '').replace('?_count=2', '')}")
    expected = [entry["resource"]["id"] for entry in whole["entry"]]
    seen, url = [], f"OperationDefinition{query}"
    while url:
        page = await hospital.read(url)
        assert page["total"] == len(expected)
        seen += [entry["resource"]["id"] for entry in page["entry"]]
        url = next((link["url"] for link in page["link"] if link["relation"] == "next"), "")
    assert seen == expected


async def test_of_definitions_the_number_alone_can_be_asked_for(hospital: Hospital) -> None:
    assert "entry" not in await hospital.read("Basic?_count=0")
    assert (await hospital.http.get("Basic?_count=some")).status_code == 400


@pytest.mark.parametrize("day", ["0001-01-01", "1899-12-31"])
async def test_nothing_is_booked_on_a_day_that_is_a_slip_of_the_pen(hospital: Hospital, day: str) -> None:
    account = await hospital.account()
    draft = await hospital.create(invoice_of_nothing(account["id"]))
    issued = await hospital.http.post(
        f"Invoice/{draft['id']}/$issue",
        json={"resourceType": "Parameters", "parameter": [{"name": "date", "valueDate": day}]},
    )
    charge = await hospital.http.post(
        "ChargeItem", json=charge_item(f"Account/{account['id']}", occurrenceDateTime=day)
    )
    assert (issued.status_code, codes_of(body(issued))) == (422, ["date-out-of-range"])
    assert (charge.status_code, codes_of(body(charge))) == (422, ["date-out-of-range"])
    assert (expressions_of(body(issued)), expressions_of(body(charge))) == (["Invoice.date"], ["ChargeItem.occurrence"])
    await hospital.create(charge_item(f"Account/{account['id']}", occurrenceDateTime=day, status="planned"))


def invoice_of_nothing(account_id: str) -> Json:
    return draft_invoice(
        f"Account/{account_id}",
        lineItem=[
            {
                "chargeItemCodeableConcept": {"text": "A gift"},
                "priceComponent": [{"type": "base", "amount": {"value": 0, "currency": "AFN"}}],
            }
        ],
    )


async def test_who_sends_a_patch_of_another_kind_is_told_which_are_read(hospital: Hospital) -> None:
    there = await hospital.account()
    headers = {"content-type": "application/merge-patch+json"}
    answer = await hospital.http.patch(f"Account/{there['id']}", content=b"{}", headers=headers)
    assert answer.status_code == 415
    assert answer.headers["accept-patch"] == (
        "application/json-patch+json, application/fhir+json, application/fhir+xml"
    )
    other = await hospital.http.post("Account", content=b"{}", headers=headers)
    assert (other.status_code, "accept-patch" in other.headers) == (415, False)

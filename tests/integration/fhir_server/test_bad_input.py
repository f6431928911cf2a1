"""Bad input of every sort gets a 4xx OperationOutcome and leaves the database as it was."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest

from mappers.r4.json_text import decode
from mappers.r4.validate import validate
from tests.integration.serving import Hospital, Json, body, charge_item, codes_of, row_counts

FHIR_JSON = "application/fhir+json"
CHARGE = json.dumps(charge_item("Account/a"))


def charge(**changed: object) -> bytes:
    """A charge item with members replaced by raw JSON, where it is given as bytes."""
    document: Json = charge_item("Account/a")
    raw = {name: value for name, value in changed.items() if isinstance(value, bytes)}
    document |= {name: (f"raw-{name}" if name in raw else value) for name, value in changed.items()}
    text = json.dumps(document).encode()
    for name, value in raw.items():
        text = text.replace(f'"raw-{name}"'.encode(), value)
    return text


def nested(depth: int) -> bytes:
    return b'{"resourceType":"ChargeItem","extension":' + b'[{"extension":' * depth + b"1" + b"}]" * depth + b"}"


MALFORMED: dict[str, bytes] = {
    "nothing": b"",
    "spaces": b"   ",
    "not JSON": b"hello",
    "cut off": CHARGE[:-3].encode(),
    "two objects": CHARGE.encode() * 2,
    "trailing comma": b'{"resourceType":"ChargeItem",}',
    "a comment": b'{"resourceType":"ChargeItem"} // yes',
    "single quotes": b"{'resourceType':'ChargeItem'}",
    "NaN": charge(factorOverride=b"NaN"),
    "infinity": charge(factorOverride=b"-Infinity"),
    "an array": b"[" + CHARGE.encode() + b"]",
    "a string": b'"ChargeItem"',
    "a number": b"1",
    "null": b"null",
    "XML": b'<ChargeItem xmlns="http://hl7.org/fhir"/>',
    "UTF-16": CHARGE.encode("utf-16"),
    "Latin-1": charge(note=[{"text": "raw"}]).replace(b"raw", b"caf\xe9"),
    "overlong UTF-8": charge(note=[{"text": "raw"}]).replace(b"raw", b"\xc0\x80"),
    "a raw NUL": charge(note=[{"text": "raw"}]).replace(b"raw", b"\x00"),
    "an escaped NUL": charge(note=[{"text": "raw"}]).replace(b"raw", b"\\u0000"),
    "a control character": charge(note=[{"text": "raw"}]).replace(b"raw", b"\\u0007"),
    "a lone high surrogate": charge(note=[{"text": "raw"}]).replace(b"raw", b"\\ud800"),
    "a lone low surrogate": charge(note=[{"text": "raw"}]).replace(b"raw", b"\\udc00"),
    "surrogates in the wrong order": charge(note=[{"text": "raw"}]).replace(b"raw", b"\\udc00\\ud800"),
    "a surrogate as UTF-8": charge(note=[{"text": "raw"}]).replace(b"raw", b"\xed\xa0\x80"),
    "a NUL in a key": charge().replace(b'"overrideReason"', b'"override\\u0000"'),
    "a duplicate key": charge().replace(b'"status"', b'"status": "billable", "status"'),
    "a duplicate key inside": charge().replace(b'"currency"', b'"currency": "USD", "currency"'),
    "nested deeply": nested(200),
    "nested very deeply": nested(100_000),
    "brackets only": b"[" * 1_000_000,
    "a huge decimal": charge(factorOverride=b"1e999999999"),
    "a tiny decimal": charge(factorOverride=b"1e-999999999"),
    "a huge integer": charge(quantity=b'{"value":' + b"9" * 10_000 + b"}"),
    "a long decimal": charge(factorOverride=b"1." + b"3" * 10_000),
    "a negative exponent past all": charge(priceOverride=b'{"value":1E-99999999999999999999,"currency":"AFN"}'),
}

INVALID: dict[str, bytes] = {
    "no resource type": b"{}",
    "another resource type": b'{"resourceType":"Patient"}',
    "a resource type that is none": b'{"resourceType":"Nonsense"}',
    "a resource type that is no text": b'{"resourceType":7}',
    "null inside": charge(status=None),
    "an object for a code": charge(status={}),
    "a number for a code": charge(status=1),
    "an array for one": charge(subject=[{"reference": "Patient/1"}]),
    "one for an array": charge(account={"reference": "Account/a"}),
    "an empty array": charge(note=[]),
    "an empty object": charge(quantity={}),
    "an empty text": charge(overrideReason=""),
    "a text of spaces": charge(overrideReason="   "),
    "a decimal as a text": charge(factorOverride="1.0"),
    "a boolean for a decimal": charge(factorOverride=True),
    "an unknown element": charge(colour="red"),
    "both of a choice": charge(occurrencePeriod={"start": "2026"}),
    "no such date": charge(occurrenceDateTime="2026-02-30"),
    "a time without a zone": charge(occurrenceDateTime="2026-02-01T10:00:00"),
    "a year too far": charge(occurrenceDateTime="99999-01-01"),
    "no such currency": charge(priceOverride={"value": 1, "currency": "XYZ"}),
    "a reference to another type": charge(account=[{"reference": "Patient/1"}]),
    "a reference that is none": charge(account=[{"reference": "not a reference"}]),
    "a megabyte of code": charge(status="x" * 1_000_000),
    "a megabyte of key": charge(**{"x" * 1_000_000: 1}),
    "a megabyte of id": charge(subject={"reference": "Patient/" + "1" * 1_000_000}),
    "an extension without a url": charge(extension=[{"valueString": "x"}]),
    "a script in the narrative": charge(
        text={"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml"><script>x</script></div>'}
    ),
}

RULES: dict[str, bytes] = {
    "an amount finer than its currency": charge(priceOverride=b'{"value":1.001,"currency":"AFN"}'),
    "an amount too large": charge(priceOverride=b'{"value":99999999999999999,"currency":"AFN"}'),
    "an account that is not there": charge(),
}


async def refused(hospital: Hospital, content: bytes, url: str, content_type: str = FHIR_JSON) -> int:
    before = row_counts(hospital.server.access)
    answer = await hospital.http.post(url, content=content, headers={"content-type": content_type})
    assert row_counts(hospital.server.access) == before
    assert answer.headers["content-type"] == "application/fhir+json; charset=utf-8"
    outcome = decode(answer.content)
    assert outcome["resourceType"] == "OperationOutcome"
    assert validate(outcome) == []
    assert all(issue["details"]["coding"][0]["code"] for issue in outcome["issue"])
    assert len(answer.content) < 200_000
    return answer.status_code


@pytest.mark.parametrize("sort", MALFORMED)
async def test_what_is_no_json_of_ours_is_400(hospital: Hospital, sort: str) -> None:
    assert await refused(hospital, MALFORMED[sort], "ChargeItem") == 400


@pytest.mark.parametrize("sort", INVALID)
async def test_what_is_not_valid_r4_is_400(hospital: Hospital, sort: str) -> None:
    assert await refused(hospital, INVALID[sort], "ChargeItem") == 400


@pytest.mark.parametrize("sort", RULES)
async def test_what_breaks_a_rule_of_money_is_422(hospital: Hospital, sort: str) -> None:
    await hospital.http.put("Account/b", json={"resourceType": "Account", "status": "active", "id": "b"})
    assert await refused(hospital, RULES[sort], "ChargeItem") == 422


@pytest.mark.parametrize("sort", [*MALFORMED, *INVALID])
async def test_the_same_in_a_bundle_refuses_the_bundle(hospital: Hospital, sort: str) -> None:
    content = (MALFORMED | INVALID)[sort]
    wrapped = (
        b'{"resourceType":"Bundle","type":"transaction","entry":[{"request":{"method":"POST","url":"ChargeItem"},'
        b'"resource":' + content + b"}]}"
    )
    assert await refused(hospital, wrapped, "") == 400


@pytest.mark.parametrize("sort", [name for name in MALFORMED if name not in {"nothing", "spaces"}])
async def test_the_same_sent_to_an_operation_is_400(hospital: Hospital, sort: str) -> None:
    assert await refused(hospital, MALFORMED[sort], "Account/a/$balance") == 400


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "text/turtle",
        "application/fhir+xml; fhirVersion=5.0",
        "application/json-patch+json",
        "application/fhir+json; charset=utf-16",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "nonsense",
    ],
)
async def test_another_content_type_is_415(hospital: Hospital, content_type: str) -> None:
    assert await refused(hospital, CHARGE.encode(), "ChargeItem", content_type) == 415


async def test_no_content_type_is_415(hospital: Hospital) -> None:
    answer = await hospital.http.post("ChargeItem", content=CHARGE)
    assert answer.status_code == 415


async def test_a_body_past_the_limit_is_413(hospital: Hospital) -> None:
    limit = hospital.server.settings.max_body_bytes
    assert await refused(hospital, b" " * (limit + 1), "ChargeItem") == 413


async def test_a_body_past_the_limit_without_a_length_is_413(hospital: Hospital) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 100_000_000:
            sent += 1_000_000
            yield b" " * 1_000_000

    answer = await hospital.http.post("ChargeItem", content=endless(), headers={"content-type": FHIR_JSON})
    assert answer.status_code == 413


async def test_what_a_patient_said_is_not_in_the_log(hospital: Hospital, caplog: pytest.LogCaptureFixture) -> None:
    await refused(hospital, charge(overrideReason="secret-diagnosis", colour="secret-colour"), "ChargeItem")
    assert "secret" not in caplog.text


@pytest.mark.parametrize(
    "url",
    [
        "Account/%00",
        "Account/..%2F..%2Fetc%2Fpasswd",
        "Account/'; DROP TABLE billing.account; --",
        "Account/" + "a" * 10_000,
        "Account/%ff",
        "%00",
        "Account/a/_history/%00",
        "Account/a/$%00",
        "Account?%00=1",
        "Account?_id=%00",
        "Account?_id=%ff",
        "Account?" + "&".join(f"_id={number}" for number in range(2000)),
        "Account?_count=99999999999999999999999",
        "Account?_lastUpdated=gt99999-01-01",
        "Account?identifier=" + "x" * 50_000,
    ],
)
async def test_a_strange_url_is_no_fault(hospital: Hospital, url: str) -> None:
    answer = await hospital.http.get(url)
    assert answer.status_code < 500
    assert decode(answer.content)["resourceType"] in {"OperationOutcome", "Bundle"}


async def test_what_is_too_long_for_an_index_is_refused_as_that(hospital: Hospital) -> None:
    value = "".join(chr(0x4E00 + number * 7919 % 20000) for number in range(5000))
    answer = await hospital.http.post(
        "Account", json={"resourceType": "Account", "status": "active", "identifier": [{"value": value}]}
    )
    assert (answer.status_code, codes_of(body(answer))) == (422, ["text-too-long"])

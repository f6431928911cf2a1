"""HL7's own examples over HTTP: what goes in comes out, in JSON and in XML, outside of what only the server sets.

What they refer to is there before. The one that no billing service can carry out is refused as documented.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from mappers.extensions import CANONICAL
from mappers.r4.json_text import canonical, decode, encode
from mappers.r4.xml_text import json_of_xml
from tests.checkout import CHECKOUT
from tests.integration.serving import Hospital, Json, Server, body, codes_of, hospital_of

EXAMPLES = CHECKOUT / "tests" / "conformance" / "examples"
OURS = ("Account", "ChargeItem", "PaymentNotice")
FILES = sorted(file for name in OURS for file in EXAMPLES.glob(f"{name}-*.*"))
MEDIA_TYPES = {".json": "application/fhir+json", ".xml": "application/fhir+xml"}

ACCOUNT = {
    "resourceType": "Account",
    "id": "example",
    "status": "active",
    "subject": [{"reference": "Patient/example"}],
}
PAYMENT = {
    "resourceType": "PaymentReconciliation",
    "id": "ER2500",
    "status": "active",
    "created": "2014-08-16",
    "outcome": "complete",
    "paymentIssuer": {"reference": "Organization/2"},
    "paymentDate": "2014-08-15",
    "paymentAmount": {"value": 12500.00, "currency": "USD"},
    "paymentIdentifier": {"system": "http://benefitsinc.com/payments", "value": "ER2500"},
}
CURRENCIES = {"Account": "AFN", "ChargeItem": "EUR", "PaymentNotice": "USD"}
REFERRED = {"Account": None, "ChargeItem": ACCOUNT, "PaymentNotice": PAYMENT}


@pytest_asyncio.fixture(params=FILES, ids=[file.name for file in FILES])
async def example(request: pytest.FixtureRequest, server: Server) -> AsyncIterator[tuple[Path, Hospital]]:
    """An example, and a hospital with its currency where all is there that it refers to."""
    file: Path = request.param
    resource_type = file.name.split("-")[0]
    async with hospital_of(server, currency=CURRENCIES[resource_type]) as hospital:
        referred = REFERRED[resource_type]
        if referred is not None:
            answer = await hospital.http.put(f"{referred['resourceType']}/{referred['id']}", json=referred)
            assert answer.status_code == 201, answer.text
        yield file, hospital


def of_the_client(resource: Json) -> Json:
    """The resource without the elements that the server sets: docs/fhir/server-owned.md."""
    shown = deepcopy(resource)
    meta: dict[str, Any] = shown.get("meta", {})
    for name in ("versionId", "lastUpdated"):
        meta.pop(name, None)
    own = (
        f"{CANONICAL}/StructureDefinition/",
        "http://hl7.org/fhir/5.0/StructureDefinition/extension-Account.currency",
    )
    extensions = [each for each in shown.get("extension", []) if not each["url"].startswith(own)]
    for name, value in (("meta", meta), ("extension", extensions)):
        shown.pop(name, None)
        if value:
            shown[name] = value
    return shown


def as_json(content: bytes, suffix: str) -> Json:
    return decode(content if suffix == ".json" else json_of_xml(content))


async def test_it_comes_back_as_it_was_sent_in_both_forms(example: tuple[Path, Hospital]) -> None:
    file, hospital = example
    sent = as_json(file.read_bytes(), file.suffix)
    url = f"{sent['resourceType']}/{sent['id']}"
    answer = await hospital.http.put(
        url, content=file.read_bytes(), headers={"content-type": MEDIA_TYPES[file.suffix], "accept": "application/json"}
    )
    assert answer.status_code == 201, answer.text
    assert canonical(of_the_client(decode(answer.content))) == canonical(of_the_client(sent))
    for suffix, media_type in MEDIA_TYPES.items():
        read = await hospital.http.get(url, headers={"accept": media_type})
        assert read.headers["content-type"] == f"{media_type}; charset=utf-8"
        assert canonical(of_the_client(as_json(read.content, suffix))) == canonical(of_the_client(sent))


async def test_it_can_be_written_back_as_it_was_read_without_a_new_version(example: tuple[Path, Hospital]) -> None:
    file, hospital = example
    sent = as_json(file.read_bytes(), file.suffix)
    url = f"{sent['resourceType']}/{sent['id']}"
    await hospital.http.put(url, content=encode(sent), headers={"content-type": MEDIA_TYPES[".json"]})
    for suffix, media_type in MEDIA_TYPES.items():
        read = await hospital.http.get(url, headers={"accept": media_type})
        again = await hospital.http.put(url, content=read.content, headers={"content-type": media_type})
        assert again.status_code == 200, (suffix, again.text)
        assert again.headers["etag"] == read.headers["etag"]


async def test_it_can_be_created_under_an_id_of_the_server(example: tuple[Path, Hospital]) -> None:
    file, hospital = example
    sent = as_json(file.read_bytes(), file.suffix)
    answer = await hospital.http.post(
        sent["resourceType"], content=file.read_bytes(), headers={"content-type": MEDIA_TYPES[file.suffix]}
    )
    assert answer.status_code == 201, answer.text


@pytest.mark.parametrize("suffix", [".json", ".xml"])
async def test_the_example_of_a_subscription_asks_about_what_is_not_kept_here(hospital: Hospital, suffix: str) -> None:
    file = EXAMPLES / f"Subscription-example{suffix}"
    answer = await hospital.http.put(
        "Subscription/example",
        content=file.read_bytes(),
        headers={"content-type": MEDIA_TYPES[suffix], "accept": "application/json"},
    )
    assert (answer.status_code, codes_of(body(answer))) == (422, ["criteria-not-understood"])


@pytest.mark.parametrize("suffix", [".json", ".xml"])
async def test_the_example_of_a_subscription_comes_back_where_it_asks_about_invoices(
    hospital: Hospital, suffix: str
) -> None:
    sent = as_json((EXAMPLES / f"Subscription-example{suffix}").read_bytes(), suffix)
    sent |= {"criteria": "Invoice?status=issued", "end": "2999-01-01T00:00:00Z"}
    answer = await hospital.http.put(
        "Subscription/example", content=encode(sent), headers={"content-type": MEDIA_TYPES[".json"]}
    )
    assert answer.status_code == 201, answer.text
    for read_as, media_type in MEDIA_TYPES.items():
        read = await hospital.http.get("Subscription/example", headers={"accept": media_type})
        shown = of_the_client(as_json(read.content, read_as))
        # What a header to the endpoint says is a secret, and the status is the server's.
        for each in (shown, sent):
            each.pop("status", None)
            each["channel"].pop("header", None)
        assert canonical(shown) == canonical(of_the_client(sent))

"""Subscription over HTTP: what is accepted, what is refused and where, and that nobody reads what is secret."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import pytest_asyncio

from mappers.subscription_secrets import MASK
from tests.database_server import DatabaseAccess
from tests.integration.serving import Hospital, Json, Server, body, codes_of, expressions_of, hospital_of, serving

BACKPORT = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-"
TOPIC = "https://billing.ghasi.example/fhir/SubscriptionTopic/"
SECRET_URL = "https://billing.ghasi.example/fhir/StructureDefinition/webhook-secret"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ENDPOINT = "https://claims.example.org/notify"


def topic_subscription(topic: str = "invoice-issued", *filters: str, **channel: Any) -> Json:
    criteria: Json = {"criteria": f"{TOPIC}{topic}"}
    if filters:
        criteria["_criteria"] = {
            "extension": [{"url": f"{BACKPORT}filter-criteria", "valueString": each} for each in filters]
        }
    return {
        "resourceType": "Subscription",
        "status": "requested",
        "reason": "Claims",
        **criteria,
        "channel": {
            "type": "rest-hook",
            "endpoint": ENDPOINT,
            "payload": "application/fhir+json",
            "_payload": {"extension": [{"url": f"{BACKPORT}payload-content", "valueCode": "id-only"}]},
            **channel,
        },
    }


def search_subscription(criteria: str = "Invoice?status=issued", **channel: Any) -> Json:
    return {
        "resourceType": "Subscription",
        "status": "requested",
        "reason": "Claims",
        "criteria": criteria,
        "channel": {"type": "rest-hook", "endpoint": ENDPOINT, **channel},
    }


@pytest_asyncio.fixture
async def open_hospital(database: DatabaseAccess, tmp_path: Path) -> AsyncIterator[Hospital]:
    """At a server whose operator allows the loopback."""
    async with (
        serving(database, tmp_path, subscription_allow="127.0.0.0/8, localhost") as server,
        hospital_of(server) as hospital,
    ):
        yield hospital


async def refused(hospital: Hospital, document: Json, status: int = 422) -> tuple[list[str], list[str]]:
    answer = await hospital.http.post("Subscription", json=document)
    assert answer.status_code == status, answer.text
    outcome = body(answer)
    return codes_of(outcome), expressions_of(outcome)


async def test_a_topic_subscription_waits_for_its_handshake(hospital: Hospital) -> None:
    created = await hospital.create(topic_subscription())

    assert created["status"] == "requested"
    assert await hospital.read(f"Subscription/{created['id']}") == created


@pytest.mark.parametrize("sent", ["requested", "active"])
async def test_criteria_and_websockets_need_no_handshake(hospital: Hospital, sent: str) -> None:
    websocket = topic_subscription(type="websocket")
    del websocket["channel"]["endpoint"]
    for document in (search_subscription(), websocket):
        assert (await hospital.create({**document, "status": sent}))["status"] == "active"


async def test_the_headers_and_the_secret_are_masked_wherever_they_are_read(hospital: Hospital) -> None:
    document = search_subscription(
        header=["Authorization: Bearer abc-secret", "X-Tenant: kabul-secret"],
        extension=[{"url": SECRET_URL, "valueString": SECRET}],
    )
    created = await hospital.create(document)
    url = f"Subscription/{created['id']}"

    assert created["channel"]["header"] == [f"Authorization: {MASK}", f"X-Tenant: {MASK}"]
    assert created["channel"]["extension"] == [{"url": SECRET_URL, "valueString": MASK}]
    for path in (url, f"{url}/_history", f"{url}/_history/1", "Subscription", "_history", f"{url}/$meta"):
        answer = await hospital.http.get(path)
        assert answer.status_code == 200
        assert "secret" not in answer.text.replace("webhook-secret", "")
        assert SECRET not in answer.text


def secrets_of(access: DatabaseAccess, subscription_id: str) -> Any:
    with psycopg.connect(access.superuser) as connection:
        return connection.execute(
            "SELECT headers, signing_key, earlier_key FROM billing.subscription_secret WHERE id = %s", [subscription_id]
        ).fetchone()


async def test_a_masked_value_that_is_sent_back_leaves_the_secret_as_it_is(hospital: Hospital) -> None:
    access = hospital.server.access
    created = await hospital.create(
        search_subscription(
            header=["Authorization: Bearer one", "X-A: two"], extension=[{"url": SECRET_URL, "valueString": SECRET}]
        )
    )
    url = f"Subscription/{created['id']}"
    created["channel"]["header"] = [f"X-A: {MASK}", f"authorization: {MASK}", "X-B: three"]
    assert (await hospital.http.put(url, json=created)).status_code == 200
    assert secrets_of(access, created["id"]) == (["X-A: two", "Authorization: Bearer one", "X-B: three"], SECRET, None)

    new_secret = SECRET[:-4] + "AAAA"
    patch = [{"op": "replace", "path": "/channel/extension/0/valueString", "value": new_secret}]
    answer = await hospital.http.patch(
        url, content=json.dumps(patch), headers={"content-type": "application/json-patch+json"}
    )
    assert answer.status_code == 200
    assert secrets_of(access, created["id"])[1:] == (new_secret, SECRET)


async def test_a_mask_of_a_value_that_is_not_kept_is_refused(hospital: Hospital) -> None:
    document = search_subscription(
        header=[f"X-A: {MASK}"],
        extension=[{"url": SECRET_URL, "valueString": MASK}, {"url": "urn:x", "valueCode": "y"}],
    )
    assert await refused(hospital, document) == (
        ["masked-value-unknown", "masked-value-unknown"],
        ["Subscription.channel.header[0]", "Subscription.channel.extension[0].value"],
    )


@pytest.mark.parametrize(
    ("document", "code", "place"),
    [
        (topic_subscription("no-such"), "topic-unknown", "Subscription.criteria"),
        (search_subscription("Patient?name=x"), "criteria-not-understood", "Subscription.criteria"),
        (search_subscription("Subscription?status=off"), "criteria-not-understood", "Subscription.criteria"),
        (search_subscription("Invoice?nonsense=1"), "criteria-not-understood", "Subscription.criteria"),
        (search_subscription("Invoice?_count=5"), "criteria-not-understood", "Subscription.criteria"),
        (search_subscription("Invoice?account.identifier=1"), "criteria-not-understood", "Subscription.criteria"),
        (
            topic_subscription("invoice-issued", "patient=1", "colour=red"),
            "criteria-not-understood",
            "Subscription.criteria.extension[1].value",
        ),
        (
            topic_subscription("invoice-issued", "ChargeItem?patient=1"),
            "filter-invalid",
            "Subscription.criteria.extension[0].value",
        ),
        (topic_subscription("invoice-issued", "patient"), "filter-invalid", "Subscription.criteria.extension[0].value"),
        (search_subscription(type="email"), "channel-not-supported", "Subscription.channel.type"),
        (
            topic_subscription(
                _type={
                    "extension": [{"url": f"{BACKPORT}channel-type", "valueCoding": {"system": "urn:z", "code": "z"}}]
                }
            ),
            "channel-not-supported",
            "Subscription.channel.type.extension[0].value",
        ),
        (search_subscription(payload="text/plain"), "payload-not-supported", "Subscription.channel.payload"),
        (
            search_subscription(payload="application/fhir+json; fhirVersion=5.0"),
            "payload-not-supported",
            "Subscription.channel.payload",
        ),
        (topic_subscription(_payload=None), "payload-content", "Subscription.channel.payload.extension"),
        (topic_subscription(payload=None), "payload-missing", "Subscription.channel.payload"),
        (search_subscription(endpoint=None), "endpoint-missing", "Subscription.channel.endpoint"),
        (search_subscription(header=["no colon"]), "header-invalid", "Subscription.channel.header[0]"),
        (search_subscription(header=["A: b", "Host: x"]), "header-invalid", "Subscription.channel.header[1]"),
        (search_subscription(header=["A: b\r\nC: d"]), "header-invalid", "Subscription.channel.header[0]"),
        (search_subscription(header=["webhook-id: b"]), "header-invalid", "Subscription.channel.header[0]"),
        (
            search_subscription(extension=[{"url": SECRET_URL, "valueString": "short"}]),
            "webhook-secret-invalid",
            "Subscription.channel.extension[0].value",
        ),
        (
            topic_subscription(extension=[{"url": f"{BACKPORT}max-count", "valuePositiveInt": 100000}]),
            "channel-limit",
            f"Subscription.channel.extension.where(url='{BACKPORT}max-count').value",
        ),
        ({**search_subscription(), "end": "2020-01-01T00:00:00Z"}, "end-in-past", "Subscription.end"),
        ({**search_subscription(), "status": "error"}, "server-owned", "Subscription.status"),
        ({**search_subscription(), "error": "mine"}, "server-owned", "Subscription.error"),
    ],
)
async def test_what_cannot_be_done_is_refused_with_its_place(
    hospital: Hospital, document: Json, code: str, place: str
) -> None:
    document = json.loads(json.dumps(document))
    for name in [name for name, value in document["channel"].items() if value is None]:
        del document["channel"][name]
    assert await refused(hospital, document) == ([code], [place])


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://claims.example.org/notify",
        "http://127.0.0.1:9000/",
        "https://127.0.0.1/",
        "https://localhost/",
        "https://10.0.0.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://metadata.google.internal/",
        "https://printer.local/",
        "https://claims/",
        "https://user:pass@claims.example.org/",
        "ftp://claims.example.org/",
        "file:///etc/passwd",
        "https://",
    ],
)
async def test_an_endpoint_inside_a_network_is_refused(hospital: Hospital, endpoint: str) -> None:
    assert await refused(hospital, search_subscription(endpoint=endpoint)) == (
        ["endpoint-not-allowed"],
        ["Subscription.channel.endpoint"],
    )


async def test_an_endpoint_that_the_operator_allows_is_taken(open_hospital: Hospital) -> None:
    for endpoint in ("http://127.0.0.1:9000/", "http://localhost:9000/x"):
        assert (await open_hospital.create(search_subscription(endpoint=endpoint)))["status"] == "active"
    assert await refused(open_hospital, search_subscription(endpoint="http://10.0.0.1/")) == (
        ["endpoint-not-allowed"],
        ["Subscription.channel.endpoint"],
    )


async def test_who_may_not_read_a_type_is_not_told_of_it(server: Server, hospital: Hospital) -> None:
    token = server.token(hospital.tenant_id, "system/Subscription.cruds system/ChargeItem.r")
    async with server.client(token) as http:
        answers = [
            await http.post("Subscription", json=document)
            for document in (
                search_subscription(),
                topic_subscription("resource-changed"),
                topic_subscription("resource-changed", "ChargeItem?status=billable"),
                search_subscription("ChargeItem?status=billable"),
            )
        ]
    assert [answer.status_code for answer in answers] == [403, 403, 201, 201]


async def test_a_subscription_is_found_by_what_r4_and_the_guide_search_by(hospital: Hospital) -> None:
    document = topic_subscription("invoice-issued", "Invoice?patient=Patient/1", "status=issued")
    document["contact"] = [{"system": "email", "value": "claims@example.org"}]
    created = await hospital.create(document)
    await hospital.create(search_subscription(endpoint="https://other.example.org/"))
    for query in (
        f"url={ENDPOINT}",
        "status=requested",
        "type=rest-hook&payload=application/fhir%2Bjson",
        "criteria:contains=invoice-issued",
        f"topic={TOPIC}invoice-issued",
        "filter-criteria=Invoice?patient",
        "filter-criteria:exact=status%3Dissued",
        "payload-type=id-only",
        "contact=claims@example.org",
    ):
        found = await hospital.read(f"Subscription?{query}")
        assert [entry["resource"]["id"] for entry in found.get("entry", [])] == [created["id"]], query


async def test_a_subscription_is_changed_switched_off_and_deleted(hospital: Hospital) -> None:
    created = await hospital.create(search_subscription())
    url = f"Subscription/{created['id']}"
    answer = await hospital.http.put(url, json={**created, "status": "off"})
    assert body(answer)["status"] == "off"
    answer = await hospital.http.put(url, json={**created, "status": "requested", "reason": "Anew"})
    assert (body(answer)["status"], body(answer)["reason"]) == ("active", "Anew")
    assert (await hospital.http.put(url, json={**created, "status": "error"})).status_code == 422
    assert (await hospital.http.delete(url)).status_code == 204
    assert (await hospital.http.get(url)).status_code == 410
    assert (await hospital.http.put(url, json=created)).status_code == 201
    history = await hospital.read(f"{url}/_history")
    assert [entry["request"]["method"] for entry in history["entry"]] == ["POST", "DELETE", "PUT", "PUT", "POST"]


async def test_another_tenant_sees_no_subscription_of_mine(server: Server, hospital: Hospital) -> None:
    created = await hospital.create(search_subscription())
    async with hospital_of(server) as other:
        assert (await other.http.get(f"Subscription/{created['id']}")).status_code == 404
        assert (await other.read("Subscription")).get("total", 0) == 0

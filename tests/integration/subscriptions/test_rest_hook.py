"""What a subscriber over a rest-hook is sent: handshake, events in order, heartbeats; and what becomes of failures."""

from __future__ import annotations

import asyncio
import base64
import hmac
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from lxml import etree

from subscriptions.dispatcher import Dispatcher
from tests.database_server import DatabaseAccess
from tests.integration.fhir_server.test_subscription import (
    BACKPORT,
    SECRET,
    SECRET_URL,
    TOPIC,
    search_subscription,
    topic_subscription,
)
from tests.integration.serving import BASE, Hospital, Json, body, charge_item
from tests.integration.subscriptions.conftest import dispatching
from tests.integration.subscriptions.receiver import Received, Receiver, receiving

pytestmark = pytest.mark.usefixtures("dispatcher")


def with_content(content: str, **channel: Any) -> Json:
    return {"_payload": {"extension": [{"url": f"{BACKPORT}payload-content", "valueCode": content}]}, **channel}


def with_limits(**limits: int) -> Json:
    kinds = {"heartbeat_period": "UnsignedInt", "timeout": "UnsignedInt", "max_count": "PositiveInt"}
    return {
        "extension": [
            {"url": f"{BACKPORT}{name.replace('_', '-')}", f"value{kinds[name]}": value}
            for name, value in limits.items()
        ]
    }


async def status_of(hospital: Hospital, subscription: Json) -> Json:
    return await hospital.read(f"Subscription/{subscription['id']}")


async def until_status(hospital: Hospital, subscription: Json, status: str) -> Json:
    async with asyncio.timeout(30):
        while True:
            found = await status_of(hospital, subscription)
            if found["status"] == status:
                return found
            await asyncio.sleep(0.02)


async def subscribed(hospital: Hospital, receiver: Receiver, topic: str = "invoice-issued", **channel: Any) -> Json:
    """A topic subscription that is active."""
    created = await hospital.create(topic_subscription(topic, endpoint=receiver.url, **channel))
    return await until_status(hospital, created, "active")


async def test_a_handshake_makes_it_active_and_an_issued_invoice_is_told(
    hospital: Hospital, receiver: Receiver
) -> None:
    subscription = await subscribed(hospital, receiver, header=["Authorization: Bearer abc"])
    _, invoice = await hospital.issued()
    await receiver.until(lambda: receiver.numbers == [1])

    handshake, told = receiver.received
    assert handshake.status == {
        "subscription": {"reference": f"{BASE}/Subscription/{subscription['id']}"},
        "topic": f"{TOPIC}invoice-issued",
        "status": "requested",
        "type": "handshake",
        "events-since-subscription-start": "0",
    }
    assert told.method == "POST"
    assert told.headers["Authorization"] == "Bearer abc"
    assert told.headers["Content-Type"] == "application/fhir+json"
    bundle = told.document
    assert bundle["type"] == "history"
    assert told.status["events-since-subscription-start"] == "1"
    assert bundle["entry"][1] == {
        "fullUrl": f"{BASE}/Invoice/{invoice['id']}",
        "request": {"method": "PUT", "url": f"Invoice/{invoice['id']}"},
        "response": {
            "status": "200",
            "etag": 'W/"2"',
            "lastModified": invoice["meta"]["lastUpdated"],
        },
    }
    event = told.status["notification-event"]
    assert {part["name"]: next(v for k, v in part.items() if k != "name") for part in event} == {
        "event-number": "1",
        "timestamp": invoice["meta"]["lastUpdated"],
        "focus": {"reference": f"{BASE}/Invoice/{invoice['id']}"},
    }


@pytest.mark.parametrize("content", ["empty", "full-resource"])
async def test_a_notification_holds_what_the_payload_content_says(
    hospital: Hospital, receiver: Receiver, content: str
) -> None:
    await subscribed(hospital, receiver, **with_content(content))
    _, invoice = await hospital.issued()
    await receiver.until(lambda: receiver.numbers == [1])

    told = receiver.received[-1]
    focus = [part["name"] for part in told.status["notification-event"]]
    if content == "empty":
        assert len(told.document["entry"]) == 1
        assert focus == ["event-number", "timestamp"]
        assert "topic" not in told.status
    else:
        assert told.document["entry"][1]["resource"] == invoice
        assert told.status["topic"] == f"{TOPIC}invoice-issued"


async def test_xml_is_sent_where_the_subscriber_wants_it(hospital: Hospital, receiver: Receiver) -> None:
    created = await hospital.create(
        topic_subscription(endpoint=receiver.url, **with_content("full-resource", payload="application/fhir+xml"))
    )
    await until_status(hospital, created, "active")
    await hospital.issued()
    await receiver.until(lambda: len(receiver.received) >= 2)
    root = etree.fromstring(receiver.received[-1].body)
    assert etree.QName(root).localname == "Bundle"
    assert receiver.received[-1].headers["Content-Type"] == "application/fhir+xml"
    assert root.find(".//{*}Invoice") is not None


async def test_events_come_in_order_and_as_many_at_once_as_are_wanted(hospital: Hospital, receiver: Receiver) -> None:
    await subscribed(hospital, receiver, "charge-captured", **with_limits(max_count=4))
    account = await hospital.account()
    entries = [
        {"resource": charge, "request": {"method": "POST", "url": "ChargeItem"}}
        for charge in [charge_item(f"Account/{account['id']}") for _ in range(10)]
    ]
    answer = await hospital.http.post("", json={"resourceType": "Bundle", "type": "transaction", "entry": entries})
    assert answer.status_code == 200, answer.text
    await receiver.until(lambda: len(receiver.numbers) >= 10)

    assert receiver.numbers == list(range(1, 11))
    assert max(len(each.numbers) for each in receiver.received) == 4


async def test_only_what_the_filters_let_through_is_told(hospital: Hospital, receiver: Receiver) -> None:
    first, second = await hospital.account(), await hospital.account()
    document = topic_subscription(
        "charge-captured",
        f"ChargeItem?account=Account/{second['id']}",
        "amount=ge200",
        "patient=Patient/p1",
        endpoint=receiver.url,
    )
    created = await hospital.create(document)
    await until_status(hospital, created, "active")
    await hospital.charge(first, 300)
    await hospital.charge(second, 100)
    wanted = await hospital.charge(second, 300)
    await receiver.until(lambda: receiver.numbers == [1])

    [focus] = [
        part["valueReference"]["reference"]
        for part in receiver.received[-1].status["notification-event"]
        if part["name"] == "focus"
    ]
    assert focus == f"{BASE}/ChargeItem/{wanted['id']}"


async def test_r4_criteria_are_met_by_the_new_value_of_a_resource(hospital: Hospital, receiver: Receiver) -> None:
    await hospital.create(search_subscription("Invoice?status=issued&patient=Patient/p1", endpoint=receiver.url))
    _, invoice = await hospital.issued()
    await receiver.until(lambda: bool(receiver.received))
    [told] = receiver.received
    assert (told.method, told.path, told.body) == ("POST", "/notify", b"")
    assert "Content-Type" not in told.headers
    assert invoice["status"] == "issued"


async def test_with_a_payload_r4_criteria_put_the_resource(hospital: Hospital, receiver: Receiver) -> None:
    await hospital.create(
        search_subscription("Invoice?status=issued", endpoint=receiver.url, payload="application/fhir+json")
    )
    _, invoice = await hospital.issued()
    await receiver.until(lambda: bool(receiver.received))
    [told] = receiver.received
    assert (told.method, told.path) == ("PUT", f"/notify/Invoice/{invoice['id']}")
    assert told.document == invoice


async def test_a_deleted_resource_is_told_to_who_follows_all_changes(hospital: Hospital, receiver: Receiver) -> None:
    await subscribed(hospital, receiver, "account-changed", **with_content("full-resource"))
    account = await hospital.account()
    assert (await hospital.http.delete(f"Account/{account['id']}")).status_code == 204
    await receiver.until(lambda: receiver.numbers == [1, 2])

    entry = receiver.received[-1].document["entry"][1]
    assert entry["request"] == {"method": "DELETE", "url": f"Account/{account['id']}"}
    assert "resource" not in entry


async def test_what_is_sent_is_signed_with_the_new_key_and_for_a_while_with_the_old(
    hospital: Hospital, receiver: Receiver
) -> None:
    subscription = await subscribed(hospital, receiver, extension=[{"url": SECRET_URL, "valueString": SECRET}])
    await hospital.issued()
    await receiver.until(lambda: receiver.numbers == [1])
    told = receiver.received[-1]
    assert told.headers["webhook-signature"] == signature(told, SECRET)
    assert told.headers["webhook-id"] == f"{subscription['id']}-1-1"

    new = "whsec_" + base64.b64encode(b"n" * 32).decode()
    subscription["channel"]["extension"][0]["valueString"] = new
    assert (await hospital.http.put(f"Subscription/{subscription['id']}", json=subscription)).status_code == 200
    await hospital.issued()
    await receiver.until(lambda: receiver.numbers == [1, 2])
    told = receiver.received[-1]
    assert told.headers["webhook-signature"].split() == [signature(told, new), signature(told, SECRET)]


def signature(told: Received, secret: str) -> str:
    content = f"{told.headers['webhook-id']}.{told.headers['webhook-timestamp']}.".encode() + told.body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    return "v1," + base64.b64encode(hmac.new(key, content, "sha256").digest()).decode()


async def test_a_heartbeat_comes_when_nothing_else_does(hospital: Hospital, receiver: Receiver) -> None:
    await subscribed(hospital, receiver, **with_limits(heartbeat_period=1))
    await receiver.until(lambda: receiver.kinds.count("heartbeat") == 2)

    assert receiver.received[-1].status["events-since-subscription-start"] == "0"


async def test_a_failed_handshake_is_an_error_until_it_is_requested_again(
    hospital: Hospital, receiver: Receiver
) -> None:
    receiver.answer = lambda _: 403
    created = await hospital.create(topic_subscription(endpoint=receiver.url))
    failed = await until_status(hospital, created, "error")
    assert failed["error"] == "The handshake failed: HTTP 403"

    await hospital.issued()
    receiver.answer = lambda _: 200
    answer = await hospital.http.put(f"Subscription/{created['id']}", json={**failed, "status": "requested"})
    assert (body(answer)["status"], "error" in body(answer)) == ("requested", False)
    await receiver.until(lambda: receiver.numbers == [1])


async def test_a_subscriber_that_fails_is_tried_again_and_gets_all_in_order(
    hospital: Hospital, receiver: Receiver
) -> None:
    await subscribed(hospital, receiver, "charge-captured")
    seen: list[tuple[int, ...]] = []

    def sometimes(told: Received) -> int:
        seen.append(tuple(told.numbers))
        return 200 if len(seen) % 3 == 0 else 503

    receiver.answer = sometimes
    account = await hospital.account()
    for _ in range(4):
        await hospital.charge(account)
    await receiver.until(lambda: len(receiver.numbers) >= 4)

    assert receiver.numbers == [1, 2, 3, 4]
    assert seen == [(n,) for n in (1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4)]


async def test_who_fails_too_often_is_in_error_and_resumes_with_what_was_missed(
    hospital: Hospital, receiver: Receiver
) -> None:
    subscription = await subscribed(hospital, receiver)
    receiver.answer = lambda _: 500
    await hospital.issued()
    failed = await until_status(hospital, subscription, "error")
    assert failed["error"] == "Event 1 could not be delivered: HTTP 500"
    await hospital.issued()

    receiver.answer = lambda _: 200
    await hospital.http.put(f"Subscription/{failed['id']}", json={**failed, "status": "requested"})
    await receiver.until(lambda: receiver.numbers == [1, 2])
    assert receiver.kinds[-3] == "handshake"


async def test_a_redirect_is_not_followed(hospital: Hospital, receiver: Receiver) -> None:
    receiver.answer = lambda _: 302
    created = await hospital.create(topic_subscription(endpoint=receiver.url))
    failed = await until_status(hospital, created, "error")
    assert failed["error"] == "The handshake failed: HTTP 302, a redirect, which is not followed"


async def test_gone_is_an_error_at_once(hospital: Hospital, receiver: Receiver) -> None:
    subscription = await subscribed(hospital, receiver)
    receiver.answer = lambda _: 410
    await hospital.issued()
    assert "HTTP 410" in (await until_status(hospital, subscription, "error"))["error"]


async def test_an_endpoint_that_hangs_fails_after_its_timeout(hospital: Hospital, receiver: Receiver) -> None:
    async def hang(_: Received) -> int:
        await asyncio.sleep(3600)
        return 200

    receiver.answer = hang
    created = await hospital.create(topic_subscription(endpoint=receiver.url, **with_limits(timeout=1)))
    failed = await until_status(hospital, created, "error")
    assert failed["error"] == "The handshake failed: no answer within 1 seconds"


async def test_who_is_off_is_told_nothing_and_later_not_of_what_was_meanwhile(
    hospital: Hospital, receiver: Receiver
) -> None:
    subscription = await subscribed(hospital, receiver)
    url = f"Subscription/{subscription['id']}"
    await hospital.http.put(url, json={**subscription, "status": "off"})
    await hospital.issued()
    await hospital.http.put(url, json={**subscription, "status": "requested"})
    await until_status(hospital, subscription, "active")
    _, wanted = await hospital.issued()
    await receiver.until(lambda: receiver.numbers == [1])
    assert wanted["id"] in receiver.received[-1].body.decode()


async def test_at_its_end_a_subscription_is_off(hospital: Hospital, receiver: Receiver) -> None:
    end = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
    created = await hospital.create({**topic_subscription(endpoint=receiver.url), "end": end})
    await until_status(hospital, created, "off")


async def test_a_slow_endpoint_delays_no_other(hospital: Hospital, receiver: Receiver) -> None:
    async with receiving() as slow:
        release = asyncio.Event()

        async def hang(told: Received) -> int:
            if told.kind == "event-notification":
                await release.wait()
            return 200

        slow.answer = hang
        for _ in range(12):
            await subscribed(hospital, slow)
        await subscribed(hospital, receiver)
        await hospital.issued()
        await receiver.until(lambda: receiver.numbers == [1])
        assert slow.numbers == []
        release.set()
        await slow.until(lambda: slow.numbers == [1] * 12)


async def test_two_dispatchers_share_the_work_and_never_send_out_of_order(
    database: DatabaseAccess, dispatcher: Dispatcher, hospital: Hospital
) -> None:
    async with dispatching(database), dispatching(database):
        receivers = []
        async with receiving() as first, receiving() as second, receiving() as third:
            for each in (first, second, third):
                await subscribed(hospital, each, "charge-captured", **with_limits(max_count=3))
                receivers.append(each)
            account = await hospital.account()
            await asyncio.gather(*(hospital.charge(account) for _ in range(40)))
            for each in receivers:
                await each.until(lambda each=each: len(each.numbers) >= 40)  # type: ignore[misc]
                assert each.numbers == list(range(1, 41))


async def test_who_has_lost_its_locks_with_its_connection_sends_nothing_out_of_order(
    database: DatabaseAccess, hospital: Hospital, receiver: Receiver
) -> None:
    await subscribed(hospital, receiver, "charge-captured")
    release, hangs = asyncio.Event(), asyncio.Event()

    async def hang_once(told: Received) -> int:
        if told.numbers == [2] and not hangs.is_set():
            hangs.set()
            await release.wait()
        return 200

    receiver.answer = hang_once
    account = await hospital.account()
    async with dispatching(database):
        for _ in range(5):
            await hospital.charge(account)
        await hangs.wait()
        with psycopg.connect(database.superuser, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND usename = 'billing_worker'"
            )
        await receiver.until(lambda: 5 in receiver.numbers)
        release.set()
        await receiver.until(lambda: receiver.numbers.count(2) >= 2)
    assert list(dict.fromkeys(receiver.numbers)) == [1, 2, 3, 4, 5]
